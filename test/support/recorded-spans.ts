// What is recorded through OpenTelemetry's API, kept for tests: the SDK of an application would export it.

import { AsyncLocalStorage } from 'node:async_hooks'
import * as api from '@opentelemetry/api'

export interface RecordedSpan extends api.Span {
  readonly name: string
  readonly kind: api.SpanKind | undefined
  readonly parent: api.SpanContext | undefined
  readonly links: readonly api.Link[]
  readonly attributes: api.Attributes
  readonly exceptions: api.Exception[]
  readonly status: api.SpanStatus | undefined
  readonly ended: boolean
}

export class RecordedSpans {
  readonly spans: RecordedSpan[] = []
  readonly #contexts = new AsyncLocalStorage<api.Context>()

  /** Registers a tracer for the whole process. */
  begin(): void {
    api.context.setGlobalContextManager(this.#contextManager())
    const tracer: api.Tracer = {
      startSpan: (name, options = {}, context = api.context.active()) => {
        const span = recordedSpan(name, options, api.trace.getSpanContext(context))
        this.spans.push(span)
        return span
      },
      startActiveSpan: () => {
        throw new TypeError('Millrace starts no span this way')
      },
    }
    api.trace.setGlobalTracerProvider({ getTracer: () => tracer })
  }

  end(): void {
    api.trace.disable()
    api.context.disable()
  }

  clear(): void {
    this.spans.length = 0
  }

  #contextManager(): api.ContextManager {
    const contexts = this.#contexts
    return {
      active: () => contexts.getStore() ?? api.ROOT_CONTEXT,
      with: (context, work, self, ...args) => contexts.run(context, () => work.apply(self, args)),
      bind: (_, target) => target,
      enable() {
        return this
      },
      disable() {
        return this
      },
    }
  }
}

let made = 0

function recordedSpan(
  name: string,
  { kind, attributes = {}, links = [] }: api.SpanOptions,
  parent: api.SpanContext | undefined,
): RecordedSpan {
  const own: api.SpanContext = {
    traceId: parent?.traceId ?? 'f'.repeat(32),
    spanId: (++made).toString(16).padStart(16, '0'),
    traceFlags: api.TraceFlags.SAMPLED,
    ...(parent?.traceState === undefined ? {} : { traceState: parent.traceState }),
  }
  const noted = { ...attributes }
  const exceptions: api.Exception[] = []
  let status: api.SpanStatus | undefined
  let ended = false
  return {
    name,
    kind,
    parent,
    links,
    attributes: noted,
    exceptions,
    get status() {
      return status
    },
    get ended() {
      return ended
    },
    spanContext: () => own,
    setAttribute(key, value) {
      noted[key] = value
      return this
    },
    setAttributes(more) {
      Object.assign(noted, more)
      return this
    },
    addEvent() {
      return this
    },
    addLink() {
      return this
    },
    addLinks() {
      return this
    },
    setStatus(given) {
      status = given
      return this
    },
    updateName() {
      return this
    },
    end() {
      ended = true
    },
    isRecording: () => !ended,
    recordException: (exception) => void exceptions.push(exception),
  }
}
