// The transaction coordinator of this node: finds the transactional id that a request is about, and
// does what no request asks for (timeouts, expiry). Free of sockets, like the groups' coordinator.
// Invariant: nothing is answered that is not durable; while a partition loads its ids wait (14).

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { BrokerConfig } from '../catalog/broker-config-keys.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { OFFSETS_TOPIC, transactionsTopicRequest } from '../catalog/internal-topics.ts'
import { refusal } from '../coordinators/transactions/decisions.ts'
import type {
  EndRequest,
  InitRequest,
  ProducerClaim,
  TransactionReply,
} from '../coordinators/transactions/input.ts'
import type {
  Transaction,
  TransactionPartitions,
} from '../coordinators/transactions/transaction.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { CoordinatorTopic } from './coordinator-topic.ts'
import { describeError, type JsonLog } from './json-log.ts'
import type { HostedTransaction } from './transaction-hosted.ts'
import { type Marker, type MarkerNeeds, writeMarker } from './transaction-markers.ts'
import { TransactionPartition } from './transaction-partition.ts'

/** Between two turns of a walk over all transactional ids others have theirs. */
const IDS_PER_TURN = 500

export interface TransactionNeeds {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly config: BrokerConfig
  readonly catalog: Pick<Catalog, 'topic' | 'createTopics'>
  readonly partitions: { get(topic: string, partition: number): PartitionLog | undefined }
  readonly groups: MarkerNeeds['groups'] & {
    partitionOf(groupId: string): Promise<number | { readonly errorCode: ErrorCode }>
  }
  readonly producerIds: { take(): Promise<number> }
  readonly log: JsonLog
  readonly faults?: CoordinatorFaults | undefined
}

export interface AddCall extends ProducerClaim {
  readonly transactionalId: string
  readonly partitions: TransactionPartitions
  readonly clientVersion: number
}

export interface VerifyCall extends ProducerClaim {
  readonly transactionalId: string
  readonly topic: string
  readonly partition: number
}

export type EndCall = Omit<EndRequest, 'kind' | 'newProducerId'> & {
  readonly transactionalId: string
}

export class TransactionRuntime {
  readonly #needs: TransactionNeeds
  readonly #topic: CoordinatorTopic<TransactionPartition>
  readonly #markers: MarkerNeeds
  readonly #timers = new Set<Timer>()

  constructor(needs: TransactionNeeds) {
    this.#needs = needs
    const { host, partitions, groups, log, config, faults } = needs
    this.#markers = { clock: host.clock, partitions, groups, log, faults }
    this.#topic = this.#openTopic()
    this.#topic.start()
    this.#repeat(config.transactionAbortTimedOutTransactionCleanupIntervalMs, () =>
      this.abortTimedOut(),
    )
    this.#repeat(config.transactionRemoveExpiredTransactionCleanupIntervalMs, () => this.expire())
  }

  /** Each transaction of v2 has an epoch of its own. */
  get hasEpochPerTransaction(): boolean {
    return this.#needs.faults?.endKeepsEpoch !== true
  }

  /** Resolves when every partition that was there at start has been read, or given up. */
  loaded(): Promise<void> {
    return this.#topic.loaded()
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    await this.#topic.close()
  }

  async init(call: Omit<InitRequest, 'kind' | 'newProducerId'>): Promise<TransactionReply> {
    const { transactionalId } = call
    if (transactionalId === '') return refusal(ErrorCode.INVALID_REQUEST)
    const partition = await this.#topic.findToWrite(transactionalId)
    if (typeof partition === 'number') return refusal(partition)
    const isNew = !partition.transactions.has(transactionalId)
    if (isNew && this.#isFull(transactionalId)) return refusal(ErrorCode.POLICY_VIOLATION)
    return await partition.transaction(transactionalId).init(call)
  }

  /** Not `async`, as `HostedTransaction`: order is decided here. */
  add({ transactionalId, ...request }: AddCall): Promise<TransactionReply> {
    const found = this.#find(transactionalId)
    return typeof found === 'number' ? Promise.resolve(refusal(found)) : found.add(request)
  }

  /** @returns where the group's offsets are kept, once that partition is part of the transaction */
  async addOffsets(
    call: Omit<AddCall, 'partitions'> & { readonly groupId: string },
  ): Promise<{ readonly errorCode: ErrorCode; readonly partition: number }> {
    const { groupId, ...rest } = call
    const partition = await this.#needs.groups.partitionOf(groupId)
    if (typeof partition !== 'number') return { ...partition, partition: -1 }
    const partitions = new Map([[OFFSETS_TOPIC, new Set([partition])]])
    const { errorCode } = await this.add({ ...rest, partitions })
    return { errorCode, partition }
  }

  async end({ transactionalId, ...request }: EndCall): Promise<TransactionReply> {
    const found = this.#find(transactionalId)
    return typeof found === 'number' ? refusal(found) : await found.end(request)
  }

  /** At once, of what is decided: for whoever is about to append. */
  verify({ transactionalId, ...claim }: VerifyCall): ErrorCode {
    const found = this.#find(transactionalId)
    return typeof found === 'number' ? found : found.verify(claim)
  }

  /** Resolves when what was decided of this id so far is durable. */
  async settled(transactionalId: string): Promise<void> {
    const found = this.#find(transactionalId)
    if (typeof found !== 'number') await found.settled()
  }

  /** On an operator's word, past the coordinator. @returns NONE once it is durable, and counts */
  async writeMarker(
    place: { readonly topic: string; readonly partition: number },
    marker: Marker,
  ): Promise<ErrorCode> {
    return await writeMarker(place, marker, this.#markers)
  }

  describe(transactionalId: string): Transaction | ErrorCode {
    const found = this.#find(transactionalId)
    if (found === ErrorCode.INVALID_PRODUCER_ID_MAPPING) return ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
    if (typeof found === 'number') return found
    return found.transaction ?? ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
  }

  /** @returns 14 while a partition loads */
  list(): readonly Transaction[] | ErrorCode {
    const listed: Transaction[] = []
    for (const { errorCode, transactions } of this.#topic.partitions) {
      if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return errorCode
      for (const { transaction } of transactions.values()) {
        if (transaction !== undefined) listed.push(transaction)
      }
    }
    return listed
  }

  /** Aborts what has outlived its timeout, as it is done by the clock. */
  async abortTimedOut(): Promise<void> {
    if (this.#needs.faults?.timeoutsIgnored === true) return
    await this.#forEach((transaction) => transaction.checkTimeout())
  }

  /** Forgets ids that were silent for long, as it is done by the clock. */
  async expire(): Promise<void> {
    const { transactionalIdExpirationMs } = this.#needs.config
    await this.#forEach((transaction) => transaction.checkExpiry(transactionalIdExpirationMs))
  }

  #find(transactionalId: string): HostedTransaction | ErrorCode {
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST
    const partition = this.#topic.find(transactionalId)
    if (typeof partition === 'number') return partition
    const found = partition?.transactions.get(transactionalId)
    return found ?? ErrorCode.INVALID_PRODUCER_ID_MAPPING
  }

  #isFull(transactionalId: string): boolean {
    const { millraceMaxTransactionalIds: limit } = this.#needs.config
    if (this.#count() < limit) return false
    const fields = { transactionalId, 'millrace.max.transactional.ids': limit }
    this.#needs.log.warn('transactional-id-refused', fields)
    return true
  }

  #count(): number {
    return this.#topic.partitions.reduce((sum, { transactions }) => sum + transactions.size, 0)
  }

  async #forEach(visit: (transaction: HostedTransaction) => Promise<unknown>): Promise<void> {
    const { log, host } = this.#needs
    const all = this.#topic.partitions.flatMap(({ transactions }) => [...transactions.values()])
    for (let at = 0; at < all.length && !this.#topic.isClosed; at += IDS_PER_TURN) {
      const turn = all.slice(at, at + IDS_PER_TURN)
      await Promise.all(turn.map(visit)).catch((error: unknown) =>
        log.error('bug', { where: 'transactions', error: describeError(error) }),
      )
      await host.timers.yield()
    }
  }

  #repeat(everyMs: number, task: () => Promise<void>): void {
    const timer = this.#needs.host.timers.after(everyMs, () => {
      this.#timers.delete(timer)
      void task().then(() => {
        if (!this.#topic.isClosed) this.#repeat(everyMs, task)
      })
    })
    this.#timers.add(timer)
  }

  #openTopic(): CoordinatorTopic<TransactionPartition> {
    const { host, config, catalog, partitions, producerIds, log, faults } = this.#needs
    const settings = { maxTimeoutMs: config.transactionMaxTimeoutMs }
    const takeProducerId = () => producerIds.take()
    const markers = this.#markers
    return new CoordinatorTopic({
      clock: host.clock,
      catalog,
      partitions,
      log,
      request: transactionsTopicRequest(config),
      open: (partition) =>
        new TransactionPartition(partition, {
          ...{ host, settings, log, takeProducerId, markers, faults },
        }),
      onLoaded: async (ms) => log.info('transactions-loaded', { transactions: this.#count(), ms }),
    })
  }
}
