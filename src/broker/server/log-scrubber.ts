// Reads all closed segments over and over, slowly, so that damage is found while there is still a
// copy elsewhere to mend it from. A partition that is damaged goes offline by itself; what else goes
// wrong with one is told, and the walk goes on with the next.
// Invariant: a second gives so many bytes and no more; what one read took beyond them is missing from
// the seconds after it. The walk goes on where it was, and gives way between two small reads.

import type { Timers } from '../../host/clock.ts'
import type { BrokerConfig } from '../catalog/broker-config-keys.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { ScrubPlace } from '../log/scrub.ts'
import { describeError, type JsonLog } from './json-log.ts'

export interface LogScrubberOptions {
  readonly timers: Timers
  readonly config: Pick<BrokerConfig, 'millraceScrubBytesPerSecond' | 'millraceScrubIntervalMs'>
  readonly log: JsonLog
  /** A walk may pause between two of them for as long as it takes. */
  readonly partitions: { all(): Iterator<PartitionLog> }
}

const SLICE_MS = 1000
/** A start has other things to do. */
const FIRST_AFTER_MS = 60_000
/** Memory for one read, and what others wait for; only a larger batch takes more. */
const READ_BYTES = 1024 * 1024
/** Opening a file and going there counts as reading so much. */
const LEAST_COST_BYTES = 64 * 1024
const LOGS_PER_TURN = 500

/** Once through all logs. */
interface Walk {
  readonly logs: Iterator<PartitionLog>
  log: PartitionLog | undefined
  place: ScrubPlace | undefined
  checkedBytes: number
}

export class LogScrubber {
  readonly #options: LogScrubberOptions
  #walk: Walk | undefined
  #hasWalked = false
  /** Below zero when the last read took more than there was. */
  #allowedBytes = 0
  #logsThisTurn = 0

  constructor(options: LogScrubberOptions) {
    this.#options = options
  }

  /** Until `run` is to be called again. */
  get restMs(): number {
    const { millraceScrubIntervalMs } = this.#options.config
    if (this.#walk !== undefined) return SLICE_MS
    return this.#hasWalked
      ? millraceScrubIntervalMs
      : Math.min(FIRST_AFTER_MS, millraceScrubIntervalMs)
  }

  /** Reads what one second allows. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, partitions, log } = this.#options
    if (config.millraceScrubBytesPerSecond === 0) return
    this.#hasWalked = true
    this.#walk ??= { logs: partitions.all(), log: undefined, place: undefined, checkedBytes: 0 }
    const walk = this.#walk
    this.#allowedBytes = Math.min(this.#allowedBytes, 0) + config.millraceScrubBytesPerSecond
    while (this.#allowedBytes > 0) {
      if (signal.aborted) return
      walk.log ??= await this.#nextLog(walk)
      if (walk.log === undefined) {
        this.#walk = undefined
        if (walk.checkedBytes > 0) log.info('logs-scrubbed', { bytes: walk.checkedBytes })
        return
      }
      await this.#step(walk, walk.log)
    }
  }

  async #nextLog({ logs }: Walk): Promise<PartitionLog | undefined> {
    this.#logsThisTurn += 1
    if (this.#logsThisTurn % LOGS_PER_TURN === 0) await this.#options.timers.yield()
    const { value, done } = logs.next()
    return done === true ? undefined : value
  }

  /** Reads on in this log, or leaves it behind. */
  async #step(walk: Walk, log: PartitionLog): Promise<void> {
    const maxBytes = Math.min(READ_BYTES, this.#allowedBytes)
    try {
      const step = await log.scrub({ from: walk.place, maxBytes })
      walk.place = step?.next
      if (step === undefined) walk.log = undefined
      else {
        walk.checkedBytes += step.checkedBytes
        this.#allowedBytes -= Math.max(step.checkedBytes, LEAST_COST_BYTES)
      }
    } catch (error) {
      walk.log = undefined
      walk.place = undefined
      this.#allowedBytes -= LEAST_COST_BYTES
      const { topic, partition } = log
      const reason = describeError(error)
      this.#options.log.error('scrub-failed', { topic, partition, reason })
    }
  }
}
