// An event store as code in this process sees it. Expected outcomes are values; only what nobody can help
// throws. What is answered is durable, and what is read is committed and durable.

import type { ExpectedVersion, StreamHead } from './expected-version.ts'
import type { StreamRefusal } from './stream-refusal.ts'

export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface StoredRecord extends Position {
  readonly stream: string
  /** Of a record about its stream: that of the newest event before it, -1 when there was none. */
  readonly version: number
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
  readonly timestampMs: number
}

/** Its bytes stay as they are until the append is answered. */
export interface NewEvent {
  readonly value: Uint8Array | null
  /** `ce_id` among them is what the event is known by when the append is tried again. */
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  /** Default: the moment of the append. */
  readonly timestampMs?: number | undefined
}

export interface StreamAppend {
  readonly stream: string
  readonly expectedVersion: ExpectedVersion
  /** None: the version is checked, nothing is written. */
  readonly events: readonly NewEvent[]
}

export interface AppendedStream {
  readonly stream: string
  /** Of its last event now; -1 when it has none. */
  readonly version: number
  /** Of its last record of this append; undefined where only a version was checked. */
  readonly position: Position | undefined
}

export type StoreOutcome =
  | {
      readonly kind: 'appended'
      readonly streams: readonly AppendedStream[]
      /** The events were here: this is what the first append was answered. */
      readonly deduplicated: boolean
    }
  | { readonly kind: 'refused'; readonly reason: StoreRefusal; readonly message: string }

export type StoreRefusal =
  | StreamRefusal
  | { readonly kind: 'invalid' }
  | { readonly kind: 'log'; readonly errorCode: number }

export interface StreamInfo extends StreamHead {
  readonly stream: string
}

export interface ReadStreamOptions {
  /** First version wanted; undefined: the end to begin at. */
  readonly from?: number | undefined
  readonly direction?: 'forward' | 'backward' | undefined
  readonly limit?: number | undefined
}

/** Reads as it is iterated; `head` is the stream's true head, whatever part was asked for. */
export interface StreamRead extends AsyncIterable<StoredRecord> {
  readonly head: Promise<StreamHead>
}

/** What is wanted of all events; absent: everything. */
export interface EventFilter {
  readonly types?: readonly string[] | undefined
  readonly streamPrefix?: string | undefined
}

export interface ReadAllOptions extends EventFilter {
  /** One for each partition; those left out are read from their beginning. */
  readonly from?: readonly Position[] | undefined
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** `caught-up` comes once, when everything has been given that stood in the store at the beginning. */
export type Subscribed =
  | { readonly kind: 'event'; readonly record: StoredRecord }
  | { readonly kind: 'caught-up'; readonly next: readonly Position[] }

export type SnapshotOutcome =
  | { readonly kind: 'saved' }
  /** What was saved before is there all the same. */
  | {
      readonly kind: 'refused'
      readonly reason: 'too-large' | 'not-kept'
      readonly message: string
    }

export interface EventStore {
  readonly topic: string
  /**
   * All of it or nothing, streams of several partitions too; answered when it is durable. The topic is
   * made when it is missing.
   */
  append(appends: readonly StreamAppend[]): Promise<StoreOutcome>
  head(stream: string): Promise<StreamHead>
  /** Looks at the stream when it is called; the records are read as they are taken. */
  readStream(stream: string, options?: ReadStreamOptions): StreamRead
  /** In the order of the log, records about streams among them. */
  readAll(options?: ReadAllOptions): AsyncIterable<StoredRecord>
  /** One cursor for what is there and what comes. Ends when the signal is aborted. */
  subscribe(options?: ReadAllOptions): AsyncIterable<Subscribed>
  /** Every stream whose name begins so, in the order in which they first appeared. */
  list(options?: { prefix?: string }): AsyncIterable<StreamInfo>
  /** Its events are gone for readers; numbering goes on with the next append. */
  deleteStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome>
  /** As above, for ever: nothing can be appended any more. */
  tombstoneStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome>
  /** Events below `firstVersion` are gone for readers. */
  truncateStream(stream: string, firstVersion: number): Promise<StoreOutcome>
  /** What was saved last of the stream under that name; undefined also when it is lost. */
  loadSnapshot(stream: string, name: string): Promise<Buffer | undefined>
  /** Takes the place of the one before; a power cut may take it. At most 1 MiB. */
  saveSnapshot(stream: string, name: string, state: Uint8Array): Promise<SnapshotOutcome>
}
