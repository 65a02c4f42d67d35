// Memory for large requests and large reads, used again when it is no longer needed. Without it every
// Produce or Fetch of 100 KB is an allocation of its own, which costs page faults and collections.
// Invariant: a buffer is given back only by the one who knows that nobody reads it any more; whoever
// is not sure leaves it to the garbage collector. What lies unused is bounded.

const SMALLEST_BYTES = 16 * 1024
const LARGEST_BYTES = 2 * 1024 * 1024
/** Four sizes for each doubling: at most a fifth of a buffer is unused. */
const STEPS_PER_DOUBLING = 4

export class BufferPool {
  readonly maxIdleBytes: number
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0

  constructor(maxIdleBytes: number) {
    this.maxIdleBytes = maxIdleBytes
  }

  get idleBytes(): number {
    return this.#idleBytes
  }

  /** A buffer of exactly this length, content undefined. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES || bytes > LARGEST_BYTES) return Buffer.allocUnsafe(bytes)
    const size = sizeFor(bytes)
    const idle = this.#idle.get(size)?.pop()
    if (idle === undefined) return Buffer.allocUnsafeSlow(size).subarray(0, bytes)
    this.#idleBytes -= size
    return idle.subarray(0, bytes)
  }

  /** Nothing of what `take` returned is used any more. */
  give(buffer: Buffer): void {
    const size = buffer.buffer.byteLength
    const isPooled = buffer.length >= SMALLEST_BYTES && buffer.length <= LARGEST_BYTES
    if (!isPooled || buffer.byteOffset !== 0 || size !== sizeFor(buffer.length)) return
    if (this.#idleBytes + size > this.maxIdleBytes) return
    const idle = this.#idle.get(size)
    const whole = Buffer.from(buffer.buffer, 0, size)
    if (idle === undefined) this.#idle.set(size, [whole])
    else idle.push(whole)
    this.#idleBytes += size
  }
}

/** The least pooled size that holds so many bytes. */
function sizeFor(bytes: number): number {
  const doubling = 2 ** Math.floor(Math.log2(bytes))
  const step = doubling / STEPS_PER_DOUBLING
  return Math.ceil(bytes / step) * step
}
