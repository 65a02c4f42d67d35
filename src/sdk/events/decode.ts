// From a record to the event that a handler is given, or to the plain statement why it is none. Whoever
// wrote the record, this never throws and never answers with nothing: what to do with a record that is
// not understood is a policy of the consumer.

import { isUtf8 } from 'node:buffer'
import { describeIssues, type Issue } from './errors.ts'
import type { EventFacts, Events, StoredEventOf } from './event.ts'
import { ForeignRecord } from './foreign-record.ts'
import { HEADER, recordHeader, recordHeaderText, textOf } from './headers.ts'
import type { IncomingRecord } from './record.ts'
import { type Validation, validate } from './schema.ts'
import { type Envelope, ReadEvent, UNKNOWN_TYPE } from './stored-event.ts'
import type { AnyTopic, ForeignTopic } from './topic.ts'

export type Decoded<E extends Events = Events> = DecodedEvent<E> | NotAnEvent

/** `name` is what the topic's `events` call it, and handlers are found by. */
export type DecodedEvent<E extends Events = Events> = {
  [Name in keyof E & string]: {
    readonly kind: 'event'
    readonly name: Name
    readonly event: StoredEventOf<E[Name]>
  }
}[keyof E & string]

export type NotAnEvent =
  /** The value is not what the topic holds: no JSON, no value at all, a broken header. */
  | (Failure & { readonly kind: 'undecodable' })
  /** Its type is known, its data does not fit any more or yet. */
  | (Failure & { readonly kind: 'invalid'; readonly issues: readonly Issue[] })
  /** Well formed, perhaps, but of no type that the topic declares. */
  | (Failure & { readonly kind: 'unknown-type' })
  /** Millrace's own record in an event store, as of a stream's deletion: not the application's concern. */
  | (Failure & { readonly kind: 'internal' })

interface Failure {
  readonly envelope: Envelope
  /** One sentence for people, without a full stop. */
  readonly reason: string
  readonly cause?: unknown
}

interface Known {
  readonly name: string
  readonly event: EventFacts
  readonly typeBytes: Buffer
}

const INTERNAL_TYPES = 'millrace.'
const STRUCTURED = 'application/cloudevents'
const FIRST_DIGIT = 0x31
const LAST_DIGIT = 0x39

export class EventDecoder<E extends Events> {
  readonly #topic: AnyTopic<E>
  readonly #isStore: boolean
  readonly #known: ReadonlyMap<string, Known>
  /** Records of one type follow each other more often than not. */
  #lastKnown: Known | undefined

  constructor(topic: AnyTopic<E>) {
    this.#topic = topic
    this.#isStore = topic.kind === 'topic' && topic.store
    this.#known = new Map(
      Object.entries(topic.events).map(([name, event]) => [
        event.type,
        { name, event, typeBytes: Buffer.from(event.type) },
      ]),
    )
  }

  decode(record: IncomingRecord): Decoded<E> {
    const decoded =
      this.#topic.kind === 'topic'
        ? this.#decodeOwn(record)
        : this.#decodeForeign(this.#topic, record)
    // Names and types come out of the topic's own events, which TypeScript cannot follow through a map.
    return decoded as Decoded<E>
  }

  #decodeOwn(record: IncomingRecord): Decoded {
    const type = recordHeader(record, HEADER.type)
    const known = this.#find(type)
    if (known === undefined) return this.#decodeUnknown(record, type)
    const version = writtenVersion(record)
    if (version === BROKEN_VERSION) {
      return this.#undecodable(record, known.event.type, `its header ${HEADER.schema} is no number`)
    }
    const { value } = record
    if (value === null || value.length === 0) return this.#decodeEmpty(record, known)
    const text = textOf(value)
    // The replacement character stands in few texts; only then are the bytes looked at again.
    if (text.includes('\ufffd') && !isUtf8(value)) {
      return this.#undecodable(record, known.event.type, 'its value is not UTF-8')
    }
    let data: unknown
    try {
      data = JSON.parse(text)
    } catch (cause) {
      return this.#undecodable(record, known.event.type, notJson(record, cause), cause)
    }
    return this.#finish(record, known, raise(known.event, version, data))
  }

  /** CloudEvents without data have no value; for everything else that is a tombstone. */
  #decodeEmpty(record: IncomingRecord, known: Known): Decoded {
    if (known.event.versions.length === 0) {
      return this.#finish(record, known, { kind: 'valid', output: {} })
    }
    return this.#undecodable(
      record,
      known.event.type,
      'it has no value: a tombstone, or an event without data',
    )
  }

  #decodeUnknown(record: IncomingRecord, typeBytes: Uint8Array | undefined): Decoded {
    const type = typeBytes === undefined ? UNKNOWN_TYPE : textOf(typeBytes)
    if (!this.#isStore || !type.startsWith(INTERNAL_TYPES)) return this.#unknownType(record, type)
    const envelope = this.#envelope(record, type)
    return { kind: 'internal', envelope, reason: `${type} is a record of the event store itself` }
  }

  #find(type: Uint8Array | undefined): Known | undefined {
    if (type === undefined) return undefined
    const last = this.#lastKnown
    if (last !== undefined && isSame(last.typeBytes, type)) return last
    const known = this.#known.get(textOf(type))
    if (known !== undefined) this.#lastKnown = known
    return known
  }

  #decodeForeign(topic: ForeignTopic<E>, record: IncomingRecord): Decoded {
    const foreign = new ForeignRecord(record)
    let type: unknown
    try {
      type = topic.typeOf(foreign)
    } catch (cause) {
      return this.#undecodable(record, UNKNOWN_TYPE, `typeOf threw ${messageOf(cause)}`, cause)
    }
    const known = typeof type === 'string' ? this.#known.get(type) : undefined
    if (known === undefined) {
      return this.#unknownType(record, typeof type === 'string' ? type : UNKNOWN_TYPE)
    }
    try {
      const data = topic.decode(foreign)
      const validation = raise(known.event, undefined, data)
      if (validation.kind === 'invalid') return this.#finish(record, known, validation)
      const key = topic.key?.({ type: known.event.type, data } as never)
      return this.#finish(record, known, validation, key)
    } catch (cause) {
      return this.#undecodable(
        record,
        known.event.type,
        `decode or key threw ${messageOf(cause)}`,
        cause,
      )
    }
  }

  #finish(record: IncomingRecord, known: Known, validation: Validation, key?: string): Decoded {
    const { type } = known.event
    if (validation.kind === 'valid') {
      const event = new ReadEvent(record, type, validation.output, this.#isStore, key)
      return { kind: 'event', name: known.name, event }
    }
    const { issues, cause } = validation
    const envelope = this.#envelope(record, type, key)
    const reason = `its data does not fit ${type}: ${describeIssues(issues)}`
    return { kind: 'invalid', envelope, issues, reason, cause }
  }

  #undecodable(record: IncomingRecord, type: string, reason: string, cause?: unknown): Decoded {
    return { kind: 'undecodable', envelope: this.#envelope(record, type), reason, cause }
  }

  #unknownType(record: IncomingRecord, type: string): Decoded {
    const envelope = this.#envelope(record, type)
    const reason =
      type === UNKNOWN_TYPE
        ? untyped(record)
        : `topic ${this.#topic.name} declares no event ${type}`
    return { kind: 'unknown-type', envelope, reason }
  }

  #envelope(record: IncomingRecord, type: string, key?: string): Envelope {
    return new ReadEvent(record, type, undefined, this.#isStore, key)
  }
}

/** A type is short: comparing it here costs a fifth of calling `Buffer.equals`. */
function isSame(known: Uint8Array, given: Uint8Array): boolean {
  if (known.length !== given.length) return false
  for (let at = 0; at < known.length; at++) {
    if (known[at] !== given[at]) return false
  }
  return true
}

const BROKEN_VERSION = 0

/** Undefined when the writer named none. */
function writtenVersion(record: IncomingRecord): number | undefined {
  const bytes = recordHeader(record, HEADER.schema)
  if (bytes === undefined) return undefined
  const first = bytes[0] ?? 0
  if (bytes.length === 1 && first >= FIRST_DIGIT && first <= LAST_DIGIT)
    return first - FIRST_DIGIT + 1
  const version = Number(textOf(bytes))
  return Number.isSafeInteger(version) && version > 0 ? version : BROKEN_VERSION
}

/** From the version that was written to what the newest one gives. */
function raise(event: EventFacts, written: number | undefined, data: unknown): Validation {
  const newest = event.versions.length
  if (newest === 0) return { kind: 'valid', output: {} }
  if (written === undefined) return raiseUnversioned(event, data)
  if (written > newest) {
    return invalid(
      `it was written under version ${written}, and this code knows ${newest}: bring the newer schema here first`,
    )
  }
  return raiseFrom(event, written, data)
}

/** Others name no version: the newest schema that takes the data is theirs. */
function raiseUnversioned(event: EventFacts, data: unknown): Validation {
  const newest = event.versions.length
  const first = raiseFrom(event, newest, data)
  if (first.kind === 'valid') return first
  for (let version = newest - 1; version > 0; version--) {
    const older = raiseFrom(event, version, data)
    if (older.kind === 'valid') return older
  }
  return first
}

function raiseFrom(event: EventFacts, written: number, data: unknown): Validation {
  let validation = validate(event.versions[written - 1]!.schema, data)
  for (let at = written; at < event.versions.length; at++) {
    if (validation.kind === 'invalid') return validation
    const { schema, upcast } = event.versions[at]!
    try {
      data = upcast!(validation.output)
    } catch (cause) {
      return invalid(`the upcast to version ${at + 1} threw ${messageOf(cause)}`, cause)
    }
    validation = validate(schema, data)
    if (validation.kind === 'invalid') {
      const message = `the upcast to version ${at + 1} made what that version does not take`
      return { ...validation, issues: [{ path: '', message }, ...validation.issues] }
    }
  }
  return validation
}

function invalid(message: string, cause?: unknown): Validation {
  return { kind: 'invalid', issues: [{ path: '', message }], cause }
}

function untyped(record: IncomingRecord): string {
  const isStructured = recordHeaderText(record, HEADER.contentType)?.startsWith(STRUCTURED)
  return isStructured
    ? 'it is a CloudEvent in structured mode: read it by topic(name, { events, typeOf, decode })'
    : 'nothing says what it is: a header ce_type, or what typeOf finds'
}

function notJson(record: IncomingRecord, cause: unknown): string {
  const contentType = recordHeaderText(record, HEADER.contentType) ?? 'none'
  return `its value is not JSON (content-type: ${contentType}): ${messageOf(cause)}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
