// Work that nobody asked for: old segments go, compacted topics are compacted, what is stored is
// checked. Invariant: one thing at a time, with a turn for everybody else between two partitions; the
// logs themselves give way inside long work. A partition that fails is its own matter: the others are
// still looked after.

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { describeError, type JsonLog } from './json-log.ts'
import { LogCleaner } from './log-cleaner.ts'
import { LogScrubber } from './log-scrubber.ts'
import type { Partitions } from './partitions.ts'

export interface HousekeepingOptions {
  readonly host: Host
  readonly catalog: Catalog
  readonly partitions: Partitions
  readonly log: JsonLog
}

/** A backoff of nothing would keep the event loop busy with looking. */
const MIN_BACKOFF_MS = 10

interface Job {
  readonly name: string
  everyMs(): number
  run(): Promise<void>
}

export class Housekeeping {
  readonly #options: HousekeepingOptions
  readonly #stop = new AbortController()
  readonly #timers = new Map<string, Timer>()
  /** Jobs that run or wait for their turn. */
  #running: Promise<void> = Promise.resolve()

  constructor(options: HousekeepingOptions) {
    this.#options = options
    const { host, catalog, partitions, log } = options
    const { config } = catalog
    this.#schedule({
      name: 'retention',
      everyMs: () => config.logRetentionCheckIntervalMs,
      run: () => this.#applyRetention(),
    })
    const cleaner = new LogCleaner({
      clock: host.clock,
      timers: host.timers,
      config,
      log,
      logs: function* () {
        yield catalog.log
        yield* partitions.all()
      },
    })
    this.#schedule({
      name: 'compaction',
      everyMs: () => Math.max(config.logCleanerBackoffMs, MIN_BACKOFF_MS),
      run: () => cleaner.run(this.#stop.signal),
    })
    const scrubber = new LogScrubber({ timers: host.timers, config, log, partitions })
    this.#schedule({
      name: 'scrub',
      everyMs: () => scrubber.restMs,
      run: () => scrubber.run(this.#stop.signal),
    })
  }

  /** Resolves once the job under way has noticed. */
  async close(): Promise<void> {
    this.#stop.abort()
    for (const timer of this.#timers.values()) timer.cancel()
    await this.#running
  }

  #schedule(job: Job): void {
    if (this.#stop.signal.aborted) return
    const timer = this.#options.host.timers.after(job.everyMs(), () => {
      this.#running = this.#running
        .then(() => job.run())
        .catch((error: unknown) => this.#complain(job.name, error))
        .finally(() => this.#schedule(job))
    })
    this.#timers.set(job.name, timer)
  }

  async #applyRetention(): Promise<void> {
    const { host, partitions } = this.#options
    for (const log of partitions.all()) {
      if (this.#stop.signal.aborted) return
      if (log.state === 'offline' || log.sizeBytes === 0) continue
      try {
        await log.applyRetention(host.clock.nowMs())
      } catch (error) {
        this.#complain(`retention of ${log.topic}-${log.partition}`, error)
      }
      await host.timers.yield()
    }
  }

  #complain(job: string, error: unknown): void {
    if (this.#stop.signal.aborted) return
    this.#options.log.error('housekeeping-failed', { job, error: describeError(error) })
  }
}
