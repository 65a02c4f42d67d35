// One producer of transactions, with a connection and a partition of its own. With a source, each
// transaction reads its records there and commits their offset with what it writes: read, process,
// write.
import { buildBatch, type NewRecord } from '../../src/broker/batch/builder.ts'
import { readRecords } from '../../src/broker/batch/records.ts'
import { batchesIn, countCommitted } from './committed.ts'
import { type Bootstrap, LoadConnection } from './connection.ts'
import { fetchedPartitions, fetchRequest } from './requests.ts'
import { TransactionalProducer } from './transactional-producer.ts'

export interface TransactionWork {
  readonly recordsPerTransaction: number
  readonly recordBytes: number
  /** Filled with batches of that many records; absent to write without reading. */
  readonly source?: string | undefined
  /** A partition for each worker, as in all topics here. */
  readonly topic: string
  /** For the proof: empty but for the record of its making. */
  readonly trialTopic: string
}

const TRIAL_TRANSACTIONS = 20
/** Every so many-th of the proof is aborted. */
const TRIAL_ABORTS = 4
const GROUP = 'bench-transactions'

export class TransactionWorker {
  readonly #work: TransactionWork
  readonly #partition: number
  readonly #producer: TransactionalProducer
  readonly #consumer: LoadConnection
  readonly #records: readonly NewRecord[]
  #sourceOffset = 0

  private constructor(
    work: TransactionWork,
    partition: number,
    producer: TransactionalProducer,
    consumer: LoadConnection,
  ) {
    this.#work = work
    this.#partition = partition
    this.#producer = producer
    this.#consumer = consumer
    const record = { key: null, value: Buffer.alloc(work.recordBytes, 97), timestamp: Date.now() }
    this.#records = Array.from({ length: work.recordsPerTransaction }, () => record)
  }

  static async open(
    bootstrap: Bootstrap,
    work: TransactionWork,
    partition: number,
  ): Promise<TransactionWorker> {
    const transactionalId = `${work.topic}-${partition}`
    const ids = { transactionalId, groupId: GROUP }
    const producer = await TransactionalProducer.open(bootstrap, ids)
    return new TransactionWorker(work, partition, producer, await LoadConnection.open(bootstrap))
  }

  async transact(topic: string, outcome: 'commit' | 'abort'): Promise<void> {
    const { source } = this.#work
    const records = source === undefined ? this.#records : await this.#read(source)
    const { producerId, producerEpoch } = this.#producer
    const identity = { producerId, producerEpoch, baseSequence: 0, isTransactional: true }
    await this.#producer.produce(topic, this.#partition, buildBatch({ records, ...identity }))
    if (source !== undefined) {
      await this.#producer.commitOffset(GROUP, source, this.#partition, this.#sourceOffset)
    }
    await this.#producer.end(outcome)
  }

  /** @throws when a read_committed consumer does not find exactly what was committed */
  async prove(): Promise<void> {
    const { trialTopic: topic, recordsPerTransaction } = this.#work
    let committed = 1 // the making of the topic wrote one record
    let written = 1
    for (let index = 1; index <= TRIAL_TRANSACTIONS; index++) {
      const outcome = index % TRIAL_ABORTS === 0 ? 'abort' : 'commit'
      await this.transact(topic, outcome)
      written += recordsPerTransaction + 1 // and the marker
      if (outcome === 'commit') committed += recordsPerTransaction
    }
    const place = { topic, partition: this.#partition, endOffset: written }
    const count = await countCommitted(this.#consumer, place)
    if (count !== committed) {
      throw new Error(
        `${topic}-${this.#partition}: ${count} records are committed, not ${committed}`,
      )
    }
  }

  close(): void {
    this.#producer.close()
    this.#consumer.close()
  }

  /** The next records of the source, which begins again behind its end. */
  async #read(source: string): Promise<NewRecord[]> {
    for (;;) {
      const position = { partition: this.#partition, offset: this.#sourceOffset }
      const limits = { maxWaitMs: 0, minBytes: 1, partitionMaxBytes: 1 }
      const request = fetchRequest(source, [position], limits)
      const [fetched] = fetchedPartitions(await this.#consumer.send(request))
      if (fetched!.error !== 0) throw new Error(`fetch was answered with error ${fetched!.error}`)
      const [first] = batchesIn(fetched!.records)
      if (first === undefined) {
        this.#sourceOffset = 0
        continue
      }
      const { header, at } = first
      this.#sourceOffset = header.lastOffset + 1
      // The making of the topic wrote a batch of its own.
      if (header.recordCount !== this.#work.recordsPerTransaction) continue
      return [...readRecords(fetched!.records.subarray(at, at + header.sizeBytes))]
    }
  }
}
