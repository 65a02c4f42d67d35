// How many bytes of requests the whole broker holds at once (`queued.max.request.bytes`, else its
// share of `millrace.in.flight.bytes`), and who
// has to wait. A connection that must wait stops reading its socket: TCP pushes back on the client.
// Invariant: someone can always go on. Complete requests free their bytes when they are answered;
// when there are only unfinished frames left, the one that waits longest may read beyond the limit,
// and when that one dawdles, the next.

export interface MemoryWaiter {
  /** A frame of this connection has begun to arrive and is not complete. */
  readonly isMidFrame: boolean
  /** Read again. */
  onMemory(): void
}

export class RequestMemory {
  readonly limitBytes: number
  #completeBytes = 0
  #partialBytes = 0
  #reservedBytes = 0
  readonly #waiting = new Set<MemoryWaiter>()
  readonly #onWait: () => void
  #privileged: MemoryWaiter | undefined

  /** @param onWait a connection has to wait */
  constructor(limitBytes: number, onWait: () => void = () => undefined) {
    this.limitBytes = limitBytes
    this.#onWait = onWait
  }

  get usedBytes(): number {
    return this.#completeBytes + this.#partialBytes
  }

  /** Whether this connection has to stop reading; it is called back when it may go on. */
  mustWait(waiter: MemoryWaiter): boolean {
    if (this.usedBytes <= this.limitBytes || waiter === this.#privileged) return false
    if (!this.#waiting.has(waiter)) this.#onWait()
    this.#waiting.add(waiter)
    this.#wake()
    return this.#waiting.has(waiter)
  }

  /** Whether a frame may have all its memory at once, or must take it as its bytes arrive. */
  mayReserve(bytes: number): boolean {
    return this.#reservedBytes + bytes <= this.limitBytes
  }

  /** A frame that is still arriving has changed by so much: arrived bytes, and memory set aside. */
  addPartial(change: { arrivedBytes: number; reservedBytes: number }): void {
    this.#partialBytes += change.arrivedBytes
    this.#reservedBytes += change.reservedBytes
    if (change.arrivedBytes < 0) this.#wake()
  }

  /** Bytes of a whole request, until it is answered. */
  addComplete(bytes: number): void {
    this.#completeBytes += bytes
  }

  release(bytes: number): void {
    this.#completeBytes -= bytes
    this.#wake()
  }

  /** The connection's frame is complete, or the connection is gone. */
  forget(waiter: MemoryWaiter): void {
    this.#waiting.delete(waiter)
    if (this.#privileged !== waiter) return
    this.#privileged = undefined
    this.#wake()
  }

  /** Called from time to time: who reads beyond the limit and dawdles holds up nobody for long. */
  passOn(): void {
    if (this.#privileged === undefined) return
    this.#privileged = undefined
    this.#wake()
  }

  #wake(): void {
    while (this.#waiting.size > 0) {
      const isRoom = this.usedBytes <= this.limitBytes
      if (!isRoom && (this.#completeBytes > 0 || this.#privileged !== undefined)) return
      const waiter = isRoom ? first(this.#waiting) : this.#firstMidFrame()
      if (waiter === undefined) return
      this.#waiting.delete(waiter)
      if (!isRoom) this.#privileged = waiter
      waiter.onMemory()
    }
  }

  #firstMidFrame(): MemoryWaiter | undefined {
    for (const waiter of this.#waiting) if (waiter.isMidFrame) return waiter
    return undefined
  }
}

function first(waiters: ReadonlySet<MemoryWaiter>): MemoryWaiter | undefined {
  for (const waiter of waiters) return waiter
  return undefined
}
