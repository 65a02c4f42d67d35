// The event store of the broker in this process: the same calls, in the words and errors of the SDK.

import type { LocalClient } from '../../broker/local/local-client.ts'
import { refusal } from '../../broker/local/local-refusal.ts'
import type { Position } from '../../sdk/events/record.ts'
import {
  DuplicateEventError,
  InvalidAppendError,
  SnapshotNotKeptError,
  StreamBusyError,
  StreamDeletedError,
  WrongExpectedVersionError,
} from '../../sdk/transport/errors.ts'
import type {
  AppendedStream,
  AppendResult,
  EventStore,
  ExpectedVersion,
  ReadAllOptions,
  ReadStreamOptions,
  Snapshots,
  StoredRecord,
  StreamAppend,
  StreamHead,
  StreamRead,
  Subscribed,
} from '../../sdk/transport/event-store.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import type { Lease } from './lease.ts'
import { isRefusal } from './refusals.ts'

type LocalStore = Extract<ReturnType<LocalClient['stores']['find']>, { kind: 'store' }>['store']
type Outcome = Awaited<ReturnType<LocalStore['append']>>
type Refused = Extract<Outcome, { kind: 'refused' }>
type LocalHead = Awaited<ReturnType<LocalStore['head']>>

const NO_EPOCH = -1

export class EmbeddedStore implements EventStore {
  readonly topic: string
  readonly snapshots: Snapshots = {
    load: (stream, name) => this.#store.loadSnapshot(stream, name),
    save: async (stream, name, bytes) => {
      const outcome = await this.#store.saveSnapshot(stream, name, bytes)
      if (outcome.kind === 'saved') return
      const reason = outcome.reason === 'too-large' ? 'too-large' : 'no-room'
      const { message } = outcome
      throw new SnapshotNotKeptError({ message, stream, snapshot: name, reason })
    },
  }
  readonly #lease: Lease

  constructor(lease: Lease, topic: string) {
    this.topic = topic
    this.#lease = lease
  }

  async append(appends: readonly StreamAppend[]): Promise<AppendResult> {
    const outcome = await this.#writable.append(
      appends.map(({ stream, expectedVersion, records }) => {
        return { stream, expectedVersion, events: records }
      }),
    )
    return this.#accepted(outcome)
  }

  readStream(stream: string, options: ReadStreamOptions = {}): StreamRead {
    const read = this.#store.readStream(stream, options)
    return {
      get head() {
        return read.head.then(headOf)
      },
      [Symbol.asyncIterator]: () => read[Symbol.asyncIterator](),
    }
  }

  readAll(options?: ReadAllOptions): AsyncIterable<StoredRecord> {
    return this.#store.readAll(options)
  }

  subscribe(options: ReadAllOptions = {}): AsyncIterable<Subscribed> {
    const { closed } = this.#lease
    const signal = options.signal === undefined ? closed : AbortSignal.any([options.signal, closed])
    return this.#store.subscribe({ ...options, signal })
  }

  async head(stream: string): Promise<StreamHead> {
    return headOf(await this.#store.head(stream))
  }

  async deleteStream(stream: string, expected: ExpectedVersion): Promise<AppendedStream> {
    return this.#only(await this.#writable.deleteStream(stream, expected))
  }

  async tombstoneStream(stream: string, expected: ExpectedVersion): Promise<AppendedStream> {
    return this.#only(await this.#writable.tombstoneStream(stream, expected))
  }

  async truncateStream(stream: string, version: number): Promise<AppendedStream> {
    return this.#only(await this.#writable.truncateStream(stream, version))
  }

  get #store(): LocalStore {
    const found = this.#lease.client.stores.find(this.topic)
    if (isRefusal(found)) throw new BrokerRefusedError(`Opening event store ${this.topic}`, found)
    return found.store
  }

  get #writable(): LocalStore {
    const found = this.#lease.client.stores.find(this.topic)
    if (isRefusal(found)) throw new InvalidAppendError(this.topic, found.message)
    return found.store
  }

  #only(outcome: Outcome): AppendedStream {
    return this.#accepted(outcome).streams[0]!
  }

  #accepted(outcome: Outcome): AppendResult {
    if (outcome.kind === 'refused') throw this.#errorOf(outcome)
    const streams = outcome.streams.map((appended) => {
      return { ...appended, leaderEpoch: this.#leaderEpochOf(appended.position) }
    })
    return { streams, deduplicated: outcome.deduplicated }
  }

  #leaderEpochOf(position: Position | undefined): number {
    if (position === undefined) return NO_EPOCH
    return this.#lease.client.reading.leaderEpochOf(position.topic, position.partition)
  }

  #errorOf({ reason, message }: Refused): Error {
    const store = this.topic
    switch (reason.kind) {
      case 'wrong-version': {
        const { stream, expected: expectedVersion, actual: actualVersion } = reason
        return new WrongExpectedVersionError({ store, stream, expectedVersion, actualVersion })
      }
      case 'tombstoned':
        return new StreamDeletedError(store, reason.stream)
      case 'partly-there':
        return new DuplicateEventError(store, reason.stream, message)
      case 'busy':
        return new StreamBusyError(store, reason.stream)
      case 'log':
        return new BrokerRefusedError(
          `Appending to event store ${store}`,
          refusal(reason.errorCode, message),
        )
      default:
        return new InvalidAppendError(store, message)
    }
  }
}

function headOf({ headVersion: version, firstVersion, life: state }: LocalHead): StreamHead {
  return { version, firstVersion, state }
}
