// An event as it is read back. Only what somebody asks for is worked out of the record's headers: most
// handlers look at the data and nothing else, and there are a dozen headers to an event.

import { HEADER, type Metadata, metadataOf, recordHeaderText, textOf } from './headers.ts'
import type { IncomingRecord, Position } from './record.ts'

/** What is known of a record without its data, whoever wrote it. */
export interface Envelope {
  /** Unique together with `source`; `topic/partition/offset` when the writer gave none. */
  readonly id: string
  /** `unknown` when the writer gave none. */
  readonly type: string
  /** The application that published it. */
  readonly source: string | undefined
  /** When it was published; the record's own time when the writer gave none. */
  readonly time: Date
  /** The record's key as UTF-8; empty when it has none. */
  readonly key: string
  readonly subject: string | undefined
  /** Shared by all that came of one beginning; the event's own id when it is the beginning. */
  readonly correlationId: string
  /** Id of the event or command that this one came of. */
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  readonly metadata: Metadata
  readonly position: Position
  /** Its place in its stream; undefined outside event stores. */
  readonly version: number | undefined
}

/** `Data` is the output of the newest version's schema. */
export interface StoredEvent<Type extends string = string, Data = unknown> extends Envelope {
  readonly type: Type
  readonly data: Data
}

export const UNKNOWN_TYPE = 'unknown'

export class ReadEvent implements StoredEvent {
  readonly type: string
  readonly data: unknown
  readonly #record: IncomingRecord
  readonly #isInStore: boolean
  #id: string | undefined
  #key: string | undefined
  #metadata: Metadata | undefined

  /**
   * @param isInStore elsewhere anybody can write a header that looks like a version
   * @param key undefined: the record's own
   */
  constructor(
    record: IncomingRecord,
    type: string,
    data: unknown,
    isInStore = false,
    key?: string,
  ) {
    this.type = type
    this.data = data
    this.#record = record
    this.#isInStore = isInStore
    this.#key = key
  }

  get id(): string {
    this.#id ??= eventIdOf(this.#record)
    return this.#id
  }

  get source(): string | undefined {
    return this.#text(HEADER.source)
  }

  get time(): Date {
    const time = new Date(this.#text(HEADER.time) ?? this.#record.timestampMs)
    return Number.isNaN(time.getTime()) ? new Date(this.#record.timestampMs) : time
  }

  get key(): string {
    this.#key ??= this.#record.key === null ? '' : textOf(this.#record.key)
    return this.#key
  }

  get subject(): string | undefined {
    return this.#text(HEADER.subject)
  }

  get correlationId(): string {
    return this.#text(HEADER.correlationId) ?? this.id
  }

  get causationId(): string | undefined {
    return this.#text(HEADER.causationId)
  }

  get traceparent(): string | undefined {
    return this.#text(HEADER.traceparent)
  }

  get tracestate(): string | undefined {
    return this.#text(HEADER.tracestate)
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#record.headers)
    return this.#metadata
  }

  get position(): Position {
    const { topic, partition, offset } = this.#record
    return { topic, partition, offset }
  }

  get version(): number | undefined {
    if (!this.#isInStore) return undefined
    const version = Number(this.#text(HEADER.version) ?? Number.NaN)
    return Number.isSafeInteger(version) ? version : undefined
  }

  /** All of it, for logs. */
  toJSON(): StoredEvent {
    return {
      id: this.id,
      type: this.type,
      source: this.source,
      time: this.time,
      key: this.key,
      subject: this.subject,
      correlationId: this.correlationId,
      causationId: this.causationId,
      traceparent: this.traceparent,
      tracestate: this.tracestate,
      metadata: this.metadata,
      position: this.position,
      version: this.version,
      data: this.data,
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): StoredEvent {
    return this.toJSON()
  }

  #text(name: string): string | undefined {
    return recordHeaderText(this.#record, name)
  }
}

export function eventIdOf(record: Position & Pick<IncomingRecord, 'headers' | 'header'>): string {
  return (
    recordHeaderText(record, HEADER.id) ?? `${record.topic}/${record.partition}/${record.offset}`
  )
}
