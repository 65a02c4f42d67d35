// How much a client did per second, measured over the last windows. Pure: time is an argument.
// Source: Kafka's Rate over a windowed sum, which decides how long a client is throttled; the same
// sums give the same delays. There is one window more than asked for, because the oldest one may
// reach into the time that is looked at.

export interface RateWindows {
  /** How many, the one that is being filled included. */
  readonly count: number
  readonly windowMs: number
}

interface Window {
  startMs: number
  lastMs: number
  sum: number
}

export class SampledRate {
  readonly #windows: RateWindows
  readonly #ring: Window[]
  #current = 0

  constructor(windows: RateWindows, nowMs: number) {
    this.#windows = windows
    this.#ring = [{ startMs: nowMs, lastMs: nowMs, sum: 0 }]
  }

  /** @param amount negative: takes back what was recorded */
  record(amount: number, nowMs: number): void {
    let window = this.#ring[this.#current]!
    if (nowMs - window.startMs >= this.#windows.windowMs) window = this.#advance(nowMs)
    window.sum += amount
    window.lastMs = nowMs
  }

  /** Per second. */
  perSecond(nowMs: number): number {
    this.#forgetOld(nowMs)
    let sum = 0
    for (const window of this.#ring) sum += window.sum
    return sum / (this.#spanMs(nowMs) / 1000)
  }

  /** How long nothing may be recorded until the rate is down to `bound` again; 0 when it is not above. */
  delayMs(bound: number, nowMs: number): number {
    const rate = this.perSecond(nowMs)
    if (rate <= bound) return 0
    return Math.round(((rate - bound) / bound) * this.#spanMs(nowMs))
  }

  #advance(nowMs: number): Window {
    this.#current = (this.#current + 1) % (this.#windows.count + 1)
    const fresh = { startMs: nowMs, lastMs: nowMs, sum: 0 }
    this.#ring[this.#current] = fresh
    return fresh
  }

  #forgetOld(nowMs: number): void {
    const maxAgeMs = this.#windows.count * this.#windows.windowMs
    for (const window of this.#ring) {
      if (nowMs - window.lastMs < maxAgeMs) continue
      window.startMs = nowMs
      window.lastMs = nowMs
      window.sum = 0
    }
  }

  /** Young rates count as if all windows but the current one were full: a first burst is no rate. */
  #spanMs(nowMs: number): number {
    const { count, windowMs } = this.#windows
    let oldestMs = nowMs
    for (const { startMs } of this.#ring) oldestMs = Math.min(oldestMs, startMs)
    const elapsedMs = nowMs - oldestMs
    const missing = Math.max(0, count - 1 - Math.floor(elapsedMs / windowMs))
    return Math.max(1, elapsedMs + missing * windowMs)
  }
}
