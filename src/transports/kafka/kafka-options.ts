// What `kafka()` takes, checked when it is called: a mistake shows where it was made and not at the
// first message.

import type { Address, ClusterOptions } from './cluster.ts'
import type { Compression } from './record-batch.ts'

export interface KafkaTls {
  /** PEM: the authorities that are trusted; without, those that Node knows. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** PEM: the client's own certificate, where the brokers ask for one. */
  readonly cert?: string | Buffer
  /** PEM */
  readonly key?: string | Buffer
  readonly passphrase?: string
  /** The name that the brokers' certificates carry, when it is not their address. */
  readonly serverName?: string
  /** False: any certificate is taken, and nobody knows who answers. For trials only. */
  readonly rejectUnauthorized?: boolean
}

export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  /** A function is asked at every login. */
  readonly password: string | (() => string | Promise<string>)
}

export interface KafkaOptions {
  /** `HOST:PORT`, one or more; the others are heard of from those. */
  readonly brokers: string | readonly string[]
  readonly tls?: boolean | KafkaTls
  readonly sasl?: KafkaSasl
  /** What brokers show of this client. Default: the name of the service. */
  readonly clientId?: string
  /**
   * `consumer`: the brokers share out partitions and nobody else stops when one moves (KIP-848;
   * Apache Kafka 4.0 or newer, and Millrace). `classic`: the members do, on any cluster. Default:
   * `consumer` where the cluster has it. All members of a group use the same. In the first, sessions
   * end after what the brokers say (`group.consumer.session.timeout.ms`).
   */
  readonly groupProtocol?: 'consumer' | 'classic'
  /** Of what is sent. Default: none. */
  readonly compression?: Compression
  /** How long a request waits for its answer. Default: 30,000. */
  readonly requestTimeoutMs?: number
  /** How long records are tried to be sent, and a transaction to be committed. Default: 120,000. */
  readonly deliveryTimeoutMs?: number
  /** After so long without an end the brokers abort a transaction. Default: 60,000. */
  readonly transactionTimeoutMs?: number
  /** How long `open` looks for a broker that answers. Default: 15,000. */
  readonly connectTimeoutMs?: number
}

export interface CheckedOptions {
  readonly bootstrap: readonly Address[]
  readonly connection: ClusterOptions['connection']
  readonly clientId: string | undefined
  readonly groupProtocol: 'consumer' | 'classic' | undefined
  readonly compression: Compression
  readonly requestTimeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly connectTimeoutMs: number
}

const DEFAULT_PORT = 9092
const LAST_PORT = 65_535
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const protocols = ['consumer', 'classic'] as const
const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const known: Record<keyof KafkaOptions, true> = {
  brokers: true,
  tls: true,
  sasl: true,
  clientId: true,
  groupProtocol: true,
  compression: true,
  requestTimeoutMs: true,
  deliveryTimeoutMs: true,
  transactionTimeoutMs: true,
  connectTimeoutMs: true,
}

/** @throws TypeError with a sentence that names the option */
export function checkOptions(options: KafkaOptions): CheckedOptions {
  const stranger = Object.keys(options).find((name) => !Object.hasOwn(known, name))
  if (stranger !== undefined) {
    throw new TypeError(`kafka() knows no option ${stranger}: ${Object.keys(known).join(', ')}.`)
  }
  const requestTimeoutMs = positive('requestTimeoutMs', options.requestTimeoutMs, 30_000)
  const deliveryTimeoutMs = positive('deliveryTimeoutMs', options.deliveryTimeoutMs, 120_000)
  return {
    bootstrap: addressesOf(options.brokers),
    connection: { ...tlsOf(options.tls), ...saslOf(options.sasl) },
    clientId: options.clientId,
    groupProtocol: oneOf('groupProtocol', options.groupProtocol, protocols),
    compression: oneOf('compression', options.compression, compressions) ?? 'none',
    requestTimeoutMs,
    deliveryTimeoutMs,
    transactionTimeoutMs: positive('transactionTimeoutMs', options.transactionTimeoutMs, 60_000),
    connectTimeoutMs: positive('connectTimeoutMs', options.connectTimeoutMs, 15_000),
  }
}

function addressesOf(brokers: KafkaOptions['brokers']): readonly Address[] {
  const names =
    typeof brokers === 'string' ? brokers.split(',').map((name) => name.trim()) : brokers
  if (!Array.isArray(names) || names.length === 0) {
    throw new TypeError("kafka() needs brokers, such as 'localhost:9092'.")
  }
  return names.map(addressOf)
}

/** An IPv6 address stands in brackets. */
function addressOf(text: unknown): Address {
  const parts =
    typeof text === 'string' ? /^(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d+))?$/.exec(text) : null
  const host = parts?.[1] ?? parts?.[2]
  const port = parts?.[3] === undefined ? DEFAULT_PORT : Number(parts[3])
  if (host === undefined || port < 1 || port > LAST_PORT) {
    throw new TypeError(`kafka() needs brokers as HOST:PORT, and '${String(text)}' is not one.`)
  }
  return { host, port }
}

function tlsOf(tls: KafkaOptions['tls']): ClusterOptions['connection'] {
  if (tls === undefined || tls === false) return {}
  if (tls === true) return { tls: {}, tlsServerName: true }
  const { serverName, ca, ...others } = tls
  if ((others.cert === undefined) !== (others.key === undefined)) {
    throw new TypeError('kafka() needs tls.cert and tls.key together, or neither.')
  }
  const trusted =
    ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }
  return { tls: { ...others, ...trusted }, tlsServerName: serverName ?? true }
}

function saslOf(sasl: KafkaOptions['sasl']): ClusterOptions['connection'] {
  if (sasl === undefined) return {}
  const mechanism = oneOf('sasl.mechanism', sasl.mechanism, mechanisms)
  if (mechanism === undefined) throw new TypeError('kafka() needs sasl.mechanism.')
  if (typeof sasl.username !== 'string' || sasl.username === '') {
    throw new TypeError('kafka() needs sasl.username.')
  }
  if (typeof sasl.password !== 'string' && typeof sasl.password !== 'function') {
    throw new TypeError('kafka() needs sasl.password, as text or as a function that gives it.')
  }
  return { sasl: { mechanism, username: sasl.username, password: sasl.password } }
}

function oneOf<Value extends string>(
  name: string,
  value: Value | undefined,
  choice: readonly Value[],
): Value | undefined {
  if (value === undefined || choice.includes(value)) return value
  throw new TypeError(`kafka() needs ${name} to be one of ${choice.join(', ')}, not '${value}'.`)
}

function positive(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (Number.isFinite(value) && value > 0) return value
  throw new TypeError(`kafka() needs ${name} to be a number of milliseconds above 0, not ${value}.`)
}
