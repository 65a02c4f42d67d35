// The event store of one topic, as code in this process uses it: finds the partition of a stream and has
// the append decided at its turn, by the same gate as what Kafka clients produce.

import type { Clock, Timers } from '../../host/clock.ts'
import { partitionOfKey } from '../batch/murmur2.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { answerTogether, partsOf } from './append-across.ts'
import { explainInvalid } from './check-append.ts'
import type {
  EventStore,
  ReadAllOptions,
  ReadStreamOptions,
  SnapshotOutcome,
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
import { MAX_SNAPSHOT_BYTES, type SnapshotFile } from './snapshot-file.ts'
import { refused, StoreAppend } from './store-append.ts'
import { DELETED_TYPE, TOMBSTONED_TYPE, TRUNCATED_TYPE, TYPE_HEADER } from './store-names.ts'
import type { StorePartition } from './store-partition.ts'
import {
  type StoreTransaction,
  type StoreTransactions,
  transactionFailed,
} from './store-transactions.ts'
import { StreamTurns } from './stream-turns.ts'
import { TransactionPart } from './transaction-part.ts'

export interface StoreSource {
  readonly topic: string
  readonly clock: Clock
  readonly timers: Timers
  /** For appends over several partitions. */
  readonly transactions: StoreTransactions
  readonly snapshots: SnapshotFile
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
  readonly #turns = new StreamTurns()
  #hasSettled = false
  /** @returns undefined when the stream is held by somebody of whom nothing is known here */
  readonly #whenFree = (stream: string): Promise<void> | undefined => {
    const turn = this.#turns.ofStream(stream)
    if (turn !== undefined || this.#hasSettled) return turn
    this.#hasSettled = true
    return this.#source.transactions.settled()
  }

  constructor(source: StoreSource) {
    this.topic = source.topic
    this.#source = source
  }

  append(appends: readonly StreamAppend[]): Promise<StoreOutcome> {
    try {
      const wrong = explainInvalid(appends)
      if (wrong !== undefined) return Promise.resolve(refused({ kind: 'invalid' }, wrong))
      const partitions = this.#source.find()
      if (partitions !== undefined) return this.#appendTo(partitions, appends)
      return this.#source.make().then((made) => this.#appendTo(made, appends))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Makes no promise of its own: all that an append waits for is its outcome, nearly always. */
  #appendTo(
    partitions: readonly StorePartition[],
    appends: readonly StreamAppend[],
  ): Promise<StoreOutcome> {
    const number = this.#partitionOf(appends, partitions.length)
    if (number === undefined) return this.#appendAcross(appends, partitions)
    const partition = partitions[number]!
    if (!partition.isReady) return partition.ready().then(() => this.#appendTo(partitions, appends))
    if (partition.failure !== undefined) return Promise.resolve(refusedUnlearnt(partition))
    const place = { topic: this.topic, partition: number, whenFree: this.#whenFree }
    return partition.append(new StoreAppend(place, appends))
  }

  /** One transaction: the streams are its own from their checks to its end, written or not. */
  async #appendAcross(
    appends: readonly StreamAppend[],
    partitions: readonly StorePartition[],
  ): Promise<StoreOutcome> {
    const { topic } = this
    const parts = partsOf(appends, partitions.length)
    const involved = parts.map(({ partition }) => partitions[partition]!)
    await Promise.all(involved.map((partition) => partition.ready()))
    const unlearnt = involved.find(({ failure }) => failure !== undefined)
    if (unlearnt !== undefined) return refusedUnlearnt(unlearnt)
    const endTurn = await this.#turns.take(appends.map(({ stream }) => stream))
    try {
      const numbers = parts.map(({ partition }) => partition)
      const transaction = await this.#source.transactions.begin(topic, numbers)
      if (typeof transaction === 'number') return refusedTransaction(transaction)
      const own = parts.map(({ partition, appends: some }, i) => {
        const append = new StoreAppend({ topic, partition }, some)
        return new TransactionPart(involved[i]!, append, transaction)
      })
      const headOf = (stream: string) => {
        const number = partitionOfKey(Buffer.from(stream), partitions.length)
        return partitions[number]!.headOf(stream).headVersion
      }
      return await endTogether(transaction, own, (outcomes) =>
        answerTogether(appends, parts, outcomes, { topic, headOf }),
      )
    } finally {
      endTurn()
    }
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

  async deleteStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome> {
    const outcome = await this.#notice(stream, expectedVersion, DELETED_TYPE, null)
    if (outcome.kind === 'appended') await this.#forgetSnapshots(stream)
    return outcome
  }

  async tombstoneStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome> {
    const outcome = await this.#notice(stream, expectedVersion, TOMBSTONED_TYPE, null)
    if (outcome.kind === 'appended') await this.#forgetSnapshots(stream)
    return outcome
  }

  truncateStream(stream: string, firstVersion: number): Promise<StoreOutcome> {
    const value = Buffer.from(JSON.stringify({ firstVersion }))
    return this.#notice(stream, 'any', TRUNCATED_TYPE, value)
  }

  async loadSnapshot(stream: string, name: string): Promise<Buffer | undefined> {
    const topicId = this.#topicId
    if (topicId === undefined) return undefined
    return await this.#source.snapshots.load({ topicId, stream, name })
  }

  async saveSnapshot(stream: string, name: string, state: Uint8Array): Promise<SnapshotOutcome> {
    if (state.length > MAX_SNAPSHOT_BYTES) {
      const message = `Snapshot ${name} of stream ${stream} has ${state.length} bytes, and ${MAX_SNAPSHOT_BYTES} are allowed.`
      return { kind: 'refused', reason: 'too-large', message }
    }
    const topicId = this.#topicId
    const isSaved = topicId && (await this.#source.snapshots.save({ topicId, stream, name }, state))
    if (isSaved === true) return { kind: 'saved' }
    const message = `Snapshot ${name} of stream ${stream} was not kept: there is no space, or no store ${this.topic}.`
    return { kind: 'refused', reason: 'not-kept', message }
  }

  get #topicId(): string | undefined {
    return this.#source.find()?.[0]?.log.topicId
  }

  async #forgetSnapshots(stream: string): Promise<void> {
    const topicId = this.#topicId
    if (topicId !== undefined) await this.#source.snapshots.forgetStream({ topicId, stream })
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

function refusedUnlearnt({ unlearnt }: StorePartition): StoreOutcome {
  return refused({ kind: 'log', errorCode: ErrorCode.KAFKA_STORAGE_ERROR }, unlearnt)
}

/** Commits when every part says yes and holds what it was judged by; else nothing of it is kept. */
async function endTogether(
  transaction: StoreTransaction,
  parts: readonly TransactionPart[],
  answerOf: (outcomes: readonly StoreOutcome[]) => StoreOutcome,
): Promise<StoreOutcome> {
  let isCommitting = false
  try {
    const answer = answerOf(await Promise.all(parts.map((part) => part.run())))
    if (answer.kind === 'refused' || answer.deduplicated) return answer
    // An index that was learnt anew meanwhile knows nothing of streams that were only checked.
    if (!parts.every((part) => part.isHolding)) {
      return refusedTransaction(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    }
    isCommitting = true
    const errorCode = await transaction.commit()
    return errorCode === ErrorCode.NONE ? answer : refusedTransaction(errorCode)
  } finally {
    if (!isCommitting) await transaction.abort()
  }
}

function refusedTransaction(errorCode: ErrorCode): StoreOutcome {
  return refused({ kind: 'log', errorCode }, transactionFailed(errorCode))
}
