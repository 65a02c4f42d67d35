// Spans, when the application has OpenTelemetry's API; without it nothing of this runs. One `send` span
// for each event that is published; a `create` span for what a handler publishes, which is sent later
// with the group's progress; one `process` span for each event that is handled: it continues the trace
// of the event and links to the span that sent it; a batch has many senders, and only links. Attribute
// names are those of semantic conventions 1.45 (messaging, status Development); with
// OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup the names of 1.24 are written beside them.

import type {
  Attributes,
  Context,
  Link,
  Span,
  SpanContext,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api'
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
  /** What stands behind the API's provider until there is one. */
  readonly #nobody: TracerProvider

  constructor(api: Api, { system, optIn = '' }: TracingOptions) {
    this.#api = api
    this.#tracer = api.trace.getTracer('millrace')
    this.#nobody = new api.ProxyTracerProvider().getDelegate()
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

  /**
   * Whether somebody registered a tracer, who may come at any time: without one every span is nothing,
   * and not worth the attributes.
   */
  get isRecorded(): boolean {
    const provider = this.#api.trace.getTracerProvider()
    const { ProxyTracerProvider } = this.#api
    return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== this.#nobody
  }

  /**
   * Runs `work` within the span: what it records itself stands beneath. The span ends when `work` has,
   * or what it waits for.
   * @param events at least one
   */
  process<Result>(
    events: readonly Envelope[],
    by: { group: string },
    work: () => Result | Promise<Result>,
  ): Result | Promise<Result> {
    const senders = events
      .map((event) => this.#remoteSpan(event))
      .filter((sender) => sender !== undefined)
    const parent = this.#continued(events.length === 1 ? senders[0] : undefined)
    const span = this.#startProcessing(events, by.group, { parent, senders })
    const end = (result: Result): Result => {
      span.end()
      return result
    }
    const fail = (error: unknown): never => {
      this.#fail(span, error)
      span.end()
      throw error
    }
    let result: Result | Promise<Result>
    try {
      result = this.#api.context.with(this.#api.trace.setSpan(parent, span), work)
    } catch (error) {
      return fail(error)
    }
    return result instanceof Promise ? result.then(end, fail) : end(result)
  }

  #startProcessing(
    events: readonly Envelope[],
    group: string,
    { parent, senders }: { parent: Context; senders: readonly SpanContext[] },
  ): Span {
    const first = events[0]!
    const links: Link[] = senders.map((context) => ({ context }))
    const attributes = this.#names.operation('process', first.position.topic)
    Object.assign(attributes, this.#names.group(group))
    if (events.length === 1) {
      const { partition, offset } = first.position
      attributes['cloudevents.event_type'] = first.type
      Object.assign(attributes, this.#names.message(first.id, first.key))
      Object.assign(attributes, this.#names.place(partition, offset))
    } else {
      attributes['messaging.batch.message_count'] = events.length
    }
    const kind = this.#api.SpanKind.CONSUMER
    const name = `process ${first.position.topic}`
    return this.#tracer.startSpan(name, { kind, attributes, links }, parent)
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
