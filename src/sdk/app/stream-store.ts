// Typed events over an event store: the streams of one topic, each the events of one key.

import { EventDecoder } from '../events/decode.ts'
import { DefinitionError } from '../events/errors.ts'
import type { Events, MessageOf, StoredEventOf } from '../events/event.ts'
import { derivedId } from '../events/ids.ts'
import type { Topic } from '../events/topic.ts'
import { UnreadableEventError } from '../messaging/errors.ts'
import type { Outgoing } from '../messaging/outgoing.ts'
import type {
  AppendedStream,
  EventStore,
  ExpectedVersion,
  ReadStreamOptions,
  StreamHead,
} from '../transport/event-store.ts'
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

/** The streams of a topic that is declared with `store: true`. */
export class StreamStore<E extends Events> {
  readonly #topic: Topic<E>
  readonly #store: EventStore
  readonly #outgoing: Outgoing
  readonly #decoder: EventDecoder<E>

  /** @internal @throws DefinitionError */
  constructor(topic: Topic<E>, store: EventStore, outgoing: Outgoing) {
    if (!topic.store) {
      throw new DefinitionError(
        `Topic ${topic.name} is no event store: declare it with \`store: true\`.`,
      )
    }
    this.#topic = topic
    this.#store = store
    this.#outgoing = outgoing
    this.#decoder = new EventDecoder(topic)
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
    return { ...streams[0]!, deduplicated }
  }

  read(stream: string, options?: ReadStreamOptions): StreamEvents<E> {
    const read = this.#store.readStream(stream, options)
    const decoder = this.#decoder
    return {
      get head() {
        return read.head
      },
      async *[Symbol.asyncIterator]() {
        for await (const record of read) {
          const { version } = record
          const decoded = decoder.decode({ ...record, key: Buffer.from(stream) })
          if (decoded.kind === 'internal') continue
          if (decoded.kind !== 'event') {
            const kind = decoded.kind === 'unknown-type' ? 'unknown' : decoded.kind
            const message = `Version ${version} of stream ${stream}: ${decoded.reason}.`
            throw new UnreadableEventError(kind, message, decoded.cause)
          }
          yield { version, event: decoded.event }
        }
      },
    }
  }
}

function isList<E extends Events>(
  messages: MessageOf<E[keyof E]> | readonly MessageOf<E[keyof E]>[],
): messages is readonly MessageOf<E[keyof E]>[] {
  return Array.isArray(messages)
}
