// What every handler of an API looks like: a declared message pair and a function from request to
// response. Decoding and encoding happen here, so that a handler sees plain data only.
// Expected outcomes are error codes inside the response; a throw is a bug or a failing disk.

import type { Api } from '../protocol/api.ts'
import {
  decodeRequest,
  decodeRequestInTurns,
  encodeResponseInTurns,
  type RequestHeader,
} from '../protocol/frames.ts'
import { advertisedVersions, type VersionRange } from '../protocol/versions.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { Fields, Infer, InferInput } from '../wire/field.ts'
import type { HostAndPort } from './host-and-port.ts'
import { describeError } from './json-log.ts'
import { errorPlacesOf } from './metrics/request-metrics.ts'
import { quotaClientOf, RequestAccounting } from './quotas/request-accounting.ts'
import type { Access } from './security/access.ts'
import type { AccessRule } from './security/access-rule.ts'
import type { Login } from './security/login.ts'
import type { Principal } from './security/principal.ts'
import type { BrokerServices } from './services.ts'

/** What a handler knows of the connection that the request came on. */
export interface ClientConnection {
  readonly id: number
  /** The peer's address, for logs and for the `client_host` of group members. */
  readonly remoteAddress: string
  /** Who is at the other end, from now until it logs in again. */
  readonly principal: Principal
  /** Where its listener asks it to log in. */
  readonly login?: Login | undefined
  /** The broker's own address as this client has to be told it. */
  readonly advertised: HostAndPort
  readonly isClosed: boolean
  /** Calls once when the connection is gone; returns how to take the listener away. */
  onClose(listener: () => void): () => void
}

export interface HandlerContext {
  readonly apiVersion: number
  readonly clientId: string | null
  readonly connection: ClientConnection
  /** What whoever sent the request may do; a handler asks for what its `AccessRule` says. */
  readonly access: Access
  readonly broker: BrokerServices
  /** How long the client is to send nothing, because it is above a quota; the longest counts. */
  throttleMs: number
  /** What is reserved in the memory of answers for this one, by whoever reads large ones. */
  heldAnswerBytes: number
  /** Nothing of the request's bytes is needed any more once the answer is there: their memory may be
   * used again. Only for who is sure; by default it is left to the garbage collector. */
  releaseFrame(): void
  /** Called when the client has the answer: the memory that it was sent from may be used again. */
  onSent(listener: () => void): void
}

/** The client expects no answer (acks=0). */
export const NO_ANSWER: unique symbol = Symbol('no answer')
export type NoAnswer = typeof NO_ANSWER

/** The only way to tell a client that expects no answer: the connection closes, the log says why. */
export interface Disconnect {
  readonly kind: 'disconnect'
  readonly reason: string
}

export type Answer =
  | { readonly kind: 'answer'; readonly chunks: readonly Buffer[] }
  | { readonly kind: 'none' }
  | Disconnect

/** A handler without its message types: what the table holds and dispatch calls. */
export interface Handler {
  readonly api: Pick<Api, 'key' | 'name'>
  /** First and last that are served, inclusive. */
  readonly versions: VersionRange
  readonly accessRule: AccessRule
  /** @throws DecodeError when the body is not what the API's version says */
  answer(frame: Buffer, header: RequestHeader, context: HandlerContext): Promise<Answer>
}

type Response<Res extends Fields> = InferInput<Res> | NoAnswer | Disconnect

export interface HandlerOptions<Req extends Fields, Res extends Fields> {
  /**
   * The answer when `handle` throws (a bug, already logged): an API that has a place for
   * UNKNOWN_SERVER_ERROR says so. Without it the connection closes.
   */
  readonly afterBug?: (errorCode: ErrorCode, request: Infer<Req>) => InferInput<Res>
  /** Requests that may overlap are decoded in one go, however long: so they stay in their order. */
  readonly mayOverlap?: boolean
}

/**
 * Only `defineHandler` sees the types of both messages, so nothing else has to assert them.
 * @param accessRule what `handle` asks `context.access` before it shows or does anything
 */
export function defineHandler<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  accessRule: AccessRule,
  handle: (request: Infer<Req>, context: HandlerContext) => Response<Res> | Promise<Response<Res>>,
  { afterBug, mayOverlap = false }: HandlerOptions<Req, Res> = {},
): Handler {
  const handleSafely =
    afterBug === undefined
      ? handle
      : async (request: Infer<Req>, context: HandlerContext) => {
          try {
            return await handle(request, context)
          } catch (error) {
            context.broker.log.error('bug', { api: api.name, error: describeError(error) })
            return afterBug(ErrorCode.UNKNOWN_SERVER_ERROR, request)
          }
        }
  const errorPlaces = errorPlacesOf(api.response.fields)
  return {
    api,
    versions: servedVersions(api),
    accessRule,
    async answer(frame, header, context) {
      const { host, quotas } = context.broker
      const accounting = quotas.isActive ? new RequestAccounting(quotas, host.clock) : undefined
      const pause = async () => {
        accounting?.waits()
        await host.timers.yield()
        accounting?.goesOn()
      }
      const request = mayOverlap
        ? decodeRequest(api, header, frame)
        : decodeRequestInTurns(api, header, frame, pause)
      const pending = handleSafely(request instanceof Promise ? await request : request, context)
      accounting?.waits()
      const response = await pending
      accounting?.goesOn()
      const isAnswered = response !== NO_ANSWER
      if (isAnswered) context.broker.metrics.requests.countErrors(api, errorPlaces, response)
      if (accounting !== undefined) {
        const counted = { apiKey: api.key, bytes: frame.length, isAnswered }
        const delayMs = accounting.settle(quotaClientOf(context), counted)
        context.throttleMs = Math.max(context.throttleMs, delayMs)
      }
      if (!isAnswered) return { kind: 'none' }
      if (isDisconnect(response)) return response
      const { apiVersion, correlationId } = header
      const { throttleMs } = context
      const body = throttleMs === 0 ? response : { ...response, throttleTimeMs: throttleMs }
      const chunks = encodeResponseInTurns(api, apiVersion, correlationId, body, pause)
      return { kind: 'answer', chunks: chunks instanceof Promise ? await chunks : chunks }
    },
  }
}

/** What is advertised, less what has no declaration (Produce 0-2). */
function servedVersions({ key, name, versions }: Pick<Api, 'key' | 'name' | 'versions'>) {
  const advertised = advertisedVersions(key)
  if (advertised === undefined) throw new Error(`${name} is advertised by no Kafka broker`)
  const first = Math.max(advertised[0], versions[0])
  return [first, Math.min(advertised[1], versions[1])] as const
}

export function disconnect(reason: string): Disconnect {
  return { kind: 'disconnect', reason }
}

function isDisconnect(response: object): response is Disconnect {
  return 'kind' in response && response.kind === 'disconnect'
}
