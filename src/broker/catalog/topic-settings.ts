// The settings of a topic as its partitions act on them: its own, over those of the broker.

import type { LogConfig } from '../log/log-config.ts'
import type { BrokerSettings, ConfigTexts } from './broker-settings.ts'
import { parseConfigText } from './config-value.ts'
import { topicConfigKeys } from './topic-config-keys.ts'

/** @param own texts by key, valid ones only: the catalogue holds no others */
export function logConfigOf(own: ConfigTexts, settings: BrokerSettings): LogConfig {
  const { config } = settings
  const value = (name: string) => {
    const key = topicConfigKeys.get(name)!
    const text = settings.effectiveText(key, own, 'topic')
    return text === null ? undefined : parseConfigText(key.type, text)
  }
  const number = (name: string) => Number(value(name))
  const policies = value('cleanup.policy')
  const isAppendTime = value('message.timestamp.type') === 'LogAppendTime'
  return {
    cleanupPolicy: (['delete', 'compact'] as const).filter(
      (policy) => Array.isArray(policies) && policies.includes(policy),
    ),
    segmentBytes: Number(value('internal.segment.bytes') ?? value('segment.bytes')),
    segmentMs: number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    maxMessageBytes: number('max.message.bytes'),
    messageTimestampType: isAppendTime ? 'LogAppendTime' : 'CreateTime',
    messageTimestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    messageTimestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    deleteRetentionMs: number('delete.retention.ms'),
    compressionType: compressionOf(String(value('compression.type'))),
    compressionGzipLevel: number('compression.gzip.level'),
    compressionZstdLevel: number('compression.zstd.level'),
    minInsyncReplicas: number('min.insync.replicas'),
    producerIdExpirationMs: config.producerIdExpirationMs,
    dedupeWindowMs: number('millrace.dedupe.window.ms'),
    checkCompressedRecords: config.millraceCheckCompressedBatches,
  }
}

/** The check of the key lets nothing else through. */
function compressionOf(text: string): LogConfig['compressionType'] {
  return text === 'uncompressed' ? 'none' : (text as LogConfig['compressionType'])
}
