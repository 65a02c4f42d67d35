// The event store of a memory engine: the port over the streams of a topic. A store that nobody made
// yet is made by its first append, with one partition; reading it before gives nothing.

import { SnapshotNotKeptError } from '../../transport/errors.ts'
import {
  type AppendedStream,
  type AppendResult,
  type EventStore,
  type ExpectedVersion,
  MAX_SNAPSHOT_BYTES,
  type ReadAllOptions,
  type ReadStreamOptions,
  type Snapshots,
  type StoredRecord,
  type StreamAppend,
  type StreamHead,
  type StreamRead,
  type Subscribed,
} from '../../transport/event-store.ts'
import { type Connection, NoAnswerError } from './connection.ts'
import { appendToStreams, type StorePartition } from './store-append.ts'
import { readAll, storedRecord, subscribe } from './store-reading.ts'
import { type NoticeKind, TYPE_HEADER, typeOfNotice } from './store-records.ts'

const NO_STREAM: StreamHead = { version: -1, firstVersion: 0, state: 'live' }

export class MemoryEventStore implements EventStore {
  readonly topic: string
  readonly snapshots: Snapshots = {
    load: (stream, name) => this.#connection.request(() => this.#kept.get(stream)?.get(name)),
    save: (stream, name, bytes) =>
      this.#connection.request(() => {
        checkSnapshot(stream, name, bytes)
        const kept = this.#kept.get(stream) ?? new Map<string, Uint8Array>()
        this.#kept.set(stream, kept.set(name, Buffer.from(bytes)))
      }),
  }
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
        return appendToStreams(this.topic, appends, {
          placeOf: (stream) => placeOf(partitions, stream),
          nowMs: broker.world.clock.nowMs(),
        })
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

  get #kept(): Map<string, Map<string, Uint8Array>> {
    return this.#connection.broker.topics.snapshotsOf(this.topic)
  }

  async #notice(
    kind: NoticeKind,
    about: { stream: string; expectedVersion: ExpectedVersion; value?: Buffer },
  ): Promise<AppendedStream> {
    const { stream, expectedVersion, value = null } = about
    const headers = [[TYPE_HEADER, Buffer.from(typeOfNotice(kind))]] as const
    const result = await this.append([{ stream, expectedVersion, records: [{ value, headers }] }])
    if (kind !== 'truncated') this.#kept.delete(stream)
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
/** @throws SnapshotNotKeptError */
function checkSnapshot(stream: string, snapshot: string, { length }: Uint8Array): void {
  if (length <= MAX_SNAPSHOT_BYTES) return
  const message = `Snapshot ${snapshot} of stream ${stream} has ${length} bytes, and ${MAX_SNAPSHOT_BYTES} are allowed.`
  throw new SnapshotNotKeptError({ message, stream, snapshot, reason: 'too-large' })
}

function placeOf(partitions: readonly StorePartition[], stream: string): StorePartition {
  const sum = Buffer.from(stream).reduce((total, byte) => total + byte, 0)
  return partitions[sum % partitions.length]!
}
