// The event store of one topic, as code in this process uses it: finds the partition of a stream and has
// the append decided at its turn, by the same gate as what Kafka clients produce.

import type { Clock, Timers } from '../../host/clock.ts'
import { partitionOfKey } from '../batch/murmur2.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { explainInvalid } from './check-append.ts'
import type {
  EventStore,
  ReadAllOptions,
  ReadStreamOptions,
  StoredRecord,
  StoreOutcome,
  StreamAppend,
  StreamInfo,
  StreamRead,
  Subscribed,
} from './event-store.ts'
import type { ExpectedVersion, StreamHead } from './expected-version.ts'
import { readAll, subscribe } from './read-all.ts'
import { readStream } from './read-stream.ts'
import { refused, StoreAppend } from './store-append.ts'
import { DELETED_TYPE, TOMBSTONED_TYPE, TRUNCATED_TYPE, TYPE_HEADER } from './store-names.ts'
import type { StorePartition } from './store-partition.ts'

export interface StoreSource {
  readonly topic: string
  readonly clock: Clock
  readonly timers: Timers
  /** undefined while the topic is not there. @throws when it is no store */
  find(): readonly StorePartition[] | undefined
  /** Makes the topic. @throws when it cannot be */
  make(): Promise<readonly StorePartition[]>
  /** Called when the topic may have been made. @returns ends the calls */
  onMade(listener: () => void): () => void
}

const STREAMS_PER_TURN = 2000
const NO_PARTITIONS: readonly StorePartition[] = []

export class RunningStore implements EventStore {
  readonly topic: string
  readonly #source: StoreSource

  constructor(source: StoreSource) {
    this.topic = source.topic
    this.#source = source
  }

  async append(appends: readonly StreamAppend[]): Promise<StoreOutcome> {
    const wrong = explainInvalid(appends)
    if (wrong !== undefined) return refused({ kind: 'invalid' }, wrong)
    const partitions = this.#source.find() ?? (await this.#source.make())
    const number = this.#partitionOf(appends, partitions.length)
    if (number === undefined) return refused({ kind: 'across-partitions' }, ACROSS)
    const partition = partitions[number]!
    if (!partition.isReady) await partition.ready()
    if (partition.failure !== undefined) {
      return refused({ kind: 'log', errorCode: ErrorCode.KAFKA_STORAGE_ERROR }, partition.unlearnt)
    }
    return partition.append(new StoreAppend({ topic: this.topic, partition: number }, appends))
  }

  async head(stream: string): Promise<StreamHead> {
    const partition = await this.#readyPartitionOf(stream)
    if (partition === undefined) return { headVersion: -1, firstVersion: 0, life: 'live' }
    const { headVersion, firstVersion, life } = partition.headOf(stream)
    return { headVersion, firstVersion, life }
  }

  readStream(stream: string, options: ReadStreamOptions = {}): StreamRead {
    return readStream(stream, options, () => this.#readyPartitionOf(stream))
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<StoredRecord> {
    return readAll(this.#source, options)
  }

  subscribe(options: ReadAllOptions = {}): AsyncIterable<Subscribed> {
    return subscribe(this.#source, options)
  }

  async *list({ prefix = '' }: { prefix?: string } = {}): AsyncIterable<StreamInfo> {
    for (const partition of this.#source.find() ?? NO_PARTITIONS) {
      await partition.ready()
      for (let slot = 0; slot < partition.index.streams.count; slot++) {
        if (slot % STREAMS_PER_TURN === STREAMS_PER_TURN - 1) await this.#source.timers.yield()
        const stream = partition.index.streams.nameOf(slot)
        if (!stream.startsWith(prefix)) continue
        const { headVersion, firstVersion, life } = partition.headOf(stream)
        if (headVersion < 0 && life === 'live') continue
        yield { stream, headVersion, firstVersion, life }
      }
    }
  }

  deleteStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome> {
    return this.#notice(stream, expectedVersion, DELETED_TYPE, null)
  }

  tombstoneStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome> {
    return this.#notice(stream, expectedVersion, TOMBSTONED_TYPE, null)
  }

  truncateStream(stream: string, firstVersion: number): Promise<StoreOutcome> {
    const value = Buffer.from(JSON.stringify({ firstVersion }))
    return this.#notice(stream, 'any', TRUNCATED_TYPE, value)
  }

  #notice(
    stream: string,
    expectedVersion: ExpectedVersion,
    type: string,
    value: Buffer | null,
  ): Promise<StoreOutcome> {
    const headers = [[TYPE_HEADER, Buffer.from(type)]] as const
    return this.append([{ stream, expectedVersion, events: [{ value, headers }] }])
  }

  /** @returns undefined when there are several */
  #partitionOf(appends: readonly StreamAppend[], partitionCount: number): number | undefined {
    if (partitionCount === 1) return 0
    const numbers = new Set(
      appends.map(({ stream }) => partitionOfKey(Buffer.from(stream), partitionCount)),
    )
    return numbers.size === 1 ? [...numbers][0] : undefined
  }

  async #readyPartitionOf(stream: string): Promise<StorePartition | undefined> {
    const partitions = this.#source.find()
    if (partitions === undefined) return undefined
    const number =
      partitions.length === 1 ? 0 : partitionOfKey(Buffer.from(stream), partitions.length)
    const partition = partitions[number]!
    await partition.ready()
    return partition
  }
}

const ACROSS =
  'These streams are in different partitions of the store, and one append stays within one: use a store with one partition, or append to each by itself.'
