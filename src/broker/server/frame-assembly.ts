// Cuts the byte stream of a connection into frames: 4 bytes of length (big-endian), then that many
// bytes. Bytes arrive in a scratch buffer that all connections share; a frame leaves it as a copy of
// its own, and of a large frame only the beginning is copied: the rest is received where it stays.
// Invariant: a length is never trusted with much memory. A frame up to EXACT_BYTES has its buffer at
// once, while memory is plenty (untouched pages cost nothing); any other doubles its buffer as bytes
// really arrive.

import type { NetReceiver } from '../../host/net.ts'
import type { BufferPool } from './buffer-pool.ts'

/** The first bytes of every request: API key, API version and correlation id. */
const MIN_FRAME_BYTES = 8
const LENGTH_BYTES = 4
const EXACT_BYTES = 2 * 1024 * 1024
export const SCRATCH_BYTES = 64 * 1024
/** After a frame of this size the next one is expected to be large too: look only at its beginning. */
const LARGE_FRAME_BYTES = 32 * 1024
const GLANCE_BYTES = 512
const FIRST_BYTES = 128 * 1024
/** A thousand connections may all read at the same moment, before the bound on memory is looked at. */
const MAX_READ_BYTES = 64 * 1024

export interface FrameBounds {
  /** Default: the beginning that every request has. */
  readonly minBytes?: number
  readonly maxBytes: number
  /** The key that the bound comes from. */
  readonly limitName: string
}

export interface FrameAssemblyOptions {
  readonly maxFrameBytes: number
  /** Other bounds for the frame that begins now; undefined: `maxFrameBytes`. */
  readonly boundsNow?: () => FrameBounds | undefined
  /** Shared: nothing in it is needed once `filled` returns. */
  readonly scratch: Buffer
  /** Where large frames get their memory, when it is given back. */
  readonly pool?: BufferPool
  /** Whether so many bytes may be set aside before they have arrived. Default: always. */
  readonly mayReserve?: (bytes: number) => boolean
  /** The frame without its length; it belongs to the receiver. */
  readonly onFrame: (frame: Buffer) => void
  /** The stream makes no sense from here on. */
  readonly onFault: (reason: string) => void
}

export class FrameAssembly implements NetReceiver {
  readonly #options: FrameAssemblyOptions
  readonly #usualBounds: FrameBounds
  /** Length bytes that came without the rest. */
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthBytes = 0
  /** The frame that is arriving; undefined between frames. */
  #frame: Buffer | undefined
  #frameBytes = 0
  #received = 0

  constructor(options: FrameAssemblyOptions) {
    this.#options = options
    const limitName = 'socket.request.max.bytes'
    this.#usualBounds = { maxBytes: options.maxFrameBytes, limitName }
  }

  /** Bytes reserved for a frame that is not complete yet. */
  get reservedBytes(): number {
    return this.#frame === undefined ? 0 : this.#frame.length
  }

  /** Bytes of the unfinished frame that have arrived. */
  get receivedBytes(): number {
    return this.#received
  }

  target(): Buffer {
    if (this.#frame !== undefined) {
      return this.#frame.subarray(this.#received, this.#received + MAX_READ_BYTES)
    }
    const { scratch } = this.#options
    return this.#frameBytes >= LARGE_FRAME_BYTES ? scratch.subarray(0, GLANCE_BYTES) : scratch
  }

  filled(bytes: number): void {
    if (this.#frame === undefined) this.#cut(this.#options.scratch.subarray(0, bytes))
    else this.#arrived(this.#frame, bytes)
  }

  #cut(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      at = this.#takeLength(chunk, at)
      if (this.#lengthBytes < LENGTH_BYTES) return
      this.#lengthBytes = 0
      const frameBytes = this.#length.readInt32BE(0)
      const bounds = this.#options.boundsNow?.() ?? this.#usualBounds
      if (frameBytes < (bounds.minBytes ?? MIN_FRAME_BYTES) || frameBytes > bounds.maxBytes) {
        this.#options.onFault(describeFault(frameBytes, bounds))
        return
      }
      const taken = Math.min(frameBytes, chunk.length - at)
      const frame = this.#begin(frameBytes, taken)
      chunk.copy(frame, 0, at, at + taken)
      at += taken
      this.#arrived(frame, taken)
    }
  }

  #takeLength(chunk: Buffer, at: number): number {
    const taken = Math.min(LENGTH_BYTES - this.#lengthBytes, chunk.length - at)
    chunk.copy(this.#length, this.#lengthBytes, at, at + taken)
    this.#lengthBytes += taken
    return at + taken
  }

  #begin(frameBytes: number, available: number): Buffer {
    const { mayReserve } = this.#options
    const isExact = frameBytes <= EXACT_BYTES && mayReserve?.(frameBytes) !== false
    const reserved = isExact ? frameBytes : Math.min(frameBytes, Math.max(available, FIRST_BYTES))
    this.#frame = this.#options.pool?.take(reserved) ?? Buffer.allocUnsafe(reserved)
    this.#frameBytes = frameBytes
    this.#received = 0
    return this.#frame
  }

  #arrived(frame: Buffer, bytes: number): void {
    this.#received += bytes
    if (this.#received === this.#frameBytes) {
      this.#frame = undefined
      this.#received = 0
      this.#options.onFrame(frame)
    } else if (this.#received === frame.length) {
      this.#frame = Buffer.allocUnsafeSlow(Math.min(this.#frameBytes, frame.length * 2))
      frame.copy(this.#frame)
    }
  }
}

function describeFault(bytes: number, { maxBytes, limitName }: FrameBounds): string {
  return bytes > maxBytes
    ? `a frame of ${bytes} bytes is above ${limitName} (${maxBytes})`
    : `a frame of ${bytes} bytes is too short for a request header`
}
