// Cuts the byte stream of a connection into frames: 4 bytes of length (big-endian), then that many
// bytes. A frame that lies within one chunk is a view of it; one that spans chunks is copied once
// into a buffer of its own.
// Invariant: a length is never trusted with memory. Up to EXACT_BYTES the buffer is made at once
// (untouched pages cost nothing); beyond, it doubles as bytes really arrive.

/** The first bytes of every request: API key, API version and correlation id. */
const MIN_FRAME_BYTES = 8
const LENGTH_BYTES = 4
const EXACT_BYTES = 2 * 1024 * 1024

export type FrameFault = { readonly kind: 'fault'; readonly reason: string }

export class FrameAssembly {
  readonly #maxFrameBytes: number
  /** Length bytes that came without the rest. */
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthBytes = 0
  /** The frame that is arriving; undefined between frames. */
  #frame: Buffer | undefined
  #frameBytes = 0
  #received = 0

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Bytes reserved for a frame that is not complete yet. */
  get reservedBytes(): number {
    return this.#frame === undefined ? 0 : this.#frame.length
  }

  /** Bytes of the unfinished frame that have arrived. */
  get receivedBytes(): number {
    return this.#received
  }

  /** Calls `onFrame` for every frame that this chunk completes. Returns a fault: close. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): FrameFault | undefined {
    let at = this.#frame === undefined ? 0 : this.#continue(chunk, 0, onFrame)
    while (at < chunk.length) {
      const size = this.#takeLength(chunk, at)
      if (size === undefined) return undefined
      at += size.taken
      if (size.bytes < MIN_FRAME_BYTES || size.bytes > this.#maxFrameBytes) {
        return { kind: 'fault', reason: this.#describe(size.bytes) }
      }
      if (chunk.length - at >= size.bytes) {
        onFrame(chunk.subarray(at, at + size.bytes))
        at += size.bytes
        continue
      }
      this.#begin(size.bytes)
      at = this.#continue(chunk, at, onFrame)
    }
    return undefined
  }

  #takeLength(chunk: Buffer, at: number): { bytes: number; taken: number } | undefined {
    if (this.#lengthBytes === 0 && chunk.length - at >= LENGTH_BYTES) {
      return { bytes: chunk.readInt32BE(at), taken: LENGTH_BYTES }
    }
    const taken = Math.min(LENGTH_BYTES - this.#lengthBytes, chunk.length - at)
    chunk.copy(this.#length, this.#lengthBytes, at, at + taken)
    this.#lengthBytes += taken
    if (this.#lengthBytes < LENGTH_BYTES) return undefined
    this.#lengthBytes = 0
    return { bytes: this.#length.readInt32BE(0), taken }
  }

  #begin(frameBytes: number): void {
    this.#frameBytes = frameBytes
    this.#received = 0
    this.#frame = Buffer.allocUnsafeSlow(Math.min(frameBytes, EXACT_BYTES))
  }

  /** Copies into the open frame; returns where the chunk goes on. */
  #continue(chunk: Buffer, at: number, onFrame: (frame: Buffer) => void): number {
    const taken = Math.min(this.#frameBytes - this.#received, chunk.length - at)
    const frame = this.#room(this.#received + taken)
    chunk.copy(frame, this.#received, at, at + taken)
    this.#received += taken
    if (this.#received === this.#frameBytes) {
      this.#frame = undefined
      this.#received = 0
      onFrame(frame)
    }
    return at + taken
  }

  #room(bytes: number): Buffer {
    const frame = this.#frame!
    if (bytes <= frame.length) return frame
    const grown = Buffer.allocUnsafeSlow(
      Math.min(this.#frameBytes, Math.max(frame.length * 2, bytes)),
    )
    frame.copy(grown, 0, 0, this.#received)
    this.#frame = grown
    return grown
  }

  #describe(bytes: number): string {
    return bytes > this.#maxFrameBytes
      ? `a frame of ${bytes} bytes is above socket.request.max.bytes (${this.#maxFrameBytes})`
      : `a frame of ${bytes} bytes is too short for a request header`
  }
}
