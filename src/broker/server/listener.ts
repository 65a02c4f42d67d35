// One listening address: opens connections as the quotas of connections allow, takes them through TLS
// where it speaks that, closes the idle ones, and drains them all at the stop.
// Invariant: after `close()` no socket, timer or connection of this listener is left.

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { NetServer, NetSocket } from '../../host/net.ts'
import { TlsError } from '../../host/tls.ts'
import type { SecurityProtocol } from '../catalog/security-protocol.ts'
import type { BufferPool } from './buffer-pool.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import type { Dispatch } from './dispatch.ts'
import { SCRATCH_BYTES } from './frame-assembly.ts'
import type { HostAndPort } from './host-and-port.ts'
import { describeError, type JsonLog } from './json-log.ts'
import type { ConnectionQuotas, OpenConnection } from './quotas/connection-quotas.ts'
import type { RequestMemory } from './request-memory.ts'
import type { ResponseMemory } from './response-memory.ts'
import type { Login } from './security/login.ts'
import type { Logins } from './security/logins.ts'
import type { PendingLogin, PendingLogins } from './security/pending-logins.ts'
import type { Principal } from './security/principal.ts'

/** What a listener asks of whoever comes, before requests are answered. */
export interface ListenerEntry {
  /** @throws TlsError */
  readonly tls: { secure(socket: NetSocket): Promise<SecuredClient> } | undefined
  readonly logins: Pick<Logins, 'begin'> | undefined
  /** Of all listeners. */
  readonly pending: PendingLogins
  /** Takes the requests of those who have not logged in. */
  readonly memory: RequestMemory
}

export interface SecuredClient {
  readonly socket: NetSocket
  /** By its certificate; undefined: it has shown none. */
  readonly principal: Principal | undefined
}

export interface ListenerOptions {
  readonly host: Host
  /** As in `listeners`. */
  readonly name: string
  readonly protocol: SecurityProtocol
  readonly bind: HostAndPort
  /** What clients are told; undefined: the address they reached us at. */
  readonly advertise: HostAndPort | undefined
  readonly limits: ConnectionLimits
  /** Shared by all listeners of a broker. */
  readonly connections: ConnectionQuotas
  /** Numbers the connections of all listeners. */
  readonly nextId: () => number
  /** undefined: whoever comes is let in. */
  readonly entry: ListenerEntry | undefined
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
  readonly #arrivals = new Set<Arrival>()
  #server: NetServer | undefined
  #sweep: Timer | undefined
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

  get connectionCount(): number {
    return this.#connections.size
  }

  get name(): string {
    return this.#options.name
  }

  get protocol(): SecurityProtocol {
    return this.#options.protocol
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
    for (const { socket } of this.#arrivals) socket.destroy()
    if (!this.#isEmpty) await this.#allClosed()
    this.closeNow()
    await this.#serverClosed
  }

  /** Closes every connection with whatever is running on it. */
  closeNow(): void {
    this.stopAccepting()
    for (const { socket } of this.#arrivals) socket.destroy()
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
    const { connections, entry } = this.#options
    connections.admit(socket, () => {
      if (this.#isClosing) return undefined
      return entry === undefined ? this.#open({ socket }) : this.#arrive(socket, entry)
    })
  }

  #arrive(socket: NetSocket, entry: ListenerEntry): Arrival {
    const { log, host } = this.#options
    const arrival = new Arrival(socket, log, host.clock.monotonicMs())
    entry.pending.add(arrival)
    this.#arrivals.add(arrival)
    void this.#enter(arrival, entry)
    return arrival
  }

  /** TLS first, then the login, which goes on within the connection. */
  async #enter(arrival: Arrival, { pending, tls, logins }: ListenerEntry): Promise<void> {
    const { log, name } = this.#options
    const { remoteAddress } = arrival.socket
    try {
      const secured = await tls?.secure(arrival.socket)
      const login = logins?.begin({ remoteAddress })
      const { socket = arrival.socket, principal } = secured ?? {}
      const connection = this.#open({ socket, principal, login })
      connection.onClose(() => pending.remove(arrival))
      arrival.connection = connection
      if (login === undefined) pending.remove(arrival)
      else login.onDone(() => pending.remove(arrival))
      if (this.#isClosing) connection.close()
    } catch (error) {
      pending.remove(arrival)
      arrival.socket.destroy()
      const why = error instanceof TlsError ? error.message : describeError(error)
      if (!arrival.isRefused) {
        log.warn('handshake-failed', { listener: name, why, remote: remoteAddress })
      }
    } finally {
      this.#arrivals.delete(arrival)
      this.#tellIfEmpty()
    }
  }

  #open({
    socket,
    principal,
    login,
  }: {
    socket: NetSocket
    principal?: Principal | undefined
    login?: Login | undefined
  }): Connection {
    const { limits, host, log, memory, responses, buffers, dispatch, entry } = this.#options
    const connection = new Connection({
      id: this.#options.nextId(),
      socket,
      advertised: this.#options.advertise ?? this.#reachedAt(socket),
      principal,
      login: login && entry && { state: login, memory: entry.memory },
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
      this.#tellIfEmpty()
    })
    return connection
  }

  /** A wildcard address means nothing to a client: it is told the one that worked. */
  #reachedAt(socket: NetSocket): HostAndPort {
    const { host, port } = this.address
    const isWildcard = host === '0.0.0.0' || host === '::' || host === ''
    return { host: isWildcard ? withoutMapping(socket.localAddress) : host, port }
  }

  #tellIfEmpty(): void {
    if (this.#isEmpty) this.#onEmpty?.()
  }

  get #isEmpty(): boolean {
    return this.#connections.size === 0 && this.#arrivals.size === 0
  }

  #scheduleSweep(): void {
    const { limits, host } = this.#options
    const everyMs = Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, limits.maxIdleMs / 4))
    this.#sweep = host.timers.after(everyMs, () => {
      const nowMs = host.clock.monotonicMs()
      for (const connection of [...this.#connections]) connection.closeIfIdle(nowMs)
      this.#options.memory.passOn()
      this.#options.entry?.memory.passOn()
      this.#scheduleSweep()
    })
  }
}

/** An IPv4 address as an IPv6 socket shows it, `::ffff:10.0.0.1`. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}

/** A connection that is in the middle of TLS or login. */
class Arrival implements PendingLogin, OpenConnection {
  readonly socket: NetSocket
  readonly #log: JsonLog
  readonly #arrivedMs: number
  /** Once TLS is through. */
  connection: Connection | undefined
  /** It was closed for a reason that the log has. */
  isRefused = false

  constructor(socket: NetSocket, log: JsonLog, nowMs: number) {
    this.socket = socket
    this.#log = log
    this.#arrivedMs = nowMs
  }

  get lastActiveMs(): number {
    return this.connection?.lastActiveMs ?? this.#arrivedMs
  }

  onClose(listener: () => void): void {
    this.socket.onClose(listener)
  }

  close(reason?: string): void {
    this.isRefused = true
    if (this.connection !== undefined) this.connection.close(reason)
    else {
      this.#log.warn('connection-closed', { reason, remote: this.socket.remoteAddress })
      this.socket.destroy()
    }
  }
}
