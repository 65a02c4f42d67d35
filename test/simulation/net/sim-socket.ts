// One simulated connection: two ends, and what each has written and the other has not read. Written
// bytes lie with the writer until the simulated system takes them, which it may do at once or later
// and never beyond its own buffer: who changes a buffer too early, or ignores a full one, is seen.

import type { NetReceiver, NetSocket } from '../../../src/host/net.ts'
import type { SimWorld } from '../sim-world.ts'

/** What a connection will suffer, decided when it is made. */
export interface LinkFaults {
  readonly maxPieceBytes: number
  readonly maxDelayMs: number
  /** Bytes in both directions together; infinite: never. */
  readonly resetAfterBytes: number
  readonly silentAfterBytes: number
}

export interface LinkOptions {
  readonly world: SimWorld
  readonly faults: LinkFaults
  /** Of the end that connected. */
  readonly port: number
  readonly onFault: (name: 'resets' | 'silences') => void
}

const ADDRESS = '127.0.0.1'
/** From so much on, `write` says false. */
const HIGH_WATER_BYTES = 16_384
/** What the simulated system holds of one direction. */
const SYSTEM_BUFFER_BYTES = 65_536
/** How long a peer may take to close after `end()`. */
const LINGER_MS = 5_000

export class SimLink {
  readonly #options: LinkOptions
  readonly near: SimSocket
  readonly far: SimSocket
  #carriedBytes = 0
  isSilent = false

  constructor(options: LinkOptions) {
    this.#options = options
    const { world, port } = options
    this.near = new SimSocket(world, this, port + 1)
    this.far = new SimSocket(world, this, port)
  }

  peerOf(socket: SimSocket): SimSocket {
    return socket === this.near ? this.far : this.near
  }

  delayMs(): number {
    return this.#options.world.random.fraction() * this.#options.faults.maxDelayMs
  }

  pieceBytes(): number {
    return 1 + this.#options.world.random.below(this.#options.faults.maxPieceBytes)
  }

  /** Some bytes are about to arrive. @returns whether they still may */
  carry(bytes: number): boolean {
    const { world, faults, onFault } = this.#options
    this.#carriedBytes += bytes
    world.note(`${bytes} bytes`)
    if (this.#carriedBytes > faults.silentAfterBytes) {
      this.isSilent = true
      onFault('silences')
      return false
    }
    if (this.#carriedBytes > faults.resetAfterBytes) {
      onFault('resets')
      this.near.vanish()
      this.far.vanish()
      return false
    }
    return true
  }
}

interface Unsent {
  readonly bytes: Buffer
  at: number
  readonly onWritten: (() => void) | undefined
}

export class SimSocket implements NetSocket {
  readonly localAddress = ADDRESS
  readonly remoteAddress: string
  readonly #world: SimWorld
  readonly #link: SimLink
  readonly #closeListeners: (() => void)[] = []
  readonly #drainListeners: (() => void)[] = []
  #unsent: Unsent[] = []
  bufferedBytes = 0
  /** With the simulated system, on their way to the peer. */
  #wire: Buffer[] = []
  #wireBytes = 0
  #receive: ((piece: Buffer) => number) | undefined
  #isPumping = false
  #isPaused = false
  #mustDrain = false
  #isEnding = false
  #hasEnded = false
  #hasPeerEnded = false
  #isClosed = false

  constructor(world: SimWorld, link: SimLink, peerPort: number) {
    this.#world = world
    this.#link = link
    this.remoteAddress = `${ADDRESS}:${peerPort}`
  }

  onData(listener: (chunk: Buffer) => void): void {
    this.#read((piece) => {
      listener(piece)
      return piece.length
    })
  }

  onRead(receiver: NetReceiver): void {
    this.#read((piece) => {
      let at = 0
      while (at < piece.length && this.#isReading) {
        const count = piece.copy(receiver.target(), 0, at)
        at += count
        receiver.filled(count)
      }
      return at
    })
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  write(chunks: readonly Buffer[], onWritten?: () => void): boolean {
    if (this.#isClosed || this.#isEnding || chunks.length === 0) {
      if (onWritten !== undefined) this.#world.after(0, onWritten)
      return true
    }
    const last = chunks.length - 1
    for (const [index, bytes] of chunks.entries()) {
      this.bufferedBytes += bytes.length
      this.#unsent.push({ bytes, at: 0, onWritten: index === last ? onWritten : undefined })
    }
    if (this.#world.random.chance(0.5)) this.#handOver()
    this.#pump()
    if (this.bufferedBytes < HIGH_WATER_BYTES) return true
    this.#mustDrain = true
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#peer.#pump()
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return
    this.#isEnding = true
    this.#pump()
  }

  destroy(): void {
    if (this.#isClosed) return
    this.#isEnding = true
    this.vanish()
    // The peer hears of it after what is under way, or with a reset, which overtakes it.
    if (this.#world.random.chance(0.5)) this.#pump()
    else this.#world.after(this.#link.delayMs(), () => !this.#link.isSilent && this.#peer.vanish())
  }

  /** The connection is gone at this end; the other one may not know. */
  vanish(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const unsent = this.#unsent
    this.#unsent = []
    this.bufferedBytes = 0
    this.#world.after(0, () => {
      for (const { onWritten } of unsent) onWritten?.()
      for (const listener of this.#closeListeners) listener()
    })
  }

  get #peer(): SimSocket {
    return this.#link.peerOf(this)
  }

  get #isReading(): boolean {
    return this.#receive !== undefined && !this.#isPaused && !this.#isClosed
  }

  #read(receive: (piece: Buffer) => number): void {
    this.#receive = receive
    this.#peer.#pump()
  }

  /** Gives the simulated system what it has room for. */
  #handOver(): void {
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const room = SYSTEM_BUFFER_BYTES - this.#wireBytes
      const left = first.bytes.length - first.at
      if (room === 0 && left > 0) break
      const taken = Buffer.from(first.bytes.subarray(first.at, first.at + Math.min(room, left)))
      first.at += taken.length
      this.bufferedBytes -= taken.length
      this.#wireBytes += taken.length
      this.#wire.push(taken)
      if (first.at < first.bytes.length) break
      this.#unsent.shift()
      if (first.onWritten !== undefined) this.#world.after(0, first.onWritten)
    }
    if (!this.#mustDrain || this.bufferedBytes > 0) return
    this.#mustDrain = false
    this.#world.after(0, () => {
      if (this.#isClosed) return
      for (const listener of this.#drainListeners) listener()
    })
  }

  /** One piece after the other: what was written first arrives first. */
  #pump(): void {
    if (this.#isPumping || this.#link.isSilent) return
    this.#isPumping = true
    this.#world.after(this.#link.delayMs(), () => {
      this.#isPumping = false
      this.#deliver()
    })
  }

  #deliver(): void {
    this.#handOver()
    const peer = this.#peer
    if (peer.#isClosed) {
      // Nobody is there: the system of the other end says so, if anything gets through to it.
      if (!this.#link.isSilent) this.vanish()
      return
    }
    if (!peer.#isReading) return // `resume` goes on
    if (this.#wireBytes > 0) {
      const piece = this.#takePiece()
      if (!this.#link.carry(piece.length)) return
      const read = peer.#receive!(piece)
      if (read < piece.length) this.#putBack(piece.subarray(read))
    } else if (this.#isEnding && !this.#hasEnded) {
      this.#hasEnded = true
      this.#world.after(LINGER_MS, () => this.destroy())
      peer.#peerEnded()
      this.#closeIfDone()
    }
    if (this.#wireBytes > 0 || this.#unsent.length > 0 || (this.#isEnding && !this.#hasEnded)) {
      this.#pump()
    }
  }

  #takePiece(): Buffer {
    const all = this.#wire.length === 1 ? this.#wire[0]! : Buffer.concat(this.#wire)
    const piece = all.subarray(0, this.#link.pieceBytes())
    this.#wire = piece.length === all.length ? [] : [all.subarray(piece.length)]
    this.#wireBytes -= piece.length
    return piece
  }

  #putBack(rest: Buffer): void {
    this.#wire.unshift(rest)
    this.#wireBytes += rest.length
  }

  #peerEnded(): void {
    this.#hasPeerEnded = true
    this.end()
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (this.#hasEnded && this.#hasPeerEnded) this.vanish()
  }
}
