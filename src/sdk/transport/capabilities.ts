// What engines differ in, as data. `connect` compares what definitions need with the row of the
// engine, and refuses to start with a plain sentence; an adapter's row is pinned in its contract test.

export interface Capabilities {
  /** How far the order of records reaches. */
  readonly order: 'partition' | 'queue'
  /** A new group can read what was written before it existed; positions can be sought. */
  readonly replay: boolean
  /** Outputs and the progress that caused them become visible together or not at all. */
  readonly atomicOutput: boolean
  /** Appends with an expected version: the event store. */
  readonly expectedVersion: boolean
  /** The broker itself drops a producer's repetition. */
  readonly idempotentProducer: boolean
  /** The newest record of a key can be kept, older ones removed. */
  readonly compaction: boolean
  /** A position in a log that can be waited for: the consistency token. */
  readonly positions: boolean
}

export type Capability = Exclude<keyof Capabilities, 'order'> | 'partition-order'
