// From a frame to its answer: which API, which version, which handler. Nothing here knows what an
// API does. What cannot be answered becomes RequestRefused: the connection closes, as in Kafka, but
// the log says which client asked for what (a bare end of stream tells nobody anything).
// Source: KIP-511 for ApiVersions in a version that we do not know.

import { DecodeError } from '../bytes/reader.ts'
import { apiVersions } from '../protocol/18-api-versions.ts'
import { decodeRequestHeader, encodeResponse, type RequestHeader } from '../protocol/frames.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { ClientConnection, Handler, HandlerContext } from './handler.ts'
import { describeError } from './json-log.ts'
import { UNRESTRICTED } from './security/access.ts'
import type { Login } from './security/login.ts'
import type { BrokerServices } from './services.ts'

export interface Dispatched {
  /** The whole response frame, length included; undefined for no answer (acks=0). */
  readonly chunks: readonly Buffer[] | undefined
  /** Nobody reads the request's frame any more. */
  readonly isFrameFree: boolean
  /** How long nothing more is to be read from the client. */
  readonly throttleMs?: number
  /** Bytes of the memory of answers that are reserved for this one. */
  readonly heldBytes?: number
  /** To be called when the chunks have been sent; not when the connection closed before. */
  readonly onSent?: (() => void) | undefined
  /** The connection ends once this is sent. */
  readonly isLast?: boolean
}

export type Dispatch = (frame: Buffer, connection: ClientConnection) => Promise<Dispatched>

/** The request cannot be answered: the connection closes, and the log says for whom and why. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly clientId: string | null
  readonly api: string
  readonly apiVersion: number

  constructor(
    reason: string,
    request: { clientId: string | null; api: string; apiVersion: number },
    cause?: unknown,
  ) {
    super(reason, { cause })
    this.clientId = request.clientId
    this.api = request.api
    this.apiVersion = request.apiVersion
  }
}

/** @param handlerFor the handler of a served API */
export function createDispatch(
  handlerFor: (apiKey: number) => Handler | undefined,
  broker: BrokerServices,
): Dispatch {
  return async (frame, connection) => {
    const { login } = connection
    if (login?.expectsBareToken) return answerBareToken(frame, login)
    const header = readHeader(frame)
    const refusal = login?.explainRefusal(header.apiKey)
    if (refusal !== undefined) throw refused(header, handlerFor(header.apiKey), refusal)
    const handler = handlerFor(header.apiKey)
    if (handler === undefined) throw refused(header, undefined, 'unknown API key')
    const [first, last] = handler.versions
    if (header.apiVersion < first || header.apiVersion > last) {
      if (header.apiKey === apiVersions.key) return answerInVersionZero(header)
      throw refused(header, handler, `unsupported version: ${first}-${last} are served`)
    }
    return answer(frame, header, handler, connection)
  }

  /** What ends the connection is counted here, and thrown by the caller. */
  function refused(...why: Parameters<typeof refuse>): RequestRefused {
    broker.metrics.requests.refused()
    return refuse(...why)
  }

  async function answer(
    frame: Buffer,
    header: RequestHeader,
    handler: Handler,
    connection: ClientConnection,
  ): Promise<Dispatched> {
    const { apiVersion, clientId } = header
    let isFrameFree = false
    const releaseFrame = () => {
      isFrameFree = true
    }
    let sentListener: (() => void) | undefined
    const onSent = (listener: () => void) => {
      sentListener = listener
    }
    const context: HandlerContext = {
      apiVersion,
      clientId,
      connection,
      access: broker.authorizer?.accessOf(connection, handler.api.name) ?? UNRESTRICTED,
      broker,
      throttleMs: 0,
      heldAnswerBytes: 0,
      releaseFrame,
      onSent,
    }
    const { metrics, host } = broker
    const startMs = host.clock.monotonicMs()
    try {
      const result = await handler.answer(frame, header, context)
      if (result.kind === 'disconnect') throw refused(header, handler, result.reason)
      const bytes = { in: frame.length, out: result.kind === 'answer' ? bytesOf(result.chunks) : 0 }
      metrics.requests.answered(handler.api, host.clock.monotonicMs() - startMs, bytes)
      const { throttleMs, heldAnswerBytes: heldBytes } = context
      if (result.kind === 'none') return { chunks: undefined, isFrameFree, throttleMs, heldBytes }
      const isLast = connection.login?.hasFailed === true
      return {
        chunks: result.chunks,
        isFrameFree,
        throttleMs,
        heldBytes,
        onSent: sentListener,
        isLast,
      }
    } catch (error) {
      if (context.heldAnswerBytes > 0) broker.responses.release(context.heldAnswerBytes)
      if (error instanceof RequestRefused) throw error
      if (error instanceof DecodeError) throw refused(header, handler, error.message, error)
      broker.log.error('bug', { api: handler.api.name, error: describeError(error) })
      throw refused(header, handler, 'internal error', error)
    }
  }
}

function bytesOf(chunks: readonly Buffer[]): number {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  return bytes
}

/** After SaslHandshake of version 0: there is no place for an error but the end. */
async function answerBareToken(frame: Buffer, login: Login): Promise<Dispatched> {
  const { token } = await login.authenticate(frame)
  if (login.hasFailed) {
    const request = { clientId: null, api: 'a token of SASL', apiVersion: 0 }
    throw new RequestRefused('the login has failed', request)
  }
  const length = Buffer.alloc(4)
  length.writeInt32BE(token.length)
  return { chunks: [length, token], isFrameFree: false }
}

function readHeader(frame: Buffer): RequestHeader {
  try {
    return decodeRequestHeader(frame)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    const request = {
      clientId: null,
      api: String(frame.readInt16BE(0)),
      apiVersion: frame.readInt16BE(2),
    }
    throw new RequestRefused(`request header: ${error.message}`, request, error)
  }
}

function answerInVersionZero(header: RequestHeader): Dispatched {
  const [minVersion, maxVersion] = apiVersions.versions
  const body = {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: apiVersions.key, minVersion, maxVersion }],
    throttleTimeMs: 0,
  }
  const chunks = encodeResponse(apiVersions, 0, header.correlationId, body)
  return { chunks, isFrameFree: false }
}

function refuse(
  header: RequestHeader,
  handler: Handler | undefined,
  reason: string,
  cause?: unknown,
): RequestRefused {
  const { apiKey, apiVersion, clientId } = header
  const api = handler === undefined ? String(apiKey) : handler.api.name
  return new RequestRefused(reason, { clientId, api, apiVersion }, cause)
}
