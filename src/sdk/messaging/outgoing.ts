// From messages to records, with the owners of their types: what publishing outside and inside of
// handlers share.

import { causedBy, contextWith, currentContext, type EventContext } from '../events/context.ts'
import type { EncodedEvent, EventEncoder } from '../events/encode.ts'
import { DefinitionError } from '../events/errors.ts'
import type { Message } from '../events/event.ts'
import { type Owner, ownerOf } from '../events/owners.ts'
import type { StoredEvent } from '../events/stored-event.ts'
import type { SendSpan, Tracing } from '../events/tracing.ts'
import { CapabilityMissingError } from '../transport/errors.ts'
import type { PublishOptions } from './context.ts'
import { dueMsOf } from './delaying/due.ts'
import { delayed } from './delaying/timer-record.ts'

/** The span, if there is one, is to be told how the sending ended. */
export interface Sending {
  readonly event: EncodedEvent
  readonly span: SendSpan | undefined
}

export class Outgoing {
  readonly #tracing: Tracing | undefined
  readonly #encoder: EventEncoder
  readonly #owners: ReadonlyMap<string, Owner>
  readonly #cannotDelay: string | undefined

  /** @param cannotDelay why the engine has no delayed events, a sentence; undefined: it has them */
  constructor(
    encoder: EventEncoder,
    owners: ReadonlyMap<string, Owner>,
    tracing?: Tracing,
    cannotDelay?: string,
  ) {
    this.#encoder = encoder
    this.#owners = owners
    this.#cannotDelay = cannotDelay
    this.#tracing = tracing
  }

  /** Undefined: the application records no spans, so far. */
  get tracing(): Tracing | undefined {
    return this.#tracing?.isRecorded ? this.#tracing : undefined
  }

  /**
   * What a handler publishes: sent later, with the group's progress.
   * @param cause what a handler's events come of, even where the context of its call was lost
   * @throws UnknownEventTypeError, InvalidEventError, InvalidKeyError, DurationError,
   * InvalidDelayError, CapabilityMissingError (it has a delay); nothing has happened then
   */
  encode(message: Message, options: PublishOptions, cause?: StoredEvent): EncodedEvent {
    const owner = ownerOf(this.#owners, message)
    const { id, subject, correlationId } = options
    const timeMs = this.#dueMsOf(options)
    const context = contextOf(correlationId, cause)
    const to = { topic: owner.topic.name, type: message.type }
    const trace = this.tracing?.create(to, context)
    const event = this.#encoder.encode(owner, message, { id, subject, timeMs, context, trace })
    return timeMs === undefined ? event : delayed(event, timeMs)
  }

  /** What is sent at once. @throws as above */
  encodeToSend(message: Message, options: PublishOptions): Sending {
    const owner = ownerOf(this.#owners, message)
    const { id, subject, correlationId } = options
    const timeMs = this.#dueMsOf(options)
    const context = contextOf(correlationId)
    const to = { topic: owner.topic.name, type: message.type }
    const span = this.tracing?.startSend(to, context)
    try {
      const event = this.#encoder.encode(owner, message, {
        id,
        subject,
        timeMs,
        context,
        trace: span?.trace,
      })
      return { event: timeMs === undefined ? event : delayed(event, timeMs), span }
    } catch (error) {
      span?.failed(error)
      throw error
    }
  }

  /** A delayed event happens when it is due. */
  #dueMsOf(options: PublishOptions): number | undefined {
    if (options.delay === undefined && options.at === undefined) return undefined
    if (this.#cannotDelay !== undefined) throw new CapabilityMissingError(this.#cannotDelay)
    return dueMsOf(options, this.#encoder.clock.nowMs())
  }
}

/** @throws DefinitionError for one id for several messages */
export function messagesOf(
  messages: Message | readonly Message[],
  options: PublishOptions,
): readonly Message[] {
  const list: readonly Message[] = isList(messages) ? messages : [messages]
  if (options.id !== undefined && list.length > 1) {
    throw new DefinitionError('One id cannot be that of several messages: publish them one by one.')
  }
  return list
}

function isList(messages: Message | readonly Message[]): messages is readonly Message[] {
  return Array.isArray(messages)
}

function contextOf(correlationId?: string, cause?: StoredEvent): EventContext | undefined {
  const around = currentContext() ?? (cause && causedBy(cause))
  return correlationId === undefined ? around : contextWith({ correlationId }, around)
}
