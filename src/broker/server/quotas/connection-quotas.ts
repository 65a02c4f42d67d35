// Which connections may be opened, and when. Source: KIP-402 and Kafka's ConnectionQuotas, whose
// answers these are:
//
//   as many as `max.connections` are open         the next ones wait for a place
//   above `max.connection.creation.rate`          they wait until the rate is down
//   above an address's connection_creation_rate   closed, after as long: who comes again at once gains nothing
//   as many as `max.connections.per.ip` are open  closed at once
//
// A connection that waits is not read from. Invariant: sockets that are not open connections, waiting
// or about to be closed, are at most twice `socket.listen.backlog.size`; more are closed as they come.

import type { Clock, Timer, Timers } from '../../../host/clock.ts'
import type { NetSocket } from '../../../host/net.ts'
import type { BrokerConfig } from '../../catalog/broker-config-keys.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { parseConnectionOverrides } from '../../catalog/connection-overrides.ts'
import { canonicalAddress } from '../../catalog/ip-address.ts'
import { SampledRate } from './sampled-rate.ts'

export type RefusalReason =
  | 'max.connections'
  | 'max.connection.creation.rate'
  | 'max.connections.per.ip'
  | 'connection_creation_rate'

export interface OpenConnection {
  readonly lastActiveMs: number
  close(reason?: string): void
  onClose(listener: () => void): unknown
}

export interface ConnectionQuotasOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly config: BrokerConfig
  readonly catalog: Pick<Catalog, 'clientQuotas' | 'onChange'>
  /** What the machine bears, whatever `max.connections` says. */
  readonly maxConnections: number
  readonly onOpened: () => void
  readonly onRefused: (reason: RefusalReason, remoteAddress: string) => void
}

interface Waiting {
  readonly socket: NetSocket
  readonly address: string
  /** Makes the connection; undefined when its listener is closing. */
  readonly open: () => OpenConnection | undefined
  /** Until then the rate is too high; undefined: not looked at yet. */
  readyAtMs: number | undefined
}

/** No quota, in Kafka's number. */
const UNLIMITED = 2 ** 31 - 1

export class ConnectionQuotas {
  readonly #options: ConnectionQuotasOptions
  readonly #open = new Map<OpenConnection, string>()
  readonly #perAddress = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  /** Refused, and not closed yet. */
  readonly #held = new Set<NetSocket>()
  readonly #rates = new Map<string, SampledRate>()
  #rate: SampledRate | undefined
  #addressBounds = new Map<string, number>()
  #defaultBound: number | undefined
  #overrides: { text: string; counts: ReadonlyMap<string, number> } = {
    text: '',
    counts: new Map(),
  }
  #timer: Timer | undefined
  #isStopped = false

  constructor(options: ConnectionQuotasOptions) {
    this.#options = options
    this.#readBounds()
    options.catalog.onChange((change) => {
      if (change.kind === 'client-quotas-altered') this.#readBounds()
      if (change.kind !== 'broker-altered') return
      this.#closeExcess()
      this.#admitWaiting()
    })
  }

  get openCount(): number {
    return this.#open.size
  }

  get waitingCount(): number {
    return this.#waiting.length + this.#held.size
  }

  /** @param open makes the connection, now or when there is a place for it */
  admit(socket: NetSocket, open: () => OpenConnection | undefined): void {
    if (this.#isStopped) {
      socket.destroy()
      return
    }
    this.#waiting.push({ socket, address: addressOf(socket), open, readyAtMs: undefined })
    this.#admitWaiting()
    if (this.#waiting.length <= this.#options.config.socketListenBacklogSize) return
    const last = this.#waiting.pop()!
    const reason = this.#hasPlace() ? 'max.connection.creation.rate' : 'max.connections'
    this.#refuse(last, reason)
  }

  /** Nothing is opened any more, and what waits is closed. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    for (const { socket } of this.#waiting) socket.destroy()
    for (const socket of this.#held) socket.destroy()
    this.#waiting.length = 0
    this.#held.clear()
  }

  get #maxConnections(): number {
    return Math.min(this.#options.config.maxConnections, this.#options.maxConnections)
  }

  #hasPlace(): boolean {
    return this.#open.size < this.#maxConnections
  }

  #admitWaiting(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const nowMs = this.#options.clock.monotonicMs()
      next.readyAtMs ??= nowMs + this.#delayOfBroker(nowMs)
      if (nowMs < next.readyAtMs) {
        this.#timer = this.#options.timers.after(next.readyAtMs - nowMs, () => this.#admitWaiting())
        return
      }
      if (!this.#hasPlace()) return
      this.#waiting.shift()
      this.#admit(next, nowMs)
    }
  }

  #admit(candidate: Waiting, nowMs: number): void {
    const { address, open } = candidate
    const delayMs = this.#delayOfAddress(address, nowMs)
    const count = this.#perAddress.get(address) ?? 0
    if (delayMs > 0) {
      this.#rate?.record(-1, nowMs)
      this.#refuse(candidate, 'connection_creation_rate', delayMs)
      return
    }
    if (count >= this.#maxOf(address)) {
      this.#refuse(candidate, 'max.connections.per.ip')
      return
    }
    const connection = open()
    if (connection === undefined) {
      candidate.socket.destroy()
      return
    }
    this.#options.onOpened()
    this.#open.set(connection, address)
    this.#perAddress.set(address, count + 1)
    connection.onClose(() => this.#closed(connection, address))
  }

  #refuse({ socket }: Waiting, reason: RefusalReason, afterMs = 0): void {
    this.#options.onRefused(reason, socket.remoteAddress)
    if (afterMs === 0 || this.#held.size >= this.#options.config.socketListenBacklogSize) {
      socket.destroy()
      return
    }
    this.#held.add(socket)
    this.#options.timers.after(afterMs, () => {
      if (this.#held.delete(socket)) socket.destroy()
    })
  }

  #closed(connection: OpenConnection, address: string): void {
    this.#open.delete(connection)
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left > 0) this.#perAddress.set(address, left)
    else this.#perAddress.delete(address)
    if (this.#waiting.length > 0 && !this.#isStopped) this.#admitWaiting()
  }

  /** `max.connections` was lowered: those that were silent for longest go. */
  #closeExcess(): void {
    const excess = this.#open.size - this.#maxConnections
    if (excess <= 0) return
    const byActivity = [...this.#open.keys()].sort((a, b) => a.lastActiveMs - b.lastActiveMs)
    for (const connection of byActivity.slice(0, excess)) {
      connection.close('max.connections was lowered')
    }
  }

  #maxOf(address: string): number {
    const { maxConnectionsPerIp, maxConnectionsPerIpOverrides: text } = this.#options.config
    if (text !== this.#overrides.text) {
      this.#overrides = { text, counts: parseConnectionOverrides(text) ?? new Map() }
    }
    return this.#overrides.counts.get(address) ?? maxConnectionsPerIp
  }

  #delayOfBroker(nowMs: number): number {
    const bound = this.#options.config.maxConnectionCreationRate
    if (bound >= UNLIMITED) return 0
    this.#rate ??= this.#newRate(nowMs)
    return this.#delay(this.#rate, bound, nowMs)
  }

  /** A connection that has to wait is not counted: it will not be opened. */
  #delayOfAddress(address: string, nowMs: number): number {
    const bound = this.#addressBounds.get(address) ?? this.#defaultBound
    if (bound === undefined) return 0
    const rate = this.#rates.get(address) ?? this.#newRate(nowMs)
    this.#rates.delete(address)
    for (const oldest of this.#rates.keys()) {
      if (this.#rates.size < this.#options.config.millraceMaxMeteredClients) break
      this.#rates.delete(oldest)
    }
    this.#rates.set(address, rate)
    const delayMs = this.#delay(rate, bound, nowMs)
    if (delayMs > 0) rate.record(-1, nowMs)
    return delayMs
  }

  #delay(rate: SampledRate, bound: number, nowMs: number): number {
    rate.record(1, nowMs)
    return Math.min(rate.delayMs(bound, nowMs), this.#options.config.quotaWindowSizeSeconds * 1000)
  }

  #newRate(nowMs: number): SampledRate {
    const { quotaWindowNum: count, quotaWindowSizeSeconds } = this.#options.config
    return new SampledRate({ count, windowMs: quotaWindowSizeSeconds * 1000 }, nowMs)
  }

  #readBounds(): void {
    this.#addressBounds = new Map()
    this.#defaultBound = undefined
    for (const { entity, values } of this.#options.catalog.clientQuotas().values()) {
      const bound = values.connection_creation_rate
      if (bound === undefined || entity.ip === undefined) continue
      if (entity.ip === null) this.#defaultBound = bound
      else this.#addressBounds.set(canonicalAddress(entity.ip) ?? entity.ip, bound)
    }
  }
}

function addressOf({ remoteAddress }: NetSocket): string {
  const address = remoteAddress.replace(/:\d+$/, '')
  return canonicalAddress(address) ?? address
}
