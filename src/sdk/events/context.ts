// What events come of. The cause is carried along by AsyncLocalStorage: whatever is published beneath
// a handler, however deep, knows the event that was handled, without the application passing it on.

import { AsyncLocalStorage } from 'node:async_hooks'
import { DefinitionError } from './errors.ts'
import { checkMetadata, type Metadata } from './headers.ts'
import type { Envelope } from './stored-event.ts'

/** All of it may be missing: an event without a correlation begins one. */
export interface EventContext {
  readonly correlationId?: string | undefined
  readonly causationId?: string | undefined
  /** W3C Trace Context; one that does not parse is left out, and the trace begins anew. */
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  readonly metadata?: Metadata | undefined
}

const storage = new AsyncLocalStorage<EventContext>()

/** Undefined outside of handlers and `withContext`. */
export function currentContext(): EventContext | undefined {
  return storage.getStore()
}

/**
 * For causes that come from outside: an HTTP request, a job. What is not given stays as it is around.
 * @throws DefinitionError when metadata would overwrite what the event itself says
 */
export function withContext<Result>(context: EventContext, work: () => Result): Result {
  return storage.run(contextWith(context), work)
}

/**
 * What is around, changed by what is given.
 * @throws DefinitionError as `withContext`
 */
export function contextWith(given: EventContext, around = storage.getStore()): EventContext {
  checkContext(given)
  return within(around, given)
}

/** Everything published beneath `work` was caused by `cause`. Takes arguments, so that no closure is needed for each event. */
export function runCausedBy<Arguments extends readonly unknown[], Result>(
  cause: Envelope,
  work: (...args: Arguments) => Result,
  ...args: Arguments
): Result {
  return storage.run(causedBy(cause), work, ...args)
}

/** For what is published on behalf of a handler, from wherever it is called. */
export function causedBy(cause: Envelope): EventContext {
  return new Caused(cause)
}

/** Asks the cause only when something is published: most handlers publish nothing. */
class Caused implements EventContext {
  readonly #cause: Envelope

  constructor(cause: Envelope) {
    this.#cause = cause
  }

  get correlationId(): string {
    return this.#cause.correlationId
  }

  get causationId(): string {
    return this.#cause.id
  }

  get traceparent(): string | undefined {
    return this.#cause.traceparent
  }

  get tracestate(): string | undefined {
    return this.#cause.tracestate
  }

  get metadata(): Metadata {
    return this.#cause.metadata
  }
}

function within(outer: EventContext | undefined, inner: EventContext): EventContext {
  if (outer === undefined) return inner
  const trace = inner.traceparent === undefined ? outer : inner
  return {
    correlationId: inner.correlationId ?? outer.correlationId,
    causationId: inner.causationId ?? outer.causationId,
    traceparent: trace.traceparent,
    tracestate: trace.tracestate,
    metadata: { ...outer.metadata, ...inner.metadata },
  }
}

function checkContext({ correlationId, causationId, metadata }: EventContext): void {
  if (correlationId === '' || causationId === '') {
    throw new DefinitionError(
      'A correlationId or causationId cannot be empty: leave it out, and the event begins its own.',
    )
  }
  if (metadata !== undefined) checkMetadata(metadata)
}
