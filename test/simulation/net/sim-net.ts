// The net port inside a simulated world: byte pipes that cut what they carry into pieces of any size,
// take virtual time for each, and may be reset or fall silent (half-open: nothing arrives any more,
// and nobody is told). One of these is made for each life of a broker; all its clients reach it
// through `via`, each with the faults it is to suffer.

import {
  type Net,
  type NetAddress,
  NetError,
  type NetServer,
  type NetSocket,
} from '../../../src/host/net.ts'
import type { SimWorld } from '../sim-world.ts'
import { type LinkFaults, SimLink } from './sim-socket.ts'

export interface NetFaults {
  /** Most bytes that arrive in one piece; each piece has a length of its own. */
  readonly maxPieceBytes?: number
  /** Longest that a piece is under way. */
  readonly maxDelayMs?: number
  /** Of a connection that is reset after some bytes. */
  readonly resetChance?: number
  /** Of a connection on which nothing arrives any more after some bytes. */
  readonly silenceChance?: number
}

const FIRST_FREE_PORT = 40_000
const OURS = new Set(['127.0.0.1', '0.0.0.0', 'localhost'])
const DEFAULT_PIECE_BYTES = 65_536
const DEFAULT_DELAY_MS = 0.05
/** A faulty connection lives until so many bytes went over it, at most. */
const MAX_BYTES_BEFORE_FAULT = 4_000

type Accept = (socket: NetSocket) => void

export class SimNet implements Net {
  readonly #world: SimWorld
  readonly #listening = new Map<number, { accept: Accept; server: SimServer }>()
  /** What happened to connections, by name. */
  readonly counts: Record<string, number> = {}
  #nextPort = FIRST_FREE_PORT

  constructor(world: SimWorld) {
    this.#world = world
  }

  /** The same listeners, reached over connections that suffer these faults. */
  via(faults: NetFaults): Net {
    return {
      listen: (address, onSocket) => this.listen(address, onSocket),
      connect: (address) => this.#connect(address, faults),
    }
  }

  async listen(address: NetAddress, onSocket: Accept): Promise<NetServer> {
    await this.#world.timers.yield()
    const where = `${address.host}:${address.port}`
    if (!OURS.has(address.host)) throw new NetError('address-not-ours', where, undefined)
    const port = address.port === 0 ? this.#nextPort++ : address.port
    if (this.#listening.has(port)) throw new NetError('address-in-use', where, undefined)
    const server = new SimServer(port, () => this.#listening.delete(port))
    this.#listening.set(port, { accept: onSocket, server })
    return server
  }

  connect(address: NetAddress): Promise<NetSocket> {
    return this.#connect(address, {})
  }

  async #connect(address: NetAddress, faults: NetFaults): Promise<NetSocket> {
    const { maxDelayMs = DEFAULT_DELAY_MS } = faults
    await this.#world.pass(this.#world.random.fraction() * maxDelayMs)
    const listening = this.#listening.get(address.port)
    if (listening === undefined) {
      throw new NetError('unreachable', `${address.host}:${address.port}`, undefined)
    }
    this.#count('connections')
    const link = new SimLink({
      world: this.#world,
      faults: this.#chooseFate(faults),
      port: this.#nextPort++,
      onFault: (name) => this.#count(name),
    })
    listening.server.opened()
    link.far.onClose(() => listening.server.closed())
    listening.accept(link.far)
    return link.near
  }

  #chooseFate(faults: NetFaults): LinkFaults {
    const { random } = this.#world
    const { maxPieceBytes = DEFAULT_PIECE_BYTES, maxDelayMs = DEFAULT_DELAY_MS } = faults
    const after = (chance = 0) =>
      random.chance(chance) ? random.below(MAX_BYTES_BEFORE_FAULT) : Number.POSITIVE_INFINITY
    return {
      maxPieceBytes,
      maxDelayMs,
      resetAfterBytes: after(faults.resetChance),
      silentAfterBytes: after(faults.silenceChance),
    }
  }

  #count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }
}

class SimServer implements NetServer {
  readonly port: number
  readonly #stopListening: () => void
  #openCount = 0
  #onEmpty: (() => void) | undefined

  constructor(port: number, stopListening: () => void) {
    this.port = port
    this.#stopListening = stopListening
  }

  opened(): void {
    this.#openCount++
  }

  closed(): void {
    this.#openCount--
    if (this.#openCount === 0) this.#onEmpty?.()
  }

  async close(): Promise<void> {
    this.#stopListening()
    if (this.#openCount === 0) return
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
  }
}
