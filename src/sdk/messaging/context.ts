// What a handler is given beside its event.

import type { Message } from '../events/event.ts'
import type { StoredEvent } from '../events/stored-event.ts'
import type { SqlTransaction } from '../transport/tables.ts'
import type { DelayOptions } from './delaying/due.ts'

export interface PublishOptions extends DelayOptions {
  /**
   * Identity of the event; undefined: a new one, or in a handler one made of its event's id. What is
   * delayed again under its id before it is due is published once, at the later call's time.
   */
  readonly id?: string
  /** Undefined: that of what caused it. */
  readonly correlationId?: string
  readonly subject?: string
}

export interface HandlerContext {
  readonly group: string
  /** Aborted when the handler takes too long, when its partition goes to somebody else, and on close. */
  readonly signal: AbortSignal
  /** How often this handler has run for this event, this time included. Counted anew by each owner. */
  readonly attempt: number
  /**
   * Kept until the handler is done, and then sent with the group's progress: in one transaction where
   * the engine has them, else before the progress is committed, so that at worst it is sent again
   * under the same id. A handler that fails has published nothing. There is no token of it: where it
   * stands is known after the handler.
   * @throws InvalidEventError, UnknownEventTypeError, PublishAfterEndError, DurationError,
   * InvalidDelayError
   */
  publish(messages: Message | readonly Message[], options?: PublishOptions): Promise<void>
  /** The transaction in which the event is claimed; undefined without `dedupe`. */
  readonly tx: SqlTransaction | undefined
}

/**
 * Wraps handlers: a log line, a clock, a tenant's context. Not calling `next` means that the event is
 * handled. For a batch it is called once, with the first event.
 */
export type Middleware = (
  event: StoredEvent,
  context: HandlerContext,
  next: () => Promise<unknown>,
) => unknown
