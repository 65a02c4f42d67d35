// Spans, when the application has OpenTelemetry's API; without it nothing of this runs. One `send` span
// for each event that is published; a `create` span for what a handler publishes, which is sent later
// with the group's progress; one `process` span for each event that is handled: it continues the trace
// of the event and links to the span that sent it; a batch has many senders, and only links. Attribute
// names are those of semantic conventions 1.45 (messaging, status Development); with
// OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup the names of 1.24 are written beside them.

import type { Attributes, Context, Link, Span, SpanContext, Tracer } from '@opentelemetry/api'
import type { EventContext } from './context.ts'
import type { EncodedEvent, EncodeOptions } from './encode.ts'
import { MillraceError } from './errors.ts'
import type { Position } from './record.ts'
import type { Envelope } from './stored-event.ts'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'

type Api = typeof import('@opentelemetry/api')

export interface TracingOptions {
  /** `messaging.system`: `kafka`, `rabbitmq`. */
  readonly system: string
  /** The environment's OTEL_SEMCONV_STABILITY_OPT_IN. */
  readonly optIn: string | undefined
}

/** Undefined when the application has not installed @opentelemetry/api. */
export async function loadTracing(options: TracingOptions): Promise<Tracing | undefined> {
  try {
    return new Tracing(await import('@opentelemetry/api'), options)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

interface Destination {
  readonly topic: string
  readonly type: string
}

/** A span that sends one event. End it by `sent` or `failed`. */
export interface SendSpan {
  /** For the event's headers; undefined when no tracer is registered. */
  readonly trace: EncodeOptions['trace']
  sent(event: EncodedEvent, where: Position): void
  failed(error: unknown): void
}

export class Tracing {
  readonly #api: Api
  readonly #tracer: Tracer
  readonly #names: Names

  constructor(api: Api, { system, optIn = '' }: TracingOptions) {
    this.#api = api
    this.#tracer = api.trace.getTracer('millrace')
    const isDoubled = optIn.split(',').some((value) => value.trim() === 'messaging/dup')
    this.#names = new Names(system, isDoubled)
  }

  /**
   * Beneath the span that is active; else in the trace of what the event comes of.
   * @param cause as `EncodeOptions.context`
   */
  startSend(to: Destination, cause: EventContext | undefined): SendSpan {
    const { span, trace } = this.#startProducing('send', to, cause)
    return {
      trace,
      sent: (event, { topic, partition, offset }) => {
        span.setAttributes(this.#names.message(event.id, event.key))
        // What is delayed has no place there yet.
        if (topic === to.topic) span.setAttributes(this.#names.place(partition, offset))
        span.end()
      },
      failed: (error) => {
        this.#fail(span, error)
        span.end()
      },
    }
  }

  /** An event that is made now and sent with others later. */
  create(to: Destination, cause: EventContext | undefined): EncodeOptions['trace'] {
    const { span, trace } = this.#startProducing('create', to, cause)
    span.end()
    return trace
  }

  /** Runs `work` within the span: what it records itself stands beneath. @param events at least one */
  async process<Result>(
    events: readonly Envelope[],
    by: { group: string },
    work: () => Promise<Result>,
  ): Promise<Result> {
    const first = events[0]!
    const senders = events
      .map((event) => this.#remoteSpan(event))
      .filter((sender) => sender !== undefined)
    const links: Link[] = senders.map((sender) => ({ context: sender }))
    const attributes = this.#names.operation('process', first.position.topic)
    Object.assign(attributes, this.#names.group(by.group))
    if (events.length === 1) {
      const { partition, offset } = first.position
      attributes['cloudevents.event_type'] = first.type
      Object.assign(attributes, this.#names.message(first.id, first.key))
      Object.assign(attributes, this.#names.place(partition, offset))
    } else {
      attributes['messaging.batch.message_count'] = events.length
    }
    const kind = this.#api.SpanKind.CONSUMER
    const parent = this.#continued(events.length === 1 ? senders[0] : undefined)
    const name = `process ${first.position.topic}`
    const span = this.#tracer.startSpan(name, { kind, attributes, links }, parent)
    try {
      return await this.#api.context.with(this.#api.trace.setSpan(parent, span), work)
    } catch (error) {
      this.#fail(span, error)
      throw error
    } finally {
      span.end()
    }
  }

  #startProducing(operation: 'send' | 'create', to: Destination, cause: EventContext | undefined) {
    const parent = this.#parentOf(cause)
    const attributes = this.#names.operation(operation, to.topic)
    attributes['cloudevents.event_type'] = to.type
    const options = { kind: this.#api.SpanKind.PRODUCER, attributes }
    const span = this.#tracer.startSpan(`${operation} ${to.topic}`, options, parent)
    return { span, trace: this.#traceOf(span, parent) }
  }

  #parentOf(cause: EventContext | undefined): Context {
    const active = this.#api.context.active()
    if (this.#api.trace.getSpan(active) !== undefined) return active
    const remote = cause === undefined ? undefined : this.#remoteSpan(cause)
    return remote === undefined ? active : this.#api.trace.setSpanContext(active, remote)
  }

  /** The consumer's own loop is nobody's cause: a span that is active there is left behind. */
  #continued(sender: SpanContext | undefined): Context {
    const blank = this.#api.trace.deleteSpan(this.#api.context.active())
    return sender === undefined ? blank : this.#api.trace.setSpanContext(blank, sender)
  }

  #remoteSpan({ traceparent, tracestate }: EventContext): SpanContext | undefined {
    const parsed = traceparent === undefined ? undefined : parseTraceparent(traceparent)
    if (parsed === undefined) return undefined
    const { traceId, spanId, flags } = parsed
    const remote = { traceId, spanId, traceFlags: flags, isRemote: true }
    if (tracestate === undefined) return remote
    return { ...remote, traceState: this.#api.createTraceState(tracestate) }
  }

  /** Without a registered tracer a span is only its parent again, and the event makes its own trace. */
  #traceOf(span: Span, parent: Context): EncodeOptions['trace'] {
    const own = span.spanContext()
    const isReal = this.#api.isSpanContextValid(own)
    if (!isReal || own.spanId === this.#api.trace.getSpanContext(parent)?.spanId) return undefined
    const traceparent = formatTraceparent({ ...own, flags: own.traceFlags })
    return { traceparent, tracestate: own.traceState?.serialize() || undefined }
  }

  #fail(span: Span, error: unknown): void {
    const isError = error instanceof Error
    span.recordException(isError ? error : String(error))
    span.setStatus({
      code: this.#api.SpanStatusCode.ERROR,
      message: isError ? error.message : String(error),
    })
    const type = error instanceof MillraceError ? error.code : isError ? error.name : '_OTHER'
    span.setAttribute('error.type', type)
  }
}

/** What the conventions call things: 1.45, and 1.24 beside it when it is asked for. */
class Names {
  readonly #system: string
  readonly #isDoubled: boolean

  constructor(system: string, isDoubled: boolean) {
    this.#system = system
    this.#isDoubled = isDoubled
  }

  operation(operation: 'send' | 'create' | 'process', topic: string): Attributes {
    const attributes: Attributes = {
      'messaging.system': this.#system,
      'messaging.destination.name': topic,
      'messaging.operation.name': operation,
      'messaging.operation.type': operation,
    }
    const old = { 'messaging.operation': operation === 'send' ? 'publish' : operation }
    return this.#isDoubled ? { ...attributes, ...old } : attributes
  }

  group(group: string): Attributes {
    const attributes = { 'messaging.consumer.group.name': group }
    return this.#isDoubled ? { ...attributes, 'messaging.kafka.consumer.group': group } : attributes
  }

  message(id: string, key: string): Attributes {
    return { 'messaging.message.id': id, 'messaging.kafka.message.key': key }
  }

  place(partition: number, offset: number): Attributes {
    const attributes: Attributes = {
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': offset,
    }
    const old = {
      'messaging.kafka.destination.partition': partition,
      'messaging.kafka.message.offset': offset,
    }
    return this.#isDoubled ? { ...attributes, ...old } : attributes
  }
}
