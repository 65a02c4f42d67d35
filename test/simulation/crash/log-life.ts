// One life of the log on a simulated disk, from opening to the power cut or the clean close: the group
// commit and its partitions, without the broker around them.
import { batchCrc, readBatchHeader } from '../../../src/broker/batch/header.ts'
import { readRecords } from '../../../src/broker/batch/records.ts'
import type { LogFaults } from '../../../src/broker/log/faults.ts'
import { FileCache } from '../../../src/broker/log/file-cache.ts'
import { GroupCommit } from '../../../src/broker/log/group-commit.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../../src/broker/log/log-config.ts'
import { PartitionLog } from '../../../src/broker/log/partition-log.ts'
import { nodeNet } from '../../../src/host/node-net.ts'
import type { SimDisk } from '../sim-disk.ts'
import type { SimWorld } from '../sim-world.ts'
import { BreachError, type ReadRecord } from './ledger.ts'
import type { LogSettings } from './log-settings.ts'

const TOPIC = 'orders'
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAABA'
const READ_BYTES = 10_000
const COMPACTED: Partial<LogConfig> = { cleanupPolicy: ['compact'], fileDeleteDelayMs: 3 }

export interface LifeOptions {
  readonly world: SimWorld
  readonly disk: SimDisk
  readonly settings: LogSettings
  readonly faults: LogFaults
  readonly wasCleanStop: boolean
  /** The broker would end here. */
  readonly onFatal: (error: unknown) => void
  /** How many unclean starts there were. */
  readonly leaderEpoch: number
}

export class LogLife {
  readonly #commit: GroupCommit
  readonly logs: readonly PartitionLog[]

  private constructor(commit: GroupCommit, logs: readonly PartitionLog[]) {
    this.#commit = commit
    this.logs = logs
  }

  static async open(options: LifeOptions): Promise<LogLife> {
    const { world, disk, settings, faults } = options
    const { clock, timers, random } = world
    const host = { disk, net: nodeNet, clock, timers, random }
    const commit = await GroupCommit.open({
      host,
      folder: 'journal',
      config: {
        journalFileBytes: settings.journalFileBytes,
        checkpointIntervalMs: settings.checkpointIntervalMs,
      },
      faults,
      onFatal: options.onFatal,
    })
    const files = new FileCache({ disk, maxOpenFiles: settings.maxOpenFiles })
    const { segmentBytes, isCompacted } = settings
    const config: LogConfig = {
      ...DEFAULT_LOG_CONFIG,
      segmentBytes,
      ...(isCompacted && COMPACTED),
    }
    const logs: PartitionLog[] = []
    for (let partition = 0; partition < settings.partitions; partition++) {
      const folder = `topics/${TOPIC}-${partition}`
      const { wasCleanStop, leaderEpoch } = options
      const place = { host, folder, topic: TOPIC, partition, topicId: TOPIC_ID }
      logs.push(
        await PartitionLog.open({ ...place, config, leaderEpoch, commit, files, wasCleanStop }),
      )
    }
    await commit.finishRecovery()
    return new LogLife(commit, logs)
  }

  async close(): Promise<void> {
    await Promise.all(this.logs.map((log) => log.close())) // as the broker does: many at once
    await this.#commit.close()
  }
}

/**
 * Some records from `fromOffset` on, below the high watermark; none when the log went offline, or where
 * compaction has left none.
 */
export async function readSome(
  log: PartitionLog,
  fromOffset: number,
): Promise<{ records: ReadRecord[]; nextOffset: number }> {
  const request = { maxBytes: READ_BYTES, upTo: 'highWatermark', atLeastOneBatch: true } as const
  const outcome = await log.read({ fromOffset, ...request })
  if (outcome.kind === 'offline') return { records: [], nextOffset: fromOffset }
  if (outcome.kind !== 'records') {
    throw new BreachError('offline', `${nameOf(log)}@${fromOffset} is ${outcome.kind}`)
  }
  const records: ReadRecord[] = []
  let nextOffset = fromOffset
  for (let at = 0; at < outcome.bytes.length; ) {
    const { sizeBytes, crc, lastOffset } = readBatchHeader(outcome.bytes, at)
    const batch = outcome.bytes.subarray(at, at + sizeBytes)
    if (batchCrc(batch, 0, sizeBytes) !== crc) {
      throw new BreachError('invented', `${nameOf(log)}@${fromOffset}: a batch with a wrong CRC`)
    }
    for (const { offset, value } of readRecords(batch)) {
      if (offset >= fromOffset) records.push({ offset, value: String(value) })
    }
    at += sizeBytes
    nextOffset = lastOffset + 1
  }
  return { records, nextOffset }
}

/** Everything from the first offset to the high watermark. */
export async function readAll(log: PartitionLog): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  let next = log.logStartOffset
  while (next < log.highWatermark) {
    const some = await readSome(log, next)
    if (some.nextOffset === next) break
    records.push(...some.records)
    next = some.nextOffset
  }
  return records
}

export function nameOf(log: PartitionLog): string {
  return `${log.topic}-${log.partition}`
}
