// Ends a wait in the broker when the reason for it is gone.

export class Interrupt {
  readonly #listeners = new Set<() => void>()
  #isClosed = false

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @returns how to take the listener away */
  onClose(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const listener of [...this.#listeners]) listener()
  }
}
