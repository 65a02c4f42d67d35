// How many bytes of answers the whole broker holds for clients that have not taken them yet
// (`millrace.queued.max.response.bytes`). When there is no room left, fetches return one batch each:
// slower, but nobody is refused and nobody starves.

export class ResponseMemory {
  readonly limitBytes: number
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Takes room for an answer that is about to be read. @returns how many bytes there is room for */
  reserve(bytes: number): number {
    const granted = Math.min(bytes, Math.max(0, this.limitBytes - this.#usedBytes))
    this.#usedBytes += granted
    return granted
  }

  /** Bytes that exist, whatever the limit says. */
  add(bytes: number): void {
    this.#usedBytes += bytes
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes
  }
}
