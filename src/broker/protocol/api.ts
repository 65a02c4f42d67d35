// One API of the protocol: its key, its versions, and the two messages that belong together.
// Invariant: request and response of an API share their versions and the first flexible one.

import type { ApiKey } from '../wire/api-keys.ts'
import type { Fields, Infer, InferInput } from '../wire/field.ts'
import { defineMessage, type Message } from '../wire/message.ts'

export interface Api<Request extends Fields = Fields, Response extends Fields = Fields> {
  readonly key: ApiKey
  /** Kafka's name, `DescribeGroups`. */
  readonly name: string
  /** First and last that are declared, inclusive; what is advertised is in versions.ts. */
  readonly versions: readonly [first: number, last: number]
  readonly flexibleFrom: number | 'never'
  readonly request: Message<Request>
  readonly response: Message<Response>
}

export interface ApiDeclaration<Request extends Fields, Response extends Fields> {
  readonly key: ApiKey
  readonly name: string
  readonly versions: readonly [first: number, last: number]
  readonly flexibleFrom: number | 'never'
  readonly request: Request
  readonly response: Response
}

export function defineApi<Request extends Fields, Response extends Fields>(
  declaration: ApiDeclaration<Request, Response>,
): Api<Request, Response> {
  const { key, name, versions, flexibleFrom, request, response } = declaration
  const message = <F extends Fields>(suffix: string, fields: F) =>
    defineMessage({ name: `${name}${suffix}`, versions, flexibleFrom, fields })
  return {
    key,
    name,
    versions,
    flexibleFrom,
    request: message('Request', request),
    response: message('Response', response),
  }
}

/** A decoded request: every field is there. */
export type RequestOf<A> = A extends Api<infer Request, infer _> ? Infer<Request> : never
/** A response to be encoded: fields with a default may be left out. */
export type ResponseOf<A> = A extends Api<infer _, infer Response> ? InferInput<Response> : never
/** A decoded response: every field is there. */
export type DecodedResponseOf<A> = A extends Api<infer _, infer Response> ? Infer<Response> : never
