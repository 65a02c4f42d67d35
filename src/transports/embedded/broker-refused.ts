// What the broker in this process refuses, in the words of the SDK.

import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import { MillraceError } from '../../sdk/events/errors.ts'

/** The broker refused what was asked of it. */
export class BrokerRefusedError extends MillraceError {
  readonly code = 'broker-refused'
  readonly retriable: boolean
  /** Kafka's name of the error: `GROUP_MAX_SIZE_REACHED`. */
  readonly reason: string

  /** @internal @param what was asked: `Joining group billing` */
  constructor(what: string, { error, message, isRetriable }: LocalRefusal) {
    super(`${what} was refused: ${message} (${error})`)
    this.reason = error
    this.retriable = isRetriable
  }
}
