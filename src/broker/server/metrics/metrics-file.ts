// Writes the metrics to a file every few seconds (`millrace.metrics.file`), as node_exporter's textfile
// collector takes them. Whoever reads sees the file as a whole, old or new.
// A file that cannot be written is said once and tried again: metrics stop nobody's work.

import type { Timer, Timers } from '../../../host/clock.ts'
import { describeError, type JsonLog } from '../json-log.ts'

export interface MetricsFileOptions {
  readonly timers: Timers
  readonly log: JsonLog
  readonly everyMs: number
  readonly text: () => string
  /** In one step. */
  readonly replace: (content: string) => Promise<void>
}

export class MetricsFile {
  readonly #options: MetricsFileOptions
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()
  #hasFailed = false
  #isClosed = false

  constructor(options: MetricsFileOptions) {
    this.#options = options
    this.#schedule()
  }

  /** Writes the last figures. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#writing
    await this.#write()
  }

  #schedule(): void {
    this.#timer = this.#options.timers.after(this.#options.everyMs, () => {
      this.#writing = this.#write().then(() => {
        if (!this.#isClosed) this.#schedule()
      })
    })
  }

  async #write(): Promise<void> {
    const { log, text, replace } = this.#options
    try {
      await replace(text())
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed) log.error('metrics-not-written', { error: describeError(error) })
      this.#hasFailed = true
    }
  }
}
