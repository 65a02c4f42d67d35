// An event store as the load generator sees it, ours and others behind the same few calls. Versions
// count from 0 here, -1 is a stream without events; a client translates what its store counts.

export interface LoadEvent {
  /** A UUID; made once, so that the same event can be sent again. */
  readonly id: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface ReadEvent {
  readonly id: string
  readonly version: number
}

/** `place` is where the store says that the last event stands: the same again for a retry it knows. */
export type AppendAnswer =
  | { readonly kind: 'appended'; readonly version: number; readonly place: string }
  | { readonly kind: 'conflict' }

export interface StoreClient {
  /** Whether an append that is sent again with the same ids is answered as the first time. */
  readonly knowsRetries: boolean
  /** Durable when it is answered, all events or none. */
  append(
    stream: string,
    expectedVersion: number,
    events: readonly LoadEvent[],
  ): Promise<AppendAnswer>
  /** From its beginning to its end. */
  read(stream: string): Promise<readonly ReadEvent[]>
  close(): Promise<void>
}

/** What is opened: a folder in this process, a broker, or a database. */
export interface StorePlace {
  readonly folder: string
  readonly port: number
  /** Callers that will be at work at once. */
  readonly callers: number
}

export interface StoreModule {
  open(place: StorePlace): Promise<StoreClient>
}
