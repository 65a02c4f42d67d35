// How many events may be given up before it is the code that is suspected, not the events: a bad
// deployment would otherwise park everything. Followers of a parked key don't count. Pure.

export interface ParkLimits {
  /** So many in a row, with none handled between. */
  readonly consecutive: number
  /** Share of the last `window` events, from 0 to 1. */
  readonly ratio: number
  readonly window: number
}

export class ParkLimit {
  readonly #limits: ParkLimits
  readonly #recent: boolean[] = []
  #next = 0
  #parkedInWindow = 0
  #consecutive = 0

  constructor(limits: ParkLimits) {
    this.#limits = limits
  }

  /** Whether one more may be parked. */
  get allows(): boolean {
    if (this.#consecutive >= this.#limits.consecutive) return false
    const isFullWindow = this.#recent.length >= this.#limits.window
    return !isFullWindow || this.#parkedInWindow < this.#limits.ratio * this.#limits.window
  }

  handled(): void {
    this.#consecutive = 0
    this.#note(false)
  }

  parked(): void {
    this.#consecutive++
    this.#note(true)
  }

  #note(isParked: boolean): void {
    if (this.#recent[this.#next]) this.#parkedInWindow--
    if (isParked) this.#parkedInWindow++
    this.#recent[this.#next] = isParked
    this.#next = (this.#next + 1) % this.#limits.window
  }
}
