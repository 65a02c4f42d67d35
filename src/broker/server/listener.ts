// One listening address: opens connections as the quotas of connections allow, closes the idle ones,
// and drains them all at the stop.
// Invariant: after `close()` no socket, timer or connection of this listener is left.

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { NetServer, NetSocket } from '../../host/net.ts'
import type { BufferPool } from './buffer-pool.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import type { Dispatch } from './dispatch.ts'
import { SCRATCH_BYTES } from './frame-assembly.ts'
import type { HostAndPort } from './host-and-port.ts'
import type { JsonLog } from './json-log.ts'
import type { ListenerFacts } from './metrics/metric-readings.ts'
import type { ConnectionQuotas } from './quotas/connection-quotas.ts'
import type { RequestMemory } from './request-memory.ts'
import type { ResponseMemory } from './response-memory.ts'

export interface ListenerOptions {
  readonly host: Host
  readonly bind: HostAndPort
  /** What clients are told; undefined: the address they reached us at. */
  readonly advertise: HostAndPort | undefined
  readonly limits: ConnectionLimits
  /** Shared by all listeners of a broker. */
  readonly connections: ConnectionQuotas
  readonly memory: RequestMemory
  readonly responses: ResponseMemory
  readonly buffers: BufferPool
  readonly dispatch: Dispatch
  readonly log: JsonLog
}

/** A drain that a peer holds up is cut short after this. */
const DRAIN_MS = 5_000
const MIN_SWEEP_MS = 10
const MAX_SWEEP_MS = 5_000

export class Listener {
  readonly #options: ListenerOptions
  readonly #connections = new Set<Connection>()
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #server: NetServer | undefined
  #sweep: Timer | undefined
  #nextId = 1
  #isClosing = false
  #onEmpty: (() => void) | undefined
  #serverClosed: Promise<void> | undefined

  private constructor(options: ListenerOptions) {
    this.#options = options
  }

  /** @throws Error when the address is taken or not ours. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    listener.#server = await options.host.net.listen(options.bind, (socket) =>
      listener.#accept(socket),
    )
    listener.#scheduleSweep()
    return listener
  }

  /** Where it really listens: the port is the bound one. */
  get address(): HostAndPort {
    return { host: this.#options.bind.host, port: this.#server!.port }
  }

  /** What clients are told when nothing better is known. */
  get advertised(): HostAndPort {
    return this.#options.advertise ?? this.address
  }

  /** For metrics. */
  get facts(): ListenerFacts {
    const { connections, memory } = this.#options
    return { connections, requests: memory }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Accepts no more connections; those that are open stay. */
  stopAccepting(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#sweep?.cancel()
    this.#options.connections.stop()
    this.#serverClosed = this.#server?.close()
  }

  /** Answers what has come, then closes every connection. */
  async drain(): Promise<void> {
    this.stopAccepting()
    for (const connection of [...this.#connections]) connection.drain()
    if (this.#connections.size > 0) await this.#allClosed()
    this.closeNow()
    await this.#serverClosed
  }

  /** Closes every connection with whatever is running on it. */
  closeNow(): void {
    this.stopAccepting()
    for (const connection of [...this.#connections]) connection.close()
  }

  async #allClosed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    const deadline = this.#options.host.timers.after(DRAIN_MS, resolve)
    await promise
    deadline.cancel()
  }

  #accept(socket: NetSocket): void {
    this.#options.connections.admit(socket, () => this.#open(socket))
  }

  #open(socket: NetSocket): Connection | undefined {
    if (this.#isClosing) return undefined
    const { limits, host, log, memory, responses, buffers, dispatch } = this.#options
    const connection = new Connection({
      id: this.#nextId++,
      socket,
      advertised: this.#options.advertise ?? this.#reachedAt(socket),
      dispatch,
      limits,
      memory,
      responses,
      scratch: this.#scratch,
      pool: buffers,
      log,
      clock: host.clock,
      timers: host.timers,
    })
    this.#connections.add(connection)
    connection.onClose(() => {
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#onEmpty?.()
    })
    return connection
  }

  /** A wildcard address means nothing to a client: it is told the one that worked. */
  #reachedAt(socket: NetSocket): HostAndPort {
    const { host, port } = this.address
    const isWildcard = host === '0.0.0.0' || host === '::' || host === ''
    return { host: isWildcard ? withoutMapping(socket.localAddress) : host, port }
  }

  #scheduleSweep(): void {
    const { limits, host } = this.#options
    const everyMs = Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, limits.maxIdleMs / 4))
    this.#sweep = host.timers.after(everyMs, () => {
      const nowMs = host.clock.monotonicMs()
      for (const connection of [...this.#connections]) connection.closeIfIdle(nowMs)
      this.#options.memory.passOn()
      this.#scheduleSweep()
    })
  }
}

/** An IPv4 address as an IPv6 socket shows it, `::ffff:10.0.0.1`. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}
