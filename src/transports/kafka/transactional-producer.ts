// The transactional producer: records and a group's progress become visible together or not at all.
// Invariants: one transaction at a time; a commit is asked for only when everything that was sent is
// acknowledged. After an abort, and after an outcome that nobody knows, the producer takes a higher
// epoch before it goes on, so that what is late of the one before is refused.
// Source: KIP-98, KIP-360 (a producer that recovers by its epoch), KIP-447 (offsets with the member).

import { OutcomeUnknownError, ProducerFencedError, SendError } from '../../sdk/transport/errors.ts'
import type { GroupMember, OffsetCommit, TopicPartition } from '../../sdk/transport/group-member.ts'
import type {
  SendRequest,
  SentRecords,
  Transaction,
  TransactionalProducer,
} from '../../sdk/transport/producer.ts'
import { apis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator, noteCode } from './committed-offsets.ts'
import { Code, KafkaError, refusal } from './errors.ts'
import { KafkaGroupMember } from './group-member.ts'
import type { PartitionLane, ProducerIdentity } from './partition-lane.ts'
import type { Compression } from './record-batch.ts'
import { Sender } from './sender.ts'

export interface TransactionalProducerOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly compression: Compression
  readonly deliveryTimeoutMs: number
  onWarning(message: string, cause?: unknown): void
}

const NOBODY: ProducerIdentity = { producerId: -1n, producerEpoch: -1 }
const PURPOSE = 'transactions'
/** Whoever aborts wants to go on: what is not done by then is done before the next transaction. */
const ABORT_PATIENCE_MS = 10_000

interface Open {
  /** Asked for by a batch, not yet added. */
  readonly waiting: Map<string, TopicPartition>
  readonly partitions: Set<string>
  readonly groups: Set<string>
  failure: unknown
  isOver: boolean
}

export class KafkaTransactionalProducer implements TransactionalProducer {
  readonly #cluster: Cluster
  readonly #options: TransactionalProducerOptions
  readonly #sender: Sender
  #identity = NOBODY
  /** Before the next transaction a higher epoch has to be taken. */
  #isStale = true
  #fenced: ProducerFencedError | undefined
  #open: Open | undefined
  #adding: Promise<void> = Promise.resolve()
  #running: Promise<unknown> = Promise.resolve()
  #isClosed = false

  private constructor(cluster: Cluster, options: TransactionalProducerOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#sender = new Sender(cluster, {
      compression: options.compression,
      deliveryTimeoutMs: options.deliveryTimeoutMs,
      transactionalId: options.transactionalId,
      purpose: `produce ${cluster.world.random.uuid()}`,
      identify: () => Promise.resolve(this.#identity),
      prepare: (lane) => this.#addPartition(lane),
    })
  }

  /** Ends what another producer of the id has begun, and fences that one. */
  static async open(
    cluster: Cluster,
    options: TransactionalProducerOptions,
  ): Promise<KafkaTransactionalProducer> {
    const producer = new KafkaTransactionalProducer(cluster, options)
    await producer.#takeEpoch(producer.#deadline())
    return producer
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const running = this.#running.then(async () => {
      this.#cluster.expectOpen()
      if (this.#isClosed) throw new KafkaError(`${this.#name} was closed.`)
      return this.#transaction(newTransaction(), work)
    })
    this.#running = running.catch(() => undefined)
    return running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
    await this.#sender.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #name(): string {
    return `The producer ${this.#options.transactionalId}`
  }

  #deadline(): number {
    return this.#cluster.world.clock.monotonicMs() + this.#options.deliveryTimeoutMs
  }

  async #transaction<T>(open: Open, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    if (this.#fenced !== undefined) throw this.#fenced
    if (this.#isStale) await this.#takeEpoch(this.#deadline())
    this.#open = open
    let result: T
    try {
      result = await work({
        send: (request) => this.#send(open, request),
        commitOffsets: (member, offsets) => this.#commitOffsets(open, member, offsets),
      })
      open.isOver = true
      await this.#sender.settled()
      if (open.failure !== undefined) throw open.failure
    } catch (error) {
      open.isOver = true
      await this.#abort(open, error)
      throw this.#fenced !== undefined && isOfKafka(error) ? this.#fenced : error
    }
    if (hasBegun(open)) await this.#commit(open)
    return result
  }

  async #send(open: Open, request: SendRequest): Promise<SentRecords> {
    this.#expectOpen(open)
    try {
      return await this.#sender.send(request)
    } catch (error) {
      open.failure ??= error
      throw error
    }
  }

  /** What comes after the end belongs to no transaction, and must not slip into the next one. */
  #expectOpen(open: Open): void {
    if (open.isOver) throw new KafkaError(`This transaction of ${this.#name} is over.`)
    if (open.failure !== undefined) throw open.failure
  }

  /** One request at a time: partitions that are asked for meanwhile go together. */
  async #addPartition({ topic, partition }: PartitionLane): Promise<void> {
    const open = this.#open
    const key = `${topic} ${partition}`
    if (open === undefined || open.partitions.has(key)) return
    open.waiting.set(key, { topic, partition })
    const adding = this.#adding.then(() => this.#addWaiting(open))
    this.#adding = adding.catch(() => undefined)
    await adding
  }

  async #addWaiting(open: Open): Promise<void> {
    const places = [...open.waiting]
    if (places.length === 0) return
    const what = 'Adding partitions to a transaction'
    const byTopic = Map.groupBy(places, ([, { topic }]) => topic)
    const topics = [...byTopic].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(([, { partition }]) => partition),
    }))
    await this.#cluster.persist(what, this.#deadline(), async () => {
      const answer = await this.#askCoordinator((nodeId) =>
        this.#cluster.send(apis.addPartitionsToTxn, { nodeId, purpose: PURPOSE }, [
          {
            ...this.#identity,
            transactionalId: this.#options.transactionalId,
            verifyOnly: false,
            topics,
          },
        ]),
      )
      for (const { topicResults } of answer.resultsByTransaction) {
        const codes = topicResults.flatMap(({ resultsByPartition }) =>
          resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
        )
        // Beside one that is refused, the others say only that they were not tried.
        const telling = codes.find((code) => code !== 0 && code !== Code.OPERATION_NOT_ATTEMPTED)
        this.#note(what, telling ?? Math.max(0, ...codes))
      }
    })
    for (const [key] of places) {
      open.waiting.delete(key)
      open.partitions.add(key)
    }
  }

  async #commitOffsets(
    open: Open,
    member: GroupMember,
    offsets: readonly OffsetCommit[],
  ): Promise<void> {
    this.#expectOpen(open)
    if (!(member instanceof KafkaGroupMember)) {
      throw new TypeError('This member is of another engine: its offsets cannot be committed here.')
    }
    if (offsets.length === 0) return
    try {
      await this.#addGroup(open, member.group)
      await this.#commitAs(member, offsets)
    } catch (error) {
      open.failure ??= error
      throw error
    }
  }

  async #addGroup(open: Open, group: string): Promise<void> {
    if (open.groups.has(group)) return
    open.groups.add(group)
    const what = `Adding the offsets of group ${group} to a transaction`
    await this.#cluster.persist(what, this.#deadline(), async () => {
      const { errorCode } = await this.#askCoordinator((nodeId) =>
        this.#cluster.send(
          apis.addOffsetsToTxn,
          { nodeId, purpose: PURPOSE },
          this.#options.transactionalId,
          this.#identity.producerId,
          this.#identity.producerEpoch,
          group,
        ),
      )
      this.#note(what, errorCode)
    })
  }

  async #commitAs(member: KafkaGroupMember, offsets: readonly OffsetCommit[]): Promise<void> {
    const what = `Committing offsets of group ${member.group} in a transaction`
    await member.committing(offsets, what, async (identity, topics) => {
      const answer = await askCoordinator(this.#cluster, 'group', member.group, (nodeId) =>
        this.#cluster.send(
          apis.txnOffsetCommit,
          { nodeId, purpose: PURPOSE },
          this.#options.transactionalId,
          member.group,
          this.#identity.producerId,
          this.#identity.producerEpoch,
          identity.generation,
          identity.memberId,
          null,
          topics,
        ),
      )
      return answer.topics.flatMap(({ partitions }) => partitions.map((each) => each.errorCode))
    })
  }

  async #commit(open: Open): Promise<void> {
    const lost = { answers: 0 }
    try {
      await this.#cluster.persist('Committing a transaction', this.#deadline(), () =>
        this.#end(true, lost),
      )
    } catch (error) {
      this.#isStale = true
      if (lost.answers > 0) {
        throw new OutcomeUnknownError(
          `Whether the transaction of ${this.#name} was committed is not known: ` +
            'read before doing it again.',
          { cause: error },
        )
      }
      await this.#abort(open, error)
      if (this.#fenced !== undefined) throw this.#fenced
      throw new KafkaError(
        `The transaction of ${this.#name} was aborted: ${(error as Error).message}`,
        { retriable: true, cause: error },
      )
    }
  }

  /** @param lost counts the requests that left and were not answered */
  async #end(isCommit: boolean, lost: { answers: number }): Promise<void> {
    const { errorCode } = await this.#askCoordinator(async (nodeId) => {
      const to = { nodeId, purpose: PURPOSE }
      await this.#cluster.connection(to)
      lost.answers += 1
      const answer = await this.#cluster.send(
        apis.endTxn,
        to,
        this.#options.transactionalId,
        this.#identity.producerId,
        this.#identity.producerEpoch,
        isCommit,
      )
      lost.answers -= 1
      return answer
    })
    this.#note('Ending a transaction', errorCode)
  }

  async #abort(open: Open, reason: unknown): Promise<void> {
    this.#sender.failAll(reason)
    await this.#sender.settled()
    this.#isStale = true
    try {
      const deadlineMs = this.#cluster.world.clock.monotonicMs() + ABORT_PATIENCE_MS
      if (hasBegun(open)) await this.#endByAbort(deadlineMs)
      await this.#takeEpoch(deadlineMs)
    } catch (error) {
      if (error === this.#fenced) return
      // The epoch is taken before the next transaction; this one ends by the coordinator's timeout.
      this.#options.onWarning(`A transaction of ${this.#name} could not be aborted yet.`, error)
    }
  }

  async #endByAbort(deadlineMs: number): Promise<void> {
    try {
      await this.#cluster.persist('Aborting a transaction', deadlineMs, () =>
        this.#end(false, { answers: 0 }),
      )
    } catch (error) {
      // Whether it is over already, or somebody else's, is told when the next epoch is asked for.
      if (!(error instanceof KafkaError) || error.apiCode === undefined) throw error
    }
  }

  /** @throws ProducerFencedError */
  async #takeEpoch(deadlineMs: number): Promise<void> {
    const what = `Taking the transactional id ${this.#options.transactionalId}`
    await this.#cluster.persist(what, deadlineMs, async () => {
      const answer = await this.#askCoordinator((nodeId) =>
        this.#cluster.send(
          apis.initProducerId,
          { nodeId, purpose: PURPOSE },
          this.#options.transactionalId,
          this.#options.transactionTimeoutMs,
          this.#identity.producerId,
          this.#identity.producerEpoch,
        ),
      )
      if (
        answer.errorCode === Code.PRODUCER_FENCED ||
        answer.errorCode === Code.INVALID_PRODUCER_EPOCH
      ) {
        this.#fenced = new ProducerFencedError(
          this.#options.transactionalId,
          refusal(what, answer.errorCode),
        )
        throw this.#fenced
      }
      if (answer.errorCode === Code.INVALID_PRODUCER_ID_MAPPING) {
        // The coordinator has forgotten the id after a week without a transaction.
        this.#identity = NOBODY
        throw refusal(what, Code.COORDINATOR_NOT_AVAILABLE)
      }
      this.#note(what, answer.errorCode)
      const { producerId, producerEpoch } = answer
      this.#identity = { producerId, producerEpoch }
    })
    this.#sender.takeIdentity(this.#identity)
    this.#isStale = false
  }

  #askCoordinator<T>(ask: (nodeId: number) => Promise<T>): Promise<T> {
    return askCoordinator(this.#cluster, 'transaction', this.#options.transactionalId, ask)
  }

  #note(what: string, errorCode: number): void {
    noteCode(this.#cluster, 'transaction', this.#options.transactionalId, what, errorCode)
  }
}

function newTransaction(): Open {
  return {
    waiting: new Map(),
    partitions: new Set(),
    groups: new Set(),
    failure: undefined,
    isOver: false,
  }
}

/** The coordinator may know of it: also of what was asked for and not answered. */
function hasBegun({ waiting, partitions, groups }: Open): boolean {
  return waiting.size + partitions.size + groups.size > 0
}

/** What another producer of the id may be behind of. */
function isOfKafka(error: unknown): boolean {
  return error instanceof SendError || error instanceof KafkaError
}
