// What can go wrong in producing and consuming, above the engine.

import { MillraceError } from '../events/errors.ts'

/** A handler published after it had ended, failed, or was given up: nothing of it is sent. */
export class PublishAfterEndError extends MillraceError {
  readonly code = 'publish-after-end'
  readonly retriable = false
  readonly group: string
  readonly eventId: string

  constructor(group: string, eventId: string) {
    super(
      `A handler of ${group} published after its event ${eventId} was over: await what it starts, ` +
        'and stop when ctx.signal is aborted.',
    )
    this.group = group
    this.eventId = eventId
  }
}

/** A handler ran longer than `maxProcessingTime` and did not stop when its signal was aborted. */
export class HandlerTimeoutError extends MillraceError {
  readonly code = 'handler-timeout'
  readonly retriable = true
  readonly group: string
  readonly eventId: string
  readonly maxProcessingMs: number

  constructor(fields: { group: string; eventId: string; maxProcessingMs: number }) {
    super(
      `A handler of ${fields.group} took longer than ${fields.maxProcessingMs} ms for event ` +
        `${fields.eventId}: pass ctx.signal on to what it waits for, or raise maxProcessingTime.`,
    )
    this.group = fields.group
    this.eventId = fields.eventId
    this.maxProcessingMs = fields.maxProcessingMs
  }
}

/** Why a handler's signal was aborted, when it was not for time. */
export class HandlingRevokedError extends MillraceError {
  readonly code = 'handling-revoked'
  readonly retriable = true
  readonly group: string

  constructor(group: string) {
    super(`${group} gives this event up: its next owner handles it again.`)
    this.group = group
  }
}

/** The process died while this event's handler ran alone. */
export class ProcessCrashError extends MillraceError {
  readonly code = 'process-crash'
  readonly retriable = false
  readonly deaths: number

  constructor(deaths: number) {
    super(`The process died ${deaths} times while the handler of this event ran.`)
    this.deaths = deaths
  }
}

/** The record is not an event that could be handled. */
export class UnreadableEventError extends MillraceError {
  readonly code = 'unreadable-event'
  readonly retriable = false
  readonly kind: 'undecodable' | 'invalid' | 'unknown' | 'unhandled'

  constructor(kind: UnreadableEventError['kind'], message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** A consumer came to an event that it is told to stop at. Nothing after it is committed. */
export class ConsumerStoppedError extends MillraceError {
  readonly code = 'consumer-stopped'
  readonly retriable = false
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number

  constructor(
    group: string,
    position: { topic: string; partition: number; offset: number },
    cause: unknown,
  ) {
    const { topic, partition, offset } = position
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${group} stopped at ${topic}/${partition}/${offset}, as it is told to: ${reason}`, {
      cause,
    })
    this.group = group
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/** An event that was published did not get through. Publishing it again under its id is harmless. */
export class NotPublishedError extends MillraceError {
  readonly code = 'not-published'
  readonly retriable: boolean
  readonly id: string
  readonly eventType: string
  readonly topic: string
  /** `unknown`: no answer came, and it may be there. */
  readonly outcome: 'not-written' | 'unknown'

  constructor(fields: {
    id: string
    type: string
    topic: string
    outcome: 'not-written' | 'unknown'
    cause: unknown
  }) {
    const { id, type, topic, outcome, cause } = fields
    const reason = cause instanceof Error ? cause.message : String(cause)
    const doubt = outcome === 'unknown' ? 'It may be there: publish it again under its id. ' : ''
    super(`${type} ${id} was not published to ${topic}. ${doubt}${reason}`, { cause })
    this.retriable = cause instanceof MillraceError && cause.retriable
    this.id = id
    this.eventType = type
    this.topic = topic
    this.outcome = outcome
  }
}

/** When the event is to be published is not said, or lies too far ahead. Nothing was accepted. */
export class InvalidDelayError extends MillraceError {
  readonly code = 'invalid-delay'
  readonly retriable = false
}

export class PublisherClosedError extends MillraceError {
  readonly code = 'publisher-closed'
  readonly retriable = false

  constructor() {
    super('The application is closing: it takes no more events.')
  }
}
