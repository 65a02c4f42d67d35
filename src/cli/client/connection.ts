// One connection to one broker: requests go out at once, answers are matched by correlation id, and
// each request uses the highest version that both sides know (ApiVersions is asked first).
// Invariant: a request settles exactly once: with its answer, its timeout, or the end of the
// connection. A late answer to a request that has timed out is dropped.

import { saslHandshake } from '../../broker/protocol/17-sasl-handshake.ts'
import { apiVersions } from '../../broker/protocol/18-api-versions.ts'
import { saslAuthenticate } from '../../broker/protocol/36-sasl-authenticate.ts'
import type { Api } from '../../broker/protocol/api.ts'
import { correlationIdOf, decodeResponse, encodeRequest } from '../../broker/protocol/frames.ts'
import { FrameAssembly, SCRATCH_BYTES } from '../../broker/server/frame-assembly.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import type { Fields, Infer, InferInput } from '../../broker/wire/field.ts'
import type { Clock, Timers } from '../../host/clock.ts'
import type { Net, NetSocket } from '../../host/net.ts'
import type { Random } from '../../host/random.ts'
import { secureAsClient, TlsError } from '../../host/tls.ts'
import { type Address, formatAddress } from './address.ts'
import { ClientError, refusal } from './client-error.ts'
import { logIn } from './sasl.ts'
import type { ClientSecurity, SaslClientSettings } from './security.ts'

const NONCE_BYTES = 24
/** The share of a session's lifetime after which the next connection is used. */
const USED_LIFETIME = 0.8
const MAX_FRAME_BYTES = 256 * 1024 * 1024
/** Shared by all connections: a frame is copied out of it. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
/** What a broker's log may call us. */
const SOFTWARE = { clientSoftwareName: 'millrace', clientSoftwareVersion: '1' }

export interface ConnectionOptions {
  readonly address: Address
  readonly clientId: string
  readonly net: Net
  readonly timers: Timers
  /** TLS and login; undefined: the broker asks for neither. */
  readonly security?: ConnectionSecurity | undefined
  /** How long connecting, and by default each request, may take. */
  readonly requestTimeoutMs: number
}

/** What logging in needs, and knowing when a session ends. */
export interface ConnectionSecurity extends ClientSecurity {
  readonly clock: Clock
  readonly random: Random
}

export interface RequestOptions {
  /** Not above this version, whatever both sides know. */
  readonly maxVersion?: number
  /** Instead of the connection's. */
  readonly timeoutMs?: number
}

interface Waiting {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: ClientError) => void
}

type VersionRange = readonly [first: number, last: number]

export class Connection {
  readonly address: Address
  readonly #options: ConnectionOptions
  readonly #socket: NetSocket
  readonly #waiting = new Map<number, Waiting>()
  #versions = new Map<number, VersionRange>()
  #nextCorrelationId = 0
  #ended: ClientError | undefined
  /** When another connection should take over, because the session ends; undefined: never. */
  #retires: { readonly clock: Clock; readonly atMs: number } | undefined
  #isRetired = false

  /** Connects and asks for the versions that the broker serves. @throws ClientError */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const socket = await connectSocket(options)
    const connection = new Connection(options, socket)
    try {
      await connection.#negotiate()
      if (options.security?.sasl !== undefined) {
        await connection.#logIn(options.security.sasl, options.security)
      }
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  private constructor(options: ConnectionOptions, socket: NetSocket) {
    this.address = options.address
    this.#options = options
    this.#socket = socket
    const frames = new FrameAssembly({
      maxFrameBytes: MAX_FRAME_BYTES,
      scratch,
      onFrame: (frame) => this.#receive(frame),
      onFault: () => this.#end('malformed', "does not speak Kafka's protocol"),
    })
    socket.onRead(frames)
    socket.onClose(() => this.#end('connection-lost', 'closed the connection'))
  }

  get isOpen(): boolean {
    return this.#ended === undefined
  }

  /** Its session is about to end: what is asked now is better asked on a new connection. */
  get isRetiring(): boolean {
    return this.#retires !== undefined && this.#retires.clock.monotonicMs() >= this.#retires.atMs
  }

  /** Closes when everything that was asked is answered. */
  retire(): void {
    this.#isRetired = true
    if (this.#waiting.size === 0) this.close()
  }

  /** Is there a version of this API that both sides know? */
  serves<Req extends Fields, Res extends Fields>(api: Api<Req, Res>): boolean {
    return this.#versionOf(api, undefined) !== undefined
  }

  /** @throws ClientError unsupported, timeout, connection-lost, malformed */
  async request<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: InferInput<Req>,
    options: RequestOptions = {},
  ): Promise<Infer<Res>> {
    const version = this.#requireVersion(api, options.maxVersion)
    return this.#ask(api, version, body, options.timeoutMs ?? this.#options.requestTimeoutMs)
  }

  /** Sends a request that is never answered (acks=0). */
  send<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: InferInput<Req>,
    options: RequestOptions = {},
  ): void {
    const version = this.#requireVersion(api, options.maxVersion)
    this.#write(api, version, body)
  }

  /** Resolves when the broker has read all that was sent before. */
  async ping(): Promise<void> {
    await this.request(apiVersions, SOFTWARE)
  }

  close(): void {
    this.#end('closed', 'was closed by this client')
  }

  #requireVersion<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    maxVersion: number | undefined,
  ): number {
    const version = this.#versionOf(api, maxVersion)
    if (version !== undefined) return version
    throw new ClientError(
      'unsupported',
      `${formatAddress(this.address)} does not serve ${api.name} in a version that millrace knows.`,
    )
  }

  #versionOf<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    maxVersion = Number.POSITIVE_INFINITY,
  ): number | undefined {
    const served = this.#versions.get(api.key)
    if (served === undefined) return undefined
    const highest = Math.min(api.versions[1], served[1], maxVersion)
    return highest >= Math.max(api.versions[0], served[0]) ? highest : undefined
  }

  async #negotiate(): Promise<void> {
    const timeoutMs = this.#options.requestTimeoutMs
    let answer = await this.#ask(apiVersions, apiVersions.versions[1], SOFTWARE, timeoutMs)
    if (answer.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      // KIP-511: the broker has told, in version 0, which versions of ApiVersions it serves.
      const served = answer.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key)
      const version = Math.min(served?.maxVersion ?? 0, apiVersions.versions[1])
      answer = await this.#ask(apiVersions, version, SOFTWARE, timeoutMs)
    }
    this.#versions = new Map(
      answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
        apiKey,
        [minVersion, maxVersion],
      ]),
    )
  }

  #ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: InferInput<Req>,
    timeoutMs: number,
  ): Promise<Infer<Res>> {
    return new Promise((resolve, reject) => {
      const correlationId = this.#write(api, version, body)
      const timer = this.#options.timers.after(timeoutMs, () => {
        this.#waiting.delete(correlationId)
        const message = `${formatAddress(this.address)} did not answer ${api.name} within ${timeoutMs} ms.`
        reject(new ClientError('timeout', message))
      })
      this.#waiting.set(correlationId, {
        resolve: (frame) => {
          timer.cancel()
          try {
            resolve(decodeResponse(api, version, frame).body)
          } catch (error) {
            reject(this.#end('malformed', `sent what is no ${api.name} answer`, error))
          }
        },
        reject: (error) => {
          timer.cancel()
          reject(error)
        },
      })
    })
  }

  #write<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: InferInput<Req>,
  ): number {
    if (this.#ended !== undefined) throw this.#ended
    const correlationId = this.#nextCorrelationId
    this.#nextCorrelationId = (correlationId + 1) & 0x7fff_ffff
    const clientId = this.#options.clientId
    this.#socket.write(encodeRequest(api, { apiVersion: version, correlationId, clientId }, body))
    return correlationId
  }

  #receive(frame: Buffer): void {
    const correlationId = correlationIdOf(frame)
    const waiting = this.#waiting.get(correlationId)
    this.#waiting.delete(correlationId)
    waiting?.resolve(frame)
    if (this.#isRetired && this.#waiting.size === 0) this.close()
  }

  async #logIn(settings: SaslClientSettings, { random, clock }: ConnectionSecurity): Promise<void> {
    const { mechanism, user } = settings
    const chosen = await this.request(saslHandshake, { mechanism })
    if (chosen.errorCode !== ErrorCode.NONE) {
      const offered = `${formatAddress(this.address)} offers ${chosen.mechanisms.join(', ')}`
      throw refusal(chosen.errorCode, `Login by ${mechanism}`, `${offered}.`)
    }
    const nonce = random.bytes(NONCE_BYTES).toString('base64url')
    const startedAtMs = clock.monotonicMs()
    const exchange = async (authBytes: Buffer) => {
      const answer = await this.request(saslAuthenticate, { authBytes })
      const { errorCode, errorMessage, sessionLifetimeMs } = answer
      if (errorCode !== ErrorCode.NONE) throw refusal(errorCode, `Login of ${user}`, errorMessage)
      if (sessionLifetimeMs > 0) {
        this.#retires = { clock, atMs: startedAtMs + sessionLifetimeMs * USED_LIFETIME }
      }
      return answer.authBytes
    }
    await logIn(settings, exchange, nonce)
  }

  #end(
    code: 'connection-lost' | 'malformed' | 'closed',
    what: string,
    cause?: unknown,
  ): ClientError {
    if (this.#ended !== undefined) return this.#ended
    const error = new ClientError(code, `${formatAddress(this.address)} ${what}.`, { cause })
    this.#ended = error
    this.#socket.destroy()
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
    return error
  }
}

async function connectSocket(options: ConnectionOptions): Promise<NetSocket> {
  const { address, net, requestTimeoutMs, security } = options
  try {
    const socket = await net.connect(address, { timeoutMs: requestTimeoutMs })
    if (security?.tls === undefined) return socket
    const { checksName, ...tls } = security.tls
    return await secureAsClient(socket, {
      ...tls,
      serverName: checksName ? address.host : undefined,
      timeoutMs: requestTimeoutMs,
    })
  } catch (error) {
    const where = formatAddress(address)
    const why = error instanceof TlsError ? ` by TLS: ${error.message}` : ''
    throw new ClientError('unreachable', `No connection to ${where}${why}.`, { cause: error })
  }
}
