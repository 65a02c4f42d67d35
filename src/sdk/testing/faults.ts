// Faults that a seed chooses. A fault whose chance is above 0 is wanted: a run in which it never fired
// has shown nothing about it, and `expectFired` says so.

import { SeededRandom } from './seeded-random.ts'

/**
 * `redelivery`: a member is put out of its group, and is given again what it has not committed.
 * `rebalance`: a member has to give up all it holds, and gets it back or another one does.
 * `crash-before-commit`, `crash-after-commit`: the process is gone, the commit was not done or was.
 * `slow`: an answer takes its time. `lost-answer`: what was asked for was done, nobody says so.
 */
export const faultKinds = [
  'redelivery',
  'rebalance',
  'crash-before-commit',
  'crash-after-commit',
  'slow',
  'lost-answer',
] as const

export type FaultKind = (typeof faultKinds)[number]

export interface FaultOptions {
  readonly seed: number
  /** From 0 to 1: how likely each is at an occasion for it. */
  readonly chances: Partial<Readonly<Record<FaultKind, number>>>
  /** The longest that `slow` takes. */
  readonly slowMs?: number
  /** The process that lived by this connection is gone: a test starts its application again. */
  onCrash?(service: string): void
}

const DEFAULT_SLOW_MS = 2_000

export class Faults {
  readonly #options: FaultOptions
  readonly #random: SeededRandom
  readonly #fired = new Map<FaultKind, number>()
  #stopped = false

  constructor(options: FaultOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  /** How often each has fired. */
  get fired(): ReadonlyMap<FaultKind, number> {
    return this.#fired
  }

  /** From now on everything works: a run can come to its end. */
  stop(): void {
    this.#stopped = true
  }

  /** Is it time for this fault? One that is has fired. */
  fires(kind: FaultKind): boolean {
    const chance = this.#options.chances[kind] ?? 0
    if (this.#stopped || chance === 0 || this.#random.fraction() >= chance) return false
    this.#fired.set(kind, (this.#fired.get(kind) ?? 0) + 1)
    return true
  }

  slowMs(): number {
    return this.#random.fraction() * (this.#options.slowMs ?? DEFAULT_SLOW_MS)
  }

  crashed(service: string): void {
    this.#options.onCrash?.(service)
  }

  /** @throws Error when a wanted fault never fired */
  expectFired(): void {
    const missed = faultKinds.filter(
      (kind) => (this.#options.chances[kind] ?? 0) > 0 && !this.#fired.has(kind),
    )
    if (missed.length === 0) return
    throw new Error(
      `With seed ${this.#options.seed} these faults never fired, so the run says nothing about ` +
        `them: ${missed.join(', ')}. Let it run for longer, or make them likelier.`,
    )
  }
}
