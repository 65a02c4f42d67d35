// Work in turns: as much as may start, but never so long that commits, heartbeats and whatever else the
// process does have to wait for their turn of the event loop.

import type { World } from '../../transport/transport.ts'

/** It steps aside after so long, or so many pieces of work. */
const TURN_MS = 10
const TURN_PIECES = 256

interface TurnsOptions {
  readonly world: World
  /** @returns false: nothing may start now */
  startNext(): boolean
  /** After much was started. @returns whether there may be more to start by it */
  afterwards(): boolean
}

export class Turns {
  readonly #options: TurnsOptions
  #isTaken = false
  /** Pieces that may still be started in this turn. */
  #left = 0
  #isAside = false
  /** The event loop has turned since. */
  #wasAsideMs = Number.NEGATIVE_INFINITY

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /** Starts what may start. Called from within, it leaves that to the turn that is under way. */
  take(): void {
    if (this.#isTaken || this.#isAside) return
    this.#isTaken = true
    this.#left = TURN_PIECES
    try {
      let isOver = false
      do isOver = this.#startMany()
      while (this.#options.afterwards() && !isOver)
      if (isOver) this.#stepAside()
    } finally {
      this.#isTaken = false
    }
  }

  /** @returns whether the turn is over; false: nothing may start now */
  #startMany(): boolean {
    const { clock } = this.#options.world
    while (this.#left > 0) {
      if (!this.#options.startNext()) return false
      this.#left--
      if (clock.monotonicMs() >= this.#wasAsideMs + TURN_MS) return true
    }
    return true
  }

  #stepAside(): void {
    const { timers, clock } = this.#options.world
    this.#isAside = true
    void timers.yield().then(() => {
      this.#isAside = false
      this.#wasAsideMs = clock.monotonicMs()
      this.take()
    })
  }
}
