// The network between all clients and the broker. Of the connections through it some are cut in the
// middle of a request, some in the moment when the answer comes, some fall silent without a word; and
// now and then an old request is sent once more, byte for byte, over a connection of its own.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { SeededRandom } from '../../../simulation/seeded-random.ts'

export interface NetworkFaults {
  readonly cutRequestChance: number
  readonly cutAnswerChance: number
  readonly silenceChance: number
}

type Fate = 'none' | 'cut mid-request' | 'cut before the answer' | 'half-open'

const MAX_BYTES_BEFORE = 20_000
const KEPT_REQUESTS = 200
const MAX_KEPT_BYTES = 100_000
const PRODUCE = 0
const END_TXN = 26
const TXN_OFFSET_COMMIT = 28
/** What the protocol protects against coming late: sequences, and epochs of transactions v2. */
const PROTECTED_SINCE = new Map([
  [PRODUCE, 12],
  [END_TXN, 5],
  [TXN_OFFSET_COMMIT, 5],
])

export class FaultyNetwork {
  readonly #server: Server
  readonly #random: SeededRandom
  readonly #onFault: (what: string) => void
  readonly #sockets = new Set<Socket>()
  readonly #kept: Buffer[] = []
  /** Set when the broker listens. */
  upstreamPort = 0
  faults: NetworkFaults | undefined

  private constructor(random: SeededRandom, onFault: (what: string) => void) {
    this.#random = random
    this.#onFault = onFault
    this.#server = createServer((client) => this.#accept(client))
  }

  static async listen(
    random: SeededRandom,
    onFault: (what: string) => void,
  ): Promise<FaultyNetwork> {
    const proxy = new FaultyNetwork(random, onFault)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** What was heard of an older run means nothing to the next one. */
  forgetRequests(): void {
    this.#kept.length = 0
  }

  /** Sends an old request once more. */
  replay(): void {
    if (this.#kept.length === 0) return
    const frame = this.#random.pick(this.#kept)
    const socket = connect(this.upstreamPort, '127.0.0.1')
    this.#watch(socket)
    socket.once('connect', () => {
      this.#onFault('late duplicate')
      socket.write(frame)
    })
    // Nobody needs to know what it says.
    socket.once('data', () => socket.destroy())
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    const broker = connect(this.upstreamPort, '127.0.0.1')
    const end = () => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      this.#watch(socket)
      socket.on('close', end)
    }
    const fate = this.#chooseFate()
    let left = fate === 'none' ? Number.POSITIVE_INFINITY : this.#random.below(MAX_BYTES_BEFORE)
    let isSilent = false
    // One that the broker never saw would come early, not late: only what was answered is kept.
    const asked: Buffer[] = []
    const requests = new FrameCutter((frame) => asked.push(frame))
    const answers = new FrameCutter(() => this.#keep(asked.shift()))
    client.on('data', (bytes) => {
      if (isSilent) return
      left -= bytes.length
      if (left < 0 && fate === 'cut mid-request') {
        this.#onFault(fate)
        broker.write(bytes.subarray(0, Math.max(1, bytes.length >> 1)), end)
        return
      }
      requests.add(bytes)
      broker.write(bytes)
    })
    broker.on('data', (bytes) => {
      if (isSilent) return
      if (left < 0 && fate === 'cut before the answer') {
        this.#onFault(fate)
        client.resetAndDestroy()
        broker.destroy()
        return
      }
      if (left < 0 && fate === 'half-open') {
        this.#onFault(fate)
        isSilent = true
        return
      }
      answers.add(bytes)
      client.write(bytes)
    })
  }

  #chooseFate(): Fate {
    const { cutRequestChance = 0, cutAnswerChance = 0, silenceChance = 0 } = this.faults ?? {}
    const lot = this.#random.fraction()
    if (lot < cutRequestChance) return 'cut mid-request'
    if (lot < cutRequestChance + cutAnswerChance) return 'cut before the answer'
    return lot < cutRequestChance + cutAnswerChance + silenceChance ? 'half-open' : 'none'
  }

  #keep(frame: Buffer | undefined): void {
    if (frame === undefined) return
    const since = PROTECTED_SINCE.get(frame.readInt16BE(4))
    if (since === undefined || frame.readInt16BE(6) < since) return
    this.#kept.push(Buffer.from(frame))
    if (this.#kept.length > KEPT_REQUESTS) this.#kept.shift()
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** Cuts requests out of a stream; from one that is too long on it listens no more. */
class FrameCutter {
  readonly #onFrame: (frame: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)
  #isDeaf = false

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  add(bytes: Buffer): void {
    if (this.#isDeaf) return
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (this.#rest.length >= 4) {
      const length = 4 + this.#rest.readInt32BE(0)
      this.#isDeaf = length < 8 || length > MAX_KEPT_BYTES
      if (this.#isDeaf || this.#rest.length < length) return
      this.#onFrame(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
    }
  }
}
