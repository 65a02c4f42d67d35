// What can go wrong between a client and a cluster, in one error with a literal code. Whether a
// retry may help is decided here, from the code, and nowhere else.

import { ErrorCode, errorName, errorText, isRetriable } from '../../broker/wire/error-codes.ts'

export type ClientErrorCode =
  /** No connection could be made. */
  | 'unreachable'
  /** The connection ended before the answer came. */
  | 'connection-lost'
  /** No answer, or no success, within the time that was given. */
  | 'timeout'
  /** What answered does not speak this protocol. */
  | 'malformed'
  /** The broker does not serve this API in a version that we know. */
  | 'unsupported'
  /** The broker answered with an error code: see `errorCode`. */
  | 'refused'
  /** The producer has failed before: what it sends could be reordered or doubled. */
  | 'producer-failed'
  /** The client was closed. */
  | 'closed'

const RETRIABLE = new Set<ClientErrorCode>(['unreachable', 'connection-lost', 'timeout'])

export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** What the broker answered; only with `refused`. */
  readonly errorCode: number | undefined
  /** The broker's own sentence, where it gave one. */
  readonly reason: string | undefined
  readonly retriable: boolean

  constructor(
    code: ClientErrorCode,
    message: string,
    options: {
      cause?: unknown
      errorCode?: number
      reason?: string | undefined
      retriable?: boolean
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.errorCode = options.errorCode
    this.reason = options.reason
    this.retriable =
      options.retriable ??
      (options.errorCode === undefined ? RETRIABLE.has(code) : isRetriable(options.errorCode))
  }
}

/** @param what was asked for, as the subject of the sentence: `Topic orders` */
export function refusal(
  errorCode: number,
  what: string,
  brokerMessage?: string | null,
): ClientError {
  const reason = brokerMessage || undefined
  const message = `${what}: ${reason ?? errorText(errorCode)} (${errorName(errorCode)})`
  return new ClientError('refused', message, { errorCode, reason })
}

/** @throws ClientError (refused) unless the code is NONE */
export function assertAccepted(
  errorCode: number,
  what: string,
  brokerMessage?: string | null,
): void {
  if (errorCode !== ErrorCode.NONE) throw refusal(errorCode, what, brokerMessage)
}
