// Which partition is compacted next: the dirtiest of those that are due, one at a time, until none
// is. One that failed is left alone for a while, so that a full disk or a damaged file is not read
// over and over. Keys carry the names of Kafka's log cleaner.

import type { Clock, Timers } from '../../host/clock.ts'
import type { BrokerConfig } from '../catalog/broker-config-keys.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { describeError, type JsonLog } from './json-log.ts'

export interface LogCleanerOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly config: BrokerConfig
  readonly log: JsonLog
  /** Every log there is, the broker's own among them; a walk may pause between two of them. */
  readonly logs: () => Iterable<PartitionLog>
}

const RETRY_AFTER_MS = 10 * 60_000
const LOGS_PER_TURN = 500

export class LogCleaner {
  readonly #options: LogCleanerOptions
  /** Not before that moment, on the monotonic clock. */
  readonly #retryAtMs = new WeakMap<PartitionLog, number>()

  constructor(options: LogCleanerOptions) {
    this.#options = options
  }

  /** Compacts all that is due. */
  async run(signal: AbortSignal): Promise<void> {
    if (!this.#options.config.logCleanerEnable) return
    await this.#rollOverdue(signal)
    while (!signal.aborted) {
      const dirtiest = await this.#dirtiest()
      if (dirtiest === undefined || !(await this.#compact(dirtiest, signal))) return
    }
  }

  /** What must not wait any longer for others to fill its segment. */
  async #rollOverdue(signal: AbortSignal): Promise<void> {
    const { clock, timers, logs } = this.#options
    let seen = 0
    for (const log of logs()) {
      if (signal.aborted) return
      await this.#guarded(log, () => log.upkeep.rollIfDue(clock.nowMs()))
      seen += 1
      if (seen % LOGS_PER_TURN === 0) await timers.yield()
    }
  }

  async #dirtiest(): Promise<PartitionLog | undefined> {
    const { clock, timers, logs } = this.#options
    let dirtiest: PartitionLog | undefined
    let ratio = 0
    let seen = 0
    for (const log of logs()) {
      seen += 1
      if (seen % LOGS_PER_TURN === 0) await timers.yield()
      if (this.#isResting(log)) continue
      const cleanable = log.upkeep.cleanable(clock.nowMs())
      if (cleanable?.isDue !== true || cleanable.dirtyRatio <= ratio) continue
      dirtiest = log
      ratio = cleanable.dirtyRatio
    }
    return dirtiest
  }

  /** @returns false when there is no use in going on now */
  async #compact(log: PartitionLog, signal: AbortSignal): Promise<boolean> {
    const { clock, config } = this.#options
    const { topic, partition } = log
    const map = {
      maxBytes: config.logCleanerDedupeBufferSize,
      loadFactor: config.logCleanerIoBufferLoadFactor,
    }
    const beganMs = clock.monotonicMs()
    await this.#guarded(log, async () => {
      const report = await log.upkeep.compact({ map, signal })
      // Deleted meanwhile, or its settings altered: what is still due comes again.
      if (report === undefined) this.#rest(log, config.logCleanerBackoffMs)
      else {
        const ms = Math.round(clock.monotonicMs() - beganMs)
        this.#options.log.info('log-compacted', { topic, partition, ms, ...report })
      }
    })
    return !signal.aborted
  }

  async #guarded(log: PartitionLog, work: () => Promise<void>): Promise<void> {
    if (this.#isResting(log)) return
    try {
      await work()
    } catch (error) {
      const { topic, partition } = log
      this.#rest(log, RETRY_AFTER_MS)
      const reason = describeError(error)
      this.#options.log.error('compaction-failed', { topic, partition, reason })
    }
  }

  #rest(log: PartitionLog, ms: number): void {
    this.#retryAtMs.set(log, this.#options.clock.monotonicMs() + ms)
  }

  #isResting(log: PartitionLog): boolean {
    const retryAtMs = this.#retryAtMs.get(log)
    return retryAtMs !== undefined && this.#options.clock.monotonicMs() < retryAtMs
  }
}
