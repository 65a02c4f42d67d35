// Appends of one partition are decided in the order in which they came, though some of them have to be
// got ready first and take longer than those behind them.

export class AppendOrder {
  /** Of whoever came last: resolves when it has been decided. */
  #last: Promise<void> | undefined

  /** Nobody waits: what is ready may be decided at once. */
  get isEmpty(): boolean {
    return this.#last === undefined
  }

  /**
   * Decides once it is ready and all before it have been decided.
   * @param decide takes its decision before it returns; what it promises may come later
   */
  async join<Ready, Result>(
    ready: Promise<Ready> | Ready,
    decide: (ready: Ready) => Promise<Result>,
  ): Promise<Result> {
    const before = this.#last
    const { promise: decided, resolve } = Promise.withResolvers<void>()
    this.#last = decided
    const [outcome] = await Promise.allSettled([ready, before])
    try {
      if (outcome.status === 'rejected') throw outcome.reason
      return decide(outcome.value)
    } finally {
      if (this.#last === decided) this.#last = undefined
      resolve()
    }
  }

  /** Resolves when all that have come are decided. */
  async idle(): Promise<void> {
    while (this.#last !== undefined) await this.#last
  }
}
