// A compacted partition on a memory disk, for tests: records in, segments closed at will, the clock
// in the test's hand, and everything that a reader would find.

import type { Clock } from '../../host/clock.ts'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch, type NewBatch } from '../batch/builder.ts'
import { readBatchHeader } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { FileCache } from './file-cache.ts'
import { GroupCommit } from './group-commit.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'
import type { AppendOutcome } from './partition-log.ts'
import { PartitionLog } from './partition-log.ts'

export const START_MS = 1_700_000_000_000
const FOLDER = 'topics/orders-0'

export interface FoundRecord {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

export interface WorldOptions {
  readonly disk?: Disk
  readonly config?: Partial<LogConfig>
  readonly wasCleanStop?: boolean
  readonly nowMs?: number
}

export class CompactedLog {
  readonly disk: Disk
  readonly log: PartitionLog
  readonly #options: WorldOptions
  readonly #commit: GroupCommit
  readonly #clock: { ms: number }
  readonly config: LogConfig

  private constructor(
    options: WorldOptions,
    opened: { disk: Disk; log: PartitionLog; commit: GroupCommit; clock: { ms: number } },
    config: LogConfig,
  ) {
    this.#options = options
    this.disk = opened.disk
    this.log = opened.log
    this.#commit = opened.commit
    this.#clock = opened.clock
    this.config = config
  }

  static async open(options: WorldOptions = {}): Promise<CompactedLog> {
    const disk = options.disk ?? memoryDisk({ maxBytes: 256 * 1024 * 1024 })
    const ticking = { ms: options.nowMs ?? START_MS }
    const node = nodeHost({ disk })
    const clock: Clock = { ...node.clock, nowMs: () => ticking.ms }
    const host = { ...node, clock }
    const commit = await GroupCommit.open({
      host,
      folder: 'journal',
      onFatal: (error) => {
        throw error
      },
    })
    const config: LogConfig = {
      ...DEFAULT_LOG_CONFIG,
      cleanupPolicy: ['compact'],
      minCleanableDirtyRatio: 0,
      ...options.config,
    }
    const log = await PartitionLog.open({
      host,
      folder: FOLDER,
      topic: 'orders',
      partition: 0,
      topicId: 'AAAAAAAAAAAAAAAAAAAABA',
      config,
      leaderEpoch: 0,
      commit,
      files: new FileCache({ disk, maxOpenFiles: 20 }),
      wasCleanStop: options.wasCleanStop ?? true,
    })
    await commit.finishRecovery()
    return new CompactedLog(options, { disk, log, commit, clock: ticking }, config)
  }

  get nowMs(): number {
    return this.#clock.ms
  }

  pass(ms: number): void {
    this.#clock.ms += ms
  }

  async append(
    records: readonly (readonly [key: string | null, value: string | null])[],
    fields: Partial<NewBatch> = {},
  ): Promise<AppendOutcome> {
    const batch = buildBatch({
      records: records.map(([key, value]) => ({
        timestamp: this.nowMs,
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
      })),
      ...fields,
    })
    return await this.log.append(batch, { acks: -1, origin: 'internal' })
  }

  /** As a client does: sequences count. */
  async send(batch: Partial<NewBatch> & Pick<NewBatch, 'records'>): Promise<AppendOutcome> {
    return await this.log.append(buildBatch(batch), { acks: -1, origin: 'client' })
  }

  /** What is written from now on stands in another segment. */
  async roll(): Promise<void> {
    this.log.updateConfig({ ...this.config, maxCompactionLagMs: 1 })
    this.pass(2)
    await this.log.upkeep.rollIfDue(this.nowMs)
    this.log.updateConfig(this.config)
  }

  async compact(map = { maxBytes: 1024 * 1024, loadFactor: 0.9 }) {
    return await this.log.upkeep.compact({ map, signal: new AbortController().signal })
  }

  /** All records from the log start on, and the headers of the batches that they stand in. */
  async contents(upTo: 'highWatermark' | 'lastStableOffset' = 'highWatermark') {
    const records: FoundRecord[] = []
    const headers = []
    let offset = this.log.logStartOffset
    while (offset < this.log.highWatermark) {
      const request = { fromOffset: offset, maxBytes: 4096, upTo, atLeastOneBatch: true }
      const outcome = await this.log.read(request)
      if (outcome.kind !== 'records' || outcome.bytes.length === 0) {
        if (outcome.kind !== 'records')
          throw new Error(`${outcome.kind}: ${this.log.offlineReason}`)
        break
      }
      for (let at = 0; at < outcome.bytes.length; ) {
        const header = readBatchHeader(outcome.bytes, at)
        headers.push(header)
        const batch = outcome.bytes.subarray(at, at + header.sizeBytes)
        for (const record of readRecords(batch)) {
          const { key, value } = record
          records.push({
            offset: record.offset,
            key: key?.toString() ?? null,
            value: value?.toString() ?? null,
          })
        }
        at += header.sizeBytes
        offset = header.lastOffset + 1
      }
    }
    return { records, headers, endOffset: offset }
  }

  async files(): Promise<string[]> {
    return (await this.disk.list(FOLDER)).sort()
  }

  async close(): Promise<void> {
    await this.log.close()
    await this.#commit.close()
  }

  /** Closes it, and opens it again on the same disk, or with other settings. */
  async restart(options: Omit<WorldOptions, 'disk'> = {}): Promise<CompactedLog> {
    await this.close()
    return await CompactedLog.open({
      ...this.#options,
      nowMs: this.nowMs,
      ...options,
      disk: this.disk,
    })
  }
}
