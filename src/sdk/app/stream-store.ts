// Typed events over an event store: the streams of one topic, each the events of one key.

import { EventDecoder } from '../events/decode.ts'
import { DefinitionError } from '../events/errors.ts'
import type { Events, MessageOf, StoredEventOf } from '../events/event.ts'
import { derivedId } from '../events/ids.ts'
import type { Topic } from '../events/topic.ts'
import { UnreadableEventError } from '../messaging/errors.ts'
import type { Outgoing } from '../messaging/outgoing.ts'
import { type Folded, foldStream } from '../sourcing/fold-stream.ts'
import { checkPolicy, definitionOf, type SnapshotPolicy } from '../sourcing/snapshot-definition.ts'
import type { SnapshotNotKeptError } from '../transport/errors.ts'
import type {
  AppendedStream,
  EventStore,
  ExpectedVersion,
  ReadStreamOptions,
  StoredRecord,
  StreamHead,
} from '../transport/event-store.ts'
import { formatToken } from '../transport/token.ts'
import { StreamKeyError } from './errors.ts'

export interface AppendOptions {
  /** What the stream is taken to be at: no default, because a wrong one loses a decision. */
  readonly expectedVersion: ExpectedVersion
  /** The same append again, under the same key, is answered with the first one's result. */
  readonly idempotencyKey?: string
}

export interface Appended extends AppendedStream {
  /** The events were here already: this is what the first append was answered. */
  readonly deduplicated: boolean
  /** What has read up to it has read these events: for `mergeTokens`, a header, a cookie. */
  readonly token: string
}

export interface StreamEvent<E extends Events> {
  readonly version: number
  readonly event: StoredEventOf<E[keyof E]>
}

/** Reads as it is iterated. @throws UnreadableEventError where a record is no event of the topic */
export interface StreamEvents<E extends Events> extends AsyncIterable<StreamEvent<E>> {
  /** The stream's true head, whatever part was asked for. */
  readonly head: Promise<StreamHead>
}

export interface FoldOptions<E extends Events, State> {
  readonly initialState: State
  /** Pure: the state after an event. */
  readonly evolve: (state: State, event: StoredEventOf<E[keyof E]>) => State
  /** Of long streams: a state that is kept, so that only what came after it is read. It must be plain JSON. */
  readonly snapshot?: SnapshotPolicy
}

/** The streams of a topic that is declared with `store: true`. */
export class StreamStore<E extends Events> {
  readonly #topic: Topic<E>
  readonly #store: EventStore
  readonly #outgoing: Outgoing
  readonly #logId: string
  readonly #decoder: EventDecoder<E>
  readonly #onNotKept: (error: SnapshotNotKeptError) => void

  /** @internal @throws DefinitionError */
  constructor(
    topic: Topic<E>,
    store: EventStore,
    {
      outgoing,
      logId,
      onNotKept,
    }: {
      readonly outgoing: Outgoing
      readonly logId: string
      readonly onNotKept: (error: SnapshotNotKeptError) => void
    },
  ) {
    if (!topic.store) {
      throw new DefinitionError(
        `Topic ${topic.name} is no event store: declare it with \`store: true\`.`,
      )
    }
    this.#topic = topic
    this.#store = store
    this.#outgoing = outgoing
    this.#logId = logId
    this.#decoder = new EventDecoder(topic)
    this.#onNotKept = onNotKept
  }

  /**
   * All of them or none, in their order.
   * @throws WrongExpectedVersionError with the version that the stream has: read it and decide again
   * @throws StreamDeletedError, StreamBusyError, DuplicateEventError
   * @throws InvalidEventError, StreamKeyError: nothing was sent
   */
  async append(
    stream: string,
    messages: MessageOf<E[keyof E]> | readonly MessageOf<E[keyof E]>[],
    { expectedVersion, idempotencyKey }: AppendOptions,
  ): Promise<Appended> {
    const list: readonly MessageOf<E[keyof E]>[] = isList<E>(messages) ? messages : [messages]
    const records = list.map((message, index) => {
      const options =
        idempotencyKey === undefined ? {} : { id: derivedId(stream, idempotencyKey, index) }
      const { record, key, type } = this.#outgoing.encode(message, options)
      if (key !== stream) {
        throw new StreamKeyError({ topic: this.#topic.name, eventType: type, key, stream })
      }
      return record
    })
    const { streams, deduplicated } = await this.#store.append([
      { stream, expectedVersion, records },
    ])
    const appended = streams[0]!
    return { ...appended, deduplicated, token: this.#tokenOf(appended) }
  }

  /** Of nothing, where only a version was checked. */
  #tokenOf({ position, leaderEpoch }: AppendedStream): string {
    const logId = this.#logId
    if (position === undefined) return formatToken({ logId, positions: [] })
    const { topic, partition, offset } = position
    const positions = [{ topic, partition, leaderEpoch, nextOffset: offset + 1 }]
    return formatToken({ logId, positions })
  }

  read(stream: string, options?: ReadStreamOptions): StreamEvents<E> {
    const read = this.#store.readStream(stream, options)
    const decode = (record: StoredRecord) => this.#decode(record)
    return {
      get head() {
        return read.head
      },
      async *[Symbol.asyncIterator]() {
        for await (const record of read) {
          const event = decode(record)
          if (event !== undefined) yield { version: record.version, event }
        }
      },
    }
  }

  /**
   * The state that the stream's events make. With `snapshot` only those are read that came after the last
   * one; a snapshot that does not fit its stream any more is not looked at, so that the state is the same.
   * @throws DefinitionError when the snapshot is none
   * @throws UnreadableEventError where a record is no event of the topic
   */
  async fold<State>(
    stream: string,
    { initialState, evolve, snapshot }: FoldOptions<E, State>,
  ): Promise<Folded<State>> {
    if (snapshot !== undefined) checkPolicy(snapshot)
    return await foldStream(this.#store, stream, {
      initialState,
      evolve: (state, record) => {
        const event = this.#decode(record)
        return event === undefined ? state : evolve(state, event)
      },
      snapshot: snapshot && {
        ...snapshot,
        definition: definitionOf(this.#topic, snapshot.version),
      },
      onNotKept: this.#onNotKept,
    })
  }

  /** @returns undefined for the store's own records @throws UnreadableEventError */
  #decode(record: StoredRecord): StoredEventOf<E[keyof E]> | undefined {
    const { stream, version } = record
    const decoded = this.#decoder.decode({ ...record, key: Buffer.from(stream) })
    if (decoded.kind === 'event') return decoded.event
    if (decoded.kind === 'internal') return undefined
    const kind = decoded.kind === 'unknown-type' ? 'unknown' : decoded.kind
    const message = `Version ${version} of stream ${stream}: ${decoded.reason}.`
    throw new UnreadableEventError(kind, message, decoded.cause)
  }
}

function isList<E extends Events>(
  messages: MessageOf<E[keyof E]> | readonly MessageOf<E[keyof E]>[],
): messages is readonly MessageOf<E[keyof E]>[] {
  return Array.isArray(messages)
}
