// Writes a history down while it happens. What is still open when somebody is killed, cut off or
// loses the answer stays open: its outcome is unknown.
// Invariant: an operation ends at most once, and what its answer said is added then.

import type { Action, Operation, Outcome } from './operations.ts'

/** An operation under way. */
export interface Invoked<Invoking extends Action> {
  ok(answer?: Partial<Invoking>): void
  /** It did not happen and never will. */
  fail(error: string): void
  /** Nobody will hear of it any more; the same as never ending it. */
  info(error?: string): void
}

interface Open {
  id: number
  process: string
  invokedAt: number
  completedAt: number | undefined
  invokedMs: number
  completedMs: number | undefined
  outcome: Outcome
  error?: string
  action: Action
}

export class History {
  readonly #operations: Open[] = []
  readonly #nowMs: () => number
  #order = 0

  /** @param nowMs since the beginning of the run, for people to read */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get operations(): readonly Operation[] {
    return this.#operations
  }

  invoke<Kind extends Action['kind']>(
    process: string,
    action: Extract<Action, { kind: Kind }>,
  ): Invoked<Extract<Action, { kind: Kind }>> {
    const operation: Open = {
      id: this.#operations.length,
      process,
      invokedAt: this.#order++,
      completedAt: undefined,
      invokedMs: this.#nowMs(),
      completedMs: undefined,
      outcome: 'info',
      action,
    }
    this.#operations.push(operation)
    const complete = (outcome: Outcome, answer: Partial<Action> = {}, error?: string) => {
      if (operation.completedAt !== undefined || operation.error !== undefined) return
      operation.outcome = outcome
      operation.action = { ...operation.action, ...answer } as Action
      if (error !== undefined) operation.error = error
      if (outcome === 'info') return
      operation.completedAt = this.#order++
      operation.completedMs = this.#nowMs()
    }
    return {
      ok: (answer) => complete('ok', answer),
      fail: (error) => complete('fail', {}, error),
      info: (error = 'no answer') => complete('info', {}, error),
    }
  }

  /** Something that takes no time. */
  note(process: string, action: Action): void {
    this.invoke(process, action).ok()
  }
}
