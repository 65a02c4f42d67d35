// A record as it stands in a topic, whatever engine holds it: key, value and headers are bytes.
// Everything above deals in events; everything below in these. Offsets count from 0 within their
// partition and are safe integers.

/** A name may repeat and a value may be null, as in Kafka. */
export type Header = readonly [name: string, value: Uint8Array | null]

export interface OutgoingRecord {
  readonly key: Uint8Array | null
  /** Null is a tombstone where the topic is compacted. */
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
  /** Milliseconds since 1970; undefined: the moment of sending. */
  readonly timestampMs?: number
}

export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Its fields may be worked out when they are asked for: name those that are meant, `...` would miss them. */
export interface IncomingRecord extends Position {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
  readonly timestampMs: number
  /** Of key and value, where the engine knows it without making them. */
  readonly sizeBytes?: number
  /** The last header of an ASCII name, where the engine finds it without making the others. */
  header?(name: string): Uint8Array | null | undefined
}
