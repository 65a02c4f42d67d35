// Waiting for a change without missing one that came between looking and waiting.

export class News {
  #count = 0
  readonly #wakers = new Set<() => void>()

  /** Taken before looking, and given to `since` when nothing was found. */
  get count(): number {
    return this.#count
  }

  readonly note = (): void => {
    this.#count++
    for (const wake of [...this.#wakers]) wake()
  }

  /** Resolves once something has been noted since then, or the signal is aborted. */
  since(count: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#count !== count || signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#wakers.add(wake)
      signal?.addEventListener('abort', wake)
    })
  }
}
