// The topic settings that a log acts on, in Kafka's names. Parsing, defaults per broker and the
// keys without effect are the catalogue's; here are plain numbers.
// Sizes are bytes and durations milliseconds; Kafka's Long.MAX arrives as 2^53-1 and means never.

import type { Codec } from '../../host/codec.ts'

export interface LogConfig {
  /** Both at once is Kafka's `compact,delete`. */
  readonly cleanupPolicy: readonly ('delete' | 'compact')[]
  readonly segmentBytes: number
  readonly segmentMs: number
  /** Up to so much earlier, so that the segments of many partitions do not all roll at once. */
  readonly segmentJitterMs: number
  /** Index entries of a segment are bounded by this; each takes 8 bytes in the offset index. */
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  /** -1 = unlimited. */
  readonly retentionBytes: number
  /** -1 = unlimited. */
  readonly retentionMs: number
  /** How long a removed segment's files stay, renamed to `.deleted`, for readers under way. */
  readonly fileDeleteDelayMs: number
  readonly maxMessageBytes: number
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  readonly minCleanableDirtyRatio: number
  /** How long a tombstone stays readable after compaction has first seen it. */
  readonly deleteRetentionMs: number
  /** `producer` keeps every batch as it came; Kafka's `uncompressed` is `none` here. */
  readonly compressionType: Codec | 'producer'
  /** 1..9, or -1 for what the codec takes for best. */
  readonly compressionGzipLevel: number
  readonly compressionZstdLevel: number
  /** Judged by the server: on one node more than one replica in sync can never be had. */
  readonly minInsyncReplicas: number
  /** An idempotent producer that is silent for so long is forgotten. */
  readonly producerIdExpirationMs: number
  /** Of an event store: how long event ids count that were appended without an exact version. */
  readonly dedupeWindowMs: number
  /** Whether compressed batches are decompressed on append to check that they hold what they say. */
  readonly checkCompressedRecords: boolean
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Kafka 4.3's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  cleanupPolicy: ['delete'],
  segmentBytes: 1_073_741_824,
  segmentMs: 7 * DAY_MS,
  segmentJitterMs: 0,
  segmentIndexBytes: 10_485_760,
  indexIntervalBytes: 4096,
  retentionBytes: -1,
  retentionMs: 7 * DAY_MS,
  fileDeleteDelayMs: 60_000,
  maxMessageBytes: 1_048_588,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  messageTimestampAfterMaxMs: HOUR_MS,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  deleteRetentionMs: DAY_MS,
  compressionType: 'producer',
  compressionGzipLevel: -1,
  compressionZstdLevel: 3,
  minInsyncReplicas: 1,
  producerIdExpirationMs: DAY_MS,
  dedupeWindowMs: 7 * DAY_MS,
  checkCompressedRecords: true,
}

export function isCompacted(config: LogConfig): boolean {
  return config.cleanupPolicy.includes('compact')
}
