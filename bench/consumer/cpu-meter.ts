// What an event costs the process that consumes it.

/** As a share of all events: what runs before is compiled, and not measured. */
const WARMUP_SHARE = 0.25

/** Processor time of this process from the end of the warm-up to the last event. */
export class CpuMeter {
  readonly #events: number
  readonly #warmUp: number
  readonly #done = Promise.withResolvers<Record<string, number>>()
  #cpu = process.cpuUsage()
  #beganMs = 0

  constructor(events: number) {
    this.#events = events
    this.#warmUp = Math.floor(events * WARMUP_SHARE)
  }

  get result(): Promise<Record<string, number>> {
    return this.#done.promise
  }

  count(soFar: number): void {
    if (soFar === this.#warmUp) {
      this.#cpu = process.cpuUsage()
      this.#beganMs = performance.now()
    }
    if (soFar !== this.#events) return
    const measured = this.#events - this.#warmUp
    const { user, system } = process.cpuUsage(this.#cpu)
    const perSecond = (measured * 1000) / (performance.now() - this.#beganMs)
    this.#done.resolve({ cpuMicros: (user + system) / measured, perSecond })
  }

  fail(error: Error): void {
    this.#done.reject(error)
  }
}
