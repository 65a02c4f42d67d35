// From a message to the record that is sent: validated by the newest schema, the data in the form it
// was given (the input, never the output), the envelope in headers. Source: CloudEvents 1.0, Kafka
// protocol binding, binary mode. An event without data is `{}`: an empty value would be a tombstone.

import type { Clock } from '../../host/clock.ts'
import { currentContext, type EventContext } from './context.ts'
import { DefinitionError, InvalidEventError, InvalidKeyError } from './errors.ts'
import type { EventFacts, Message } from './event.ts'
import { checkMetadata, HEADER, type Metadata, metadataHeader } from './headers.ts'
import type { EventIds } from './ids.ts'
import { whatJsonCannotCarry } from './json-value.ts'
import type { Owner } from './owners.ts'
import type { Header, OutgoingRecord } from './record.ts'
import { validate } from './schema.ts'
import type { Topic } from './topic.ts'
import { isTraceparent, traceparentFor } from './traceparent.ts'

/** As the headers of W3C Trace Context. */
interface Trace {
  readonly traceparent: string
  readonly tracestate?: string | undefined
}

export interface EncodeOptions {
  /** Undefined: a new one. The same id again is the same event. */
  readonly id?: string | undefined
  readonly subject?: string | undefined
  /** Undefined: now. */
  readonly timeMs?: number | undefined
  /** What the event comes of; undefined: what `currentContext` says. */
  readonly context?: EventContext | undefined
  /** Of the span that sends it, when a tracer records one. */
  readonly trace?: Trace | undefined
}

export interface EncodedEvent {
  readonly id: string
  readonly type: string
  readonly topic: Topic
  readonly key: string
  readonly correlationId: string
  readonly record: OutgoingRecord
  /** The topic in which it waits until it is due; undefined: it goes to its own at once. */
  readonly via?: string
}

/** The same for every event of a definition. */
interface FixedHeaders {
  readonly type: Header
  readonly schema: Header
}

const SPEC_VERSION: Header = [HEADER.specVersion, Buffer.from('1.0')]
const CONTENT_TYPE: Header = [HEADER.contentType, Buffer.from('application/json')]
const NO_OPTIONS: EncodeOptions = {}
const NO_CONTEXT: EventContext = {}
const NO_DATA = Buffer.from('{}')

export class EventEncoder {
  readonly clock: Clock
  readonly #ids: EventIds
  readonly #source: Header
  readonly #metadata: Metadata
  readonly #fixed = new Map<EventFacts, FixedHeaders>()
  #time: Header = [HEADER.time, null]
  #timeMs = Number.NaN

  /**
   * @param service `ce_source` of all its events
   * @param metadata what every event of this application carries, unless its cause says otherwise
   */
  constructor(options: { service: string; clock: Clock; ids: EventIds; metadata?: Metadata }) {
    const { service, metadata = {} } = options
    checkService(service)
    checkMetadata(metadata)
    this.clock = options.clock
    this.#ids = options.ids
    this.#source = [HEADER.source, Buffer.from(service)]
    this.#metadata = metadata
  }

  /** @throws InvalidEventError, InvalidKeyError, DefinitionError (an empty id) */
  encode(
    { topic, event }: Owner,
    message: Message,
    options: EncodeOptions = NO_OPTIONS,
  ): EncodedEvent {
    const value = payloadOf(event, message.data)
    const key = keyOf(topic, message)
    const id = idOf(options) ?? this.#ids.next()
    const context = options.context ?? currentContext() ?? NO_CONTEXT
    const correlationId = context.correlationId ?? id
    const timeMs = options.timeMs ?? this.clock.nowMs()
    const headers = this.#headersOf(event, { id, correlationId, timeMs, context, options })
    const record = { key: Buffer.from(key), value, headers, timestampMs: timeMs }
    return { id, type: event.type, topic, key, correlationId, record }
  }

  #headersOf(
    event: EventFacts,
    facts: {
      id: string
      correlationId: string
      timeMs: number
      context: EventContext
      options: EncodeOptions
    },
  ): Header[] {
    const { id, correlationId, context, options } = facts
    const fixed = this.#fixedOf(event)
    const idBytes = Buffer.from(id)
    const headers: Header[] = [
      SPEC_VERSION,
      CONTENT_TYPE,
      this.#source,
      this.#timeOf(facts.timeMs),
      [HEADER.id, idBytes],
      [HEADER.correlationId, correlationId === id ? idBytes : Buffer.from(correlationId)],
    ]
    add(headers, HEADER.causationId, context.causationId)
    add(headers, HEADER.subject, options.subject)
    const { traceparent, tracestate } = options.trace ?? traceFor(id, context)
    add(headers, HEADER.traceparent, traceparent)
    add(headers, HEADER.tracestate, tracestate)
    this.#addMetadata(headers, context.metadata)
    // Last, because that is where a reader begins to look for them.
    headers.push(fixed.schema, fixed.type)
    return headers
  }

  #addMetadata(headers: Header[], caused: Metadata | undefined): void {
    for (const name in this.#metadata) {
      if (caused === undefined || !Object.hasOwn(caused, name))
        add(headers, metadataHeader(name), this.#metadata[name])
    }
    for (const name in caused) add(headers, metadataHeader(name), caused[name])
  }

  #fixedOf(event: EventFacts): FixedHeaders {
    let fixed = this.#fixed.get(event)
    if (fixed === undefined) {
      const version = Math.max(1, event.versions.length)
      fixed = {
        type: [HEADER.type, Buffer.from(event.type)],
        schema: [HEADER.schema, Buffer.from(String(version))],
      }
      this.#fixed.set(event, fixed)
    }
    return fixed
  }

  /** Many events are published within a millisecond. */
  #timeOf(timeMs: number): Header {
    if (timeMs !== this.#timeMs) {
      this.#time = [HEADER.time, Buffer.from(new Date(timeMs).toISOString())]
      this.#timeMs = timeMs
    }
    return this.#time
  }
}

/** CloudEvents asks for a URI reference, which a plain name is. */
function checkService(service: string): void {
  if (/^[^\s\p{Cc}]+$/u.test(service)) return
  throw new DefinitionError(
    `The service name ${JSON.stringify(service)} cannot be an event's source: give at least one character, no spaces.`,
  )
}

function idOf({ id }: EncodeOptions): string | undefined {
  if (id !== '') return id
  throw new DefinitionError(
    'The id of an event cannot be empty: leave it out, and it is given one.',
  )
}

function traceFor(id: string, { traceparent, tracestate }: EventContext): Trace {
  const own = traceparentFor(id, traceparent)
  if (tracestate === undefined) return { traceparent: own }
  // The state is of the trace that it came with: a trace that begins anew has none.
  const isContinued = traceparent !== undefined && isTraceparent(traceparent)
  return { traceparent: own, tracestate: isContinued ? tracestate : undefined }
}

function add(headers: Header[], name: string, text: string | undefined): void {
  if (text !== undefined) headers.push([name, Buffer.from(text)])
}

function payloadOf(event: EventFacts, data: unknown): Buffer {
  const newest = event.versions.at(-1)
  if (newest === undefined) return checkNoData(event, data)
  const validation = validate(newest.schema, data)
  if (validation.kind === 'invalid') {
    throw new InvalidEventError(event.type, validation.issues, validation.cause)
  }
  const loss = whatJsonCannotCarry(data)
  if (loss !== undefined) throw new InvalidEventError(event.type, [loss])
  return Buffer.from(JSON.stringify(data))
}

function checkNoData(event: EventFacts, data: unknown): Buffer {
  if (data === undefined || isEmpty(data)) return NO_DATA
  const message = 'the event is defined without data: give event() a schema for it'
  throw new InvalidEventError(event.type, [{ path: '', message }])
}

function isEmpty(data: unknown): boolean {
  return typeof data === 'object' && data !== null && Object.keys(data).length === 0
}

function keyOf(topic: Topic, message: Message): string {
  let key: unknown
  try {
    // What `topic()` was given takes any message of the topic, and this is one, validated.
    key = topic.key(message as never)
  } catch (cause) {
    const detail = `function threw ${cause instanceof Error ? cause.message : String(cause)}`
    throw new InvalidKeyError({ eventType: message.type, topic: topic.name, detail, cause })
  }
  if (typeof key === 'string' && key !== '') return key
  const detail = key === '' ? 'is empty' : `is ${key === null ? 'null' : `a ${typeof key}`}`
  throw new InvalidKeyError({ eventType: message.type, topic: topic.name, detail })
}
