// The event store of a memory engine: the port over the streams of a topic. A store that nobody made
// yet is made by its first append, with one partition; reading it before gives nothing.

import { InvalidAppendError } from '../../transport/errors.ts'
import type {
  AppendedStream,
  AppendResult,
  EventStore,
  ExpectedVersion,
  ReadAllOptions,
  ReadStreamOptions,
  StoredRecord,
  StreamAppend,
  StreamHead,
  StreamRead,
  Subscribed,
} from '../../transport/event-store.ts'
import { type Connection, NoAnswerError } from './connection.ts'
import { appendToStreams, type StorePartition } from './store-append.ts'
import { readAll, storedRecord, subscribe } from './store-reading.ts'
import { type NoticeKind, TYPE_HEADER, typeOfNotice } from './store-records.ts'

const NO_STREAM: StreamHead = { version: -1, firstVersion: 0, state: 'live' }

export class MemoryEventStore implements EventStore {
  readonly topic: string
  readonly #connection: Connection

  constructor(topic: string, connection: Connection) {
    this.topic = topic
    this.#connection = connection
  }

  append(appends: readonly StreamAppend[]): Promise<AppendResult> {
    const { broker } = this.#connection
    const lost = () => new NoAnswerError(`An append to store ${this.topic}`)
    return this.#connection.request(
      () => {
        const partitions = broker.topics.ensureStore(this.topic)
        const places = new Set(appends.map(({ stream }) => placeOf(partitions, stream)))
        if (places.size > 1) {
          throw new InvalidAppendError(
            this.topic,
            'Its streams are in different partitions, and one append stays within one.',
          )
        }
        const nowMs = broker.world.clock.nowMs()
        return appendToStreams([...places][0] ?? partitions[0]!, appends, nowMs)
      },
      { lost },
    )
  }

  readStream(stream: string, options: ReadStreamOptions = {}): StreamRead {
    const begun = this.#look(stream)
    // Whoever only iterates hears of a failure there.
    begun.catch(() => undefined)
    return {
      get head() {
        return begun.then(({ head }) => head)
      },
      async *[Symbol.asyncIterator](): AsyncGenerator<StoredRecord> {
        const { head, place } = await begun
        if (place === undefined) return
        for (const version of wantedVersions(head, options)) {
          yield storedRecord(place.log.recordAt(place.streams.offsetOf(stream, version)))
        }
      },
    }
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<StoredRecord> {
    return readAll(this.topic, this.#connection, options)
  }

  subscribe(options: ReadAllOptions = {}): AsyncIterable<Subscribed> {
    return subscribe(this.topic, this.#connection, options)
  }

  async head(stream: string): Promise<StreamHead> {
    return (await this.#look(stream)).head
  }

  deleteStream(stream: string, expectedVersion: ExpectedVersion): Promise<AppendedStream> {
    return this.#notice('deleted', { stream, expectedVersion })
  }

  tombstoneStream(stream: string, expectedVersion: ExpectedVersion): Promise<AppendedStream> {
    return this.#notice('tombstoned', { stream, expectedVersion })
  }

  truncateStream(stream: string, version: number): Promise<AppendedStream> {
    const value = Buffer.from(JSON.stringify({ firstVersion: version }))
    return this.#notice('truncated', { stream, expectedVersion: 'any', value })
  }

  async #notice(
    kind: NoticeKind,
    about: { stream: string; expectedVersion: ExpectedVersion; value?: Buffer },
  ): Promise<AppendedStream> {
    const { stream, expectedVersion, value = null } = about
    const headers = [[TYPE_HEADER, Buffer.from(typeOfNotice(kind))]] as const
    const result = await this.append([{ stream, expectedVersion, records: [{ value, headers }] }])
    return result.streams[0]!
  }

  #look(stream: string): Promise<{ head: StreamHead; place: StorePartition | undefined }> {
    return this.#connection.request(() => {
      const partitions = this.#connection.broker.topics.findStore(this.topic)
      if (partitions === undefined) return { head: NO_STREAM, place: undefined }
      const place = placeOf(partitions, stream)
      return { head: place.streams.head(stream), place }
    })
  }
}

function wantedVersions(head: StreamHead, { from, direction, limit }: ReadStreamOptions): number[] {
  const isForward = direction !== 'backward'
  const lowest = isForward ? Math.max(from ?? 0, head.firstVersion) : head.firstVersion
  const highest = isForward ? head.version : Math.min(from ?? head.version, head.version)
  const all = Array.from({ length: Math.max(0, highest - lowest + 1) }, (_, i) => lowest + i)
  return (isForward ? all : all.reverse()).slice(0, limit === undefined ? all.length : limit)
}

/** A stream stays in its partition: the sum of its bytes says in which. */
function placeOf(partitions: readonly StorePartition[], stream: string): StorePartition {
  const sum = Buffer.from(stream).reduce((total, byte) => total + byte, 0)
  return partitions[sum % partitions.length]!
}
