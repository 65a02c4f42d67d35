// The clients of the crash test. Each lives through kills: it reconnects and goes on, the producer by
// sending again, in order and with the same sequence numbers, what was not acknowledged, as the Java
// client does.
import assert from 'node:assert/strict'
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { readBatchSize } from '../../src/broker/batch/header.ts'
import { readRecords } from '../../src/broker/batch/records.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { offsetCommit } from '../../src/broker/protocol/08-offset-commit.ts'
import { offsetFetch } from '../../src/broker/protocol/09-offset-fetch.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { ErrorCode, errorName } from '../../src/broker/wire/error-codes.ts'
import { Connection } from '../../src/cli/client/connection.ts'
import { nodeTimers } from '../../src/host/node-host.ts'
import { nodeNet } from '../../src/host/node-net.ts'
import type { Ledger, StoredRecord } from './ledger.ts'

export const GROUP = 'crash-group'
const RETRY_MS = 10
const MAX_IN_FLIGHT = 5
const MAX_RECORDS_PER_BATCH = 8
/** The last versions that name topics instead of giving their ids. */
const NAMED = { produce: 12, fetch: 12, offsetCommit: 9, offsetFetch: 9 }

/** The disk is gone, and the broker says so: no fault of the broker's where a test takes it away. */
class DiskGone extends Error {}

/** Whoever lives through kills: `run` is called again after each lost connection until the stop. */
abstract class Actor {
  #isStopped = false
  #failure: unknown
  readonly #done: Promise<void>
  protected readonly port: number

  constructor(port: number) {
    this.port = port
    this.#done = this.#live()
  }

  /** Lets it finish what is under way. @throws what it found wrong */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Undefined while all is well. */
  get failure(): unknown {
    return this.#failure
  }

  protected get isStopped(): boolean {
    return this.#isStopped
  }

  /** Works on one connection until stopped. */
  protected abstract run(connection: Connection): Promise<void>

  async #live(): Promise<void> {
    while (!this.#isStopped) {
      let connection: Connection | undefined
      try {
        connection = await openConnection(this.port)
        await this.run(connection)
      } catch (error) {
        if (error instanceof assert.AssertionError) {
          this.#failure = error
          return
        }
        await pause() // the broker was killed: come back
      } finally {
        connection?.close()
      }
    }
  }
}

interface PendingBatch {
  readonly baseSequence: number
  readonly values: readonly string[]
}

/** An idempotent producer that writes to one partition with several requests in flight. */
export class CrashProducer extends Actor {
  readonly #name: string
  readonly #topic: string
  readonly #partition: number
  readonly #ledger: Ledger
  readonly #random: () => number
  readonly #diskMayGo: boolean
  #producer: { id: number; epoch: number } | undefined
  #pending: PendingBatch[] = []
  #nextSequence = 0
  #count = 0
  /** Batches that were sent again after a kill: what de-duplication is for. */
  resent = 0

  constructor(options: {
    name: string
    port: number
    topic: string
    partition: number
    ledger: Ledger
    random: () => number
    /** Whether storage errors are to be expected; a batch that met one is sent again. */
    diskMayGo?: boolean
  }) {
    super(options.port)
    this.#name = options.name
    this.#topic = options.topic
    this.#partition = options.partition
    this.#ledger = options.ledger
    this.#random = options.random
    this.#diskMayGo = options.diskMayGo ?? false
  }

  protected async run(connection: Connection): Promise<void> {
    this.#producer ??= await takeProducerId(connection)
    const underWay: Promise<void>[] = []
    for (const batch of this.#pending) {
      this.resent++
      underWay.push(this.#start(connection, batch))
    }
    while (!this.isStopped || underWay.length > 0) {
      while (!this.isStopped && underWay.length < MAX_IN_FLIGHT) {
        const batch = this.#nextBatch()
        this.#pending.push(batch)
        underWay.push(this.#start(connection, batch))
      }
      await underWay.shift()
    }
  }

  #nextBatch(): PendingBatch {
    const size = 1 + Math.floor(this.#random() * MAX_RECORDS_PER_BATCH)
    const values = Array.from({ length: size }, () => `${this.#name}:${this.#count++}`)
    for (const value of values) this.#ledger.sent(value)
    const batch = { baseSequence: this.#nextSequence, values }
    this.#nextSequence += size
    return batch
  }

  #start(connection: Connection, batch: PendingBatch): Promise<void> {
    const sent = this.#send(connection, batch)
    sent.catch(() => undefined) // a kill fails all that are under way; `run` hears it from the first
    return sent
  }

  async #send(connection: Connection, batch: PendingBatch): Promise<void> {
    const records = buildBatch({
      records: batch.values.map((value) => ({
        key: null,
        value: Buffer.from(value),
        timestamp: Date.now(),
        headers: [],
      })),
      producerId: this.#producer!.id,
      producerEpoch: this.#producer!.epoch,
      baseSequence: batch.baseSequence,
    })
    const answer = await connection.request(
      produce,
      {
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: this.#topic,
            topicId: '',
            partitionData: [{ index: this.#partition, records }],
          },
        ],
      },
      { maxVersion: NAMED.produce },
    )
    const result = answer.responses[0]!.partitionResponses[0]!
    const meaning = `${this.#name}: sequence ${batch.baseSequence}: ${errorName(result.errorCode)}`
    if (this.#diskMayGo) throwIfDiskGone(result.errorCode)
    assert.equal(result.errorCode, ErrorCode.NONE, meaning)
    this.#pending = this.#pending.filter((pending) => pending !== batch)
    batch.values.forEach((value, index) => {
      this.#ledger.acknowledged(this.#partition, result.baseOffset + index, value)
    })
  }
}

/** Follows one partition over all kills, never goes back, and commits how far it got. */
export class CrashConsumer extends Actor {
  readonly #topic: string
  readonly #partition: number
  readonly #ledger: Ledger
  readonly #diskMayGo: boolean
  /** Everything that was ever shown: none of it may be gone later. */
  readonly shown: StoredRecord[] = []
  commits = 0

  constructor(options: {
    port: number
    topic: string
    partition: number
    ledger: Ledger
    diskMayGo?: boolean
  }) {
    super(options.port)
    this.#topic = options.topic
    this.#partition = options.partition
    this.#ledger = options.ledger
    this.#diskMayGo = options.diskMayGo ?? false
  }

  protected async run(connection: Connection): Promise<void> {
    await this.#checkCommitted(connection)
    while (!this.isStopped) {
      const position = this.shown.length
      const records = await fetchRecords(connection, this.#topic, this.#partition, position, {
        diskMayGo: this.#diskMayGo,
      })
      for (const record of records) if (record.offset >= position) this.shown.push(record)
      if (records.length > 0) await this.#commit(connection)
    }
  }

  async #commit(connection: Connection): Promise<void> {
    const offset = this.shown.length
    const answer = await connection.request(
      offsetCommit,
      {
        groupId: `${GROUP}-${this.#partition}`,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          {
            name: this.#topic,
            topicId: '',
            partitions: [
              { partitionIndex: this.#partition, committedOffset: offset, committedMetadata: null },
            ],
          },
        ],
      },
      { maxVersion: NAMED.offsetCommit },
    )
    const { errorCode } = answer.topics[0]!.partitions[0]!
    if (errorCode !== ErrorCode.NONE) return // the coordinator may still be loading
    this.commits++
    this.#ledger.commitAcknowledged(this.#partition, offset)
  }

  async #checkCommitted(connection: Connection): Promise<void> {
    const acknowledged = this.#ledger.committed.get(this.#partition)
    if (acknowledged === undefined) return
    const stored = await committedOffset(connection, this.#topic, this.#partition)
    const message = `commit lost: ${acknowledged} was acknowledged, ${stored} is stored`
    assert.ok(stored >= acknowledged, message)
  }
}

/** Reads a partition from its beginning to its high watermark. */
export async function readPartition(
  port: number,
  topic: string,
  partition: number,
): Promise<StoredRecord[]> {
  const connection = await openConnection(port)
  const all: StoredRecord[] = []
  for (;;) {
    const records = await fetchRecords(connection, topic, partition, all.length, { maxWaitMs: 0 })
    if (records.length === 0) break
    for (const record of records) if (record.offset >= all.length) all.push(record)
  }
  connection.close()
  return all
}

export function openConnection(port: number): Promise<Connection> {
  return Connection.open({
    address: { host: '127.0.0.1', port },
    clientId: 'crash',
    net: nodeNet,
    timers: nodeTimers,
    requestTimeoutMs: 30_000,
  })
}

async function takeProducerId(connection: Connection): Promise<{ id: number; epoch: number }> {
  for (;;) {
    const answer = await connection.request(initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    })
    if (answer.errorCode === ErrorCode.NONE) {
      return { id: answer.producerId, epoch: answer.producerEpoch }
    }
    await pause()
  }
}

async function committedOffset(
  connection: Connection,
  topic: string,
  partition: number,
): Promise<number> {
  for (;;) {
    const answer = await connection.request(
      offsetFetch,
      {
        groupId: '',
        topics: null,
        groups: [
          {
            groupId: `${GROUP}-${partition}`,
            memberId: null,
            memberEpoch: -1,
            topics: [{ name: topic, topicId: '', partitionIndexes: [partition] }],
          },
        ],
        requireStable: false,
      },
      { maxVersion: NAMED.offsetFetch },
    )
    const group = answer.groups[0]!
    if (group.errorCode === ErrorCode.NONE) return group.topics[0]!.partitions[0]!.committedOffset
    const meaning = errorName(group.errorCode)
    assert.equal(group.errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, meaning)
    await pause()
  }
}

async function fetchRecords(
  connection: Connection,
  topic: string,
  partition: number,
  fetchOffset: number,
  { maxWaitMs = 100, diskMayGo = false } = {},
): Promise<StoredRecord[]> {
  const answer = await connection.request(
    fetch,
    {
      maxWaitMs,
      minBytes: 1,
      maxBytes: 4 * 1024 * 1024,
      isolationLevel: 1,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic,
          topicId: '',
          partitions: [{ partition, fetchOffset, partitionMaxBytes: 1024 * 1024 }],
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
    },
    { maxVersion: NAMED.fetch },
  )
  const result = answer.responses[0]!.partitions[0]!
  if (diskMayGo) throwIfDiskGone(result.errorCode)
  // An offset that was shown as readable may never be out of range later.
  assert.equal(result.errorCode, ErrorCode.NONE, `fetch at ${fetchOffset}`)
  const records: StoredRecord[] = []
  const bytes = result.records ?? Buffer.alloc(0)
  for (let at = 0; at < bytes.length; at += readBatchSize(bytes, at)) {
    for (const record of readRecords(bytes.subarray(at, at + readBatchSize(bytes, at)))) {
      const value = record.value?.toString() ?? ''
      records.push({ partition, offset: record.offset, value })
    }
  }
  return records
}

function throwIfDiskGone(errorCode: number): void {
  if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) throw new DiskGone()
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RETRY_MS))
}
