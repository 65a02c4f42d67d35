// The port to an event store: one topic, in which all records of a key are a stream. Versions count
// from 0 within a stream; -1 stands for a stream without events.

import type { OutgoingRecord, Position } from '../events/record.ts'

/** `none`: no events yet; `exists`: at least one; `any`: unchecked, and de-duplicated for a window only. */
export type ExpectedVersion = 'any' | 'none' | 'exists' | number

export interface StreamAppend {
  readonly stream: string
  readonly expectedVersion: ExpectedVersion
  /** The header `ce_id` of each is its identity. None at all: the version is checked, nothing written. */
  readonly records: readonly Omit<OutgoingRecord, 'key'>[]
}

export interface AppendedStream {
  readonly stream: string
  /** Version of its last event now; -1 when it has none. */
  readonly version: number
  /** Of the last record written; undefined where only a version was checked. */
  readonly position: Position | undefined
  /** Of its partition; -1: the engine has none, or nothing was written. */
  readonly leaderEpoch: number
}

export interface AppendResult {
  readonly streams: readonly AppendedStream[]
  /** These events were here already: what stands above is the answer to the first append. */
  readonly deduplicated: boolean
}

export interface StoredRecord extends Position {
  readonly stream: string
  readonly version: number
  readonly value: Uint8Array | null
  readonly headers: OutgoingRecord['headers']
  readonly timestampMs: number
}

export interface StreamHead {
  /** Version of the newest event; -1 when there never was one. */
  readonly version: number
  /** Events below it are removed from reading. */
  readonly firstVersion: number
  readonly state: 'live' | 'deleted' | 'tombstoned'
}

/** Reads as it is iterated; `head` is the stream's true head, whatever part was asked for. */
export interface StreamRead extends AsyncIterable<StoredRecord> {
  readonly head: Promise<StreamHead>
}

export interface ReadStreamOptions {
  /** First version wanted; undefined: the end to begin at. */
  readonly from?: number
  readonly direction?: 'forward' | 'backward'
  readonly limit?: number
}

/** What is wanted of all events; absent: everything. */
export interface EventFilter {
  readonly types?: readonly string[]
  readonly streamPrefix?: string
}

export interface ReadAllOptions extends EventFilter {
  /** One for each partition; those left out are read from their beginning. */
  readonly from?: readonly Position[]
  readonly limit?: number
  readonly signal?: AbortSignal
}

/** `caught-up` comes once everything that stood in the store when it was asked has been given. */
export type Subscribed =
  | { readonly kind: 'event'; readonly record: StoredRecord }
  | { readonly kind: 'caught-up'; readonly next: readonly Position[] }

export const MAX_SNAPSHOT_BYTES = 1024 * 1024

/**
 * Of each stream and name the newest that was saved, so that its events need not be read again. Any of
 * them can be lost at any time, and none need fit its stream any more: whoever loads one looks.
 */
export interface Snapshots {
  load(stream: string, name: string): Promise<Uint8Array | undefined>
  /**
   * Takes the place of the one before, which stays when it is refused.
   * @throws SnapshotNotKeptError it is larger than MAX_SNAPSHOT_BYTES, or there is no room
   */
  save(stream: string, name: string, bytes: Uint8Array): Promise<void>
}

export interface EventStore {
  readonly topic: string
  /** Those of a stream go when it is deleted or tombstoned. */
  readonly snapshots: Snapshots
  /**
   * All of it or nothing, also where the streams are in different partitions: versions that are only
   * checked hold until all of it is written. A store that does not exist is made.
   * @throws WrongExpectedVersionError, StreamDeletedError, DuplicateEventError (some of the ids stand
   * in the stream already, not all), StreamBusyError (an open transaction writes to it; retriable),
   * InvalidAppendError (a stream named twice, a name that cannot be)
   */
  append(appends: readonly StreamAppend[]): Promise<AppendResult>
  readStream(stream: string, options?: ReadStreamOptions): StreamRead
  readAll(options?: ReadAllOptions): AsyncIterable<StoredRecord>
  /** One cursor for what is there and what comes. Ends when `signal` is aborted. */
  subscribe(options?: ReadAllOptions): AsyncIterable<Subscribed>
  head(stream: string): Promise<StreamHead>
  /** Its events are gone for readers, numbering goes on with the next append. */
  deleteStream(stream: string, expectedVersion: ExpectedVersion): Promise<AppendedStream>
  /** As above, for ever: nothing can be appended any more. */
  tombstoneStream(stream: string, expectedVersion: ExpectedVersion): Promise<AppendedStream>
  /** Events below `version` are gone for readers. */
  truncateStream(stream: string, version: number): Promise<AppendedStream>
}
