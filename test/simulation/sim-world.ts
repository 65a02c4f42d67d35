// A world in which time, timers and chance are simulated: a heap of events ordered by virtual time,
// ties broken by the seed. One event runs, then everything that it caused without waiting (promises,
// nextTick), then the next. Nothing takes real time, and the same seed gives the same run.
// When the power is cut the world stops: no event runs any more, and what was awaited never comes.

import type { Clock, Timer, Timers } from '../../src/host/clock.ts'
import { SeededRandom } from './seeded-random.ts'

/** Where a world begins, unless it goes on where another one stopped: 2026-01-01. */
const EPOCH_MS = 1_767_225_600_000
const MAX_YIELD_MS = 0.01

interface Event {
  readonly atMs: number
  /** Breaks ties between events of one moment. */
  readonly lot: number
  readonly run: () => void
  isCancelled: boolean
}

/** What synchronous code is stopped with; nothing that it then does has an effect. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut'
}

export class SimWorld {
  readonly random: SeededRandom
  readonly clock: Clock
  readonly timers: Timers
  readonly #heap: Event[] = []
  readonly #order: SeededRandom
  #nowMs: number
  /** How far the calendar is off. */
  #calendarMs = 0
  #trace = 0
  #isCut = false
  #failure: { readonly error: unknown } | undefined

  /** @param startMs virtual milliseconds since 1970 */
  constructor({ seed, startMs = EPOCH_MS }: { seed: number; startMs?: number }) {
    this.random = new SeededRandom(seed)
    this.#order = this.random.fork()
    this.#nowMs = startMs
    this.clock = {
      nowMs: () => Math.floor(this.#nowMs + this.#calendarMs),
      monotonicMs: () => this.#nowMs - EPOCH_MS,
    }
    this.timers = {
      after: (delayMs, callback) => this.after(delayMs, callback),
      yield: () => this.pass(this.#order.fraction() * MAX_YIELD_MS),
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Hears everything that is noted: for looking at a run that failed. */
  onNote: ((line: string) => void) | undefined

  /** Sums up everything that was noted: equal for runs that did the same in the same order. */
  get trace(): number {
    return this.#trace
  }

  note(event: string): void {
    const line = `${this.#nowMs} ${event}`
    this.#trace = hash(line, this.#trace)
    this.onNote?.(line)
  }

  /** The calendar jumps; what is measured in durations goes on as it was. */
  jumpClock(byMs: number): void {
    this.note(`clock ${byMs}`)
    this.#calendarMs += byMs
  }

  cutPower(): void {
    this.note('power cut')
    this.#isCut = true
    this.#heap.length = 0
  }

  /** Ends `run` with this error: for what happens where nobody waits. Without power, nothing does. */
  fail(error: unknown): void {
    if (!this.#isCut) this.#failure ??= { error }
  }

  after(delayMs: number, run: () => void): Timer {
    const atMs = this.#nowMs + Math.max(0, delayMs)
    const event: Event = { atMs, lot: this.#order.uint32(), run, isCancelled: false }
    if (!this.#isCut) push(this.#heap, event)
    return {
      cancel: () => {
        event.isCancelled = true
      },
    }
  }

  /** Resolves when so much virtual time has passed; never, once the power is cut. */
  pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /**
   * Runs events until `work` has settled or the power is cut.
   * @throws what `work` was rejected with; Error when nothing is left that could settle it
   */
  async run<Result>(work: Promise<Result>): Promise<Result | 'cut'> {
    let outcome: { result: Result } | { error: unknown } | undefined
    work.then(
      (result) => {
        outcome = { result }
      },
      (error) => {
        outcome = { error }
      },
    )
    await settle()
    while (outcome === undefined && !this.#isCut && this.#failure === undefined) {
      const event = pop(this.#heap)
      if (event === undefined) throw new Error('the simulation stands still: nobody will go on')
      if (event.isCancelled) continue
      this.#nowMs = Math.max(this.#nowMs, event.atMs)
      this.#runEvent(event)
      await settle()
    }
    if (this.#isCut) return 'cut'
    if (this.#failure !== undefined) throw this.#failure.error
    if (outcome === undefined) return 'cut'
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }

  #runEvent(event: Event): void {
    try {
      event.run()
    } catch (error) {
      this.fail(error)
    }
  }
}

/** Lets everything happen that waits for nothing: promises and `nextTick`, however long the chain. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** FNV-1a over UTF-16. */
function hash(text: string, before: number): number {
  let sum = before ^ 0x811c_9dc5
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x0100_0193)
  return sum >>> 0
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.lot < b.lot)
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
