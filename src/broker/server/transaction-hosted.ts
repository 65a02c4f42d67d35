// One transactional id at work: the pure machine with its records, and the markers that follow a
// decision. Decisions take effect in memory at once, but are answered only when durable. If writing
// fails, everybody who waits looks for the coordinator again, and the id goes back to what its records
// say, as after a restart.
// Invariant: once the record of an end is durable, markers are written until every partition has one,
// across failures and restarts; nothing begins before.

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import { decide } from '../coordinators/transactions/decide.ts'
import { refusal } from '../coordinators/transactions/decisions.ts'
import type {
  AddRequest,
  Decided,
  EndRequest,
  InitRequest,
  ProducerClaim,
  TransactionInput,
  TransactionReply,
  TransactionSettings,
} from '../coordinators/transactions/input.ts'
import { verify } from '../coordinators/transactions/partitions.ts'
import type { TransactionRecord } from '../coordinators/transactions/records.ts'
import {
  isEnding,
  NO_PARTITIONS,
  type Transaction,
  type TransactionPartitions,
} from '../coordinators/transactions/transaction.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { coordinatorCounters } from './coordinator-counters.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { describeError, type JsonLog } from './json-log.ts'

/** Markers that could not be written are tried again so much later. */
const MARKER_RETRY_MS = 1_000

export interface TransactionSurroundings {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly settings: TransactionSettings
  readonly log: JsonLog
  /** Settles in the order of the calls, once the record is durable. @returns NONE, or why not */
  append(record: TransactionRecord): Promise<ErrorCode>
  /** @throws when no new id can be stored */
  takeProducerId(): Promise<number>
  /** Never rejects. @returns the partitions that have no marker yet */
  writeMarkers(
    transaction: Transaction,
    partitions: TransactionPartitions,
  ): Promise<TransactionPartitions>
  /** Nothing is known of the id any more. */
  forget(transactionalId: string): void
  readonly faults?: CoordinatorFaults | undefined
}

type Settle = (reply: TransactionReply) => void

export class HostedTransaction {
  readonly transactionalId: string
  readonly #around: TransactionSurroundings
  #transaction: Transaction | undefined
  #durable: Transaction | undefined
  /** Records under way; answers wait until there are none. */
  #writing = 0
  #held: { readonly settle: Settle; readonly reply: TransactionReply }[] = []
  /** Requests that wait for a producer id. */
  #taking = 0
  /** The first try to write the markers of the last end. */
  #firstTry: Promise<void> = Promise.resolve()
  #retry: Timer | undefined
  #isClosed = false
  /** Writing failed while more was under way: nobody is served until that has settled too. */
  #isBroken = false

  constructor(transactionalId: string, around: TransactionSurroundings) {
    this.transactionalId = transactionalId
    this.#around = around
  }

  /** As decided, which may be ahead of what is durable. */
  get transaction(): Transaction | undefined {
    return this.#transaction
  }

  /** While the log is read: the last record counts. */
  replay({ transaction }: TransactionRecord): void {
    this.#durable = transaction ?? undefined
  }

  /** After the log was read, or writing failed. */
  restore(): void {
    this.#transaction = this.#durable
    if (this.#durable?.state === 'Ongoing') coordinatorCounters.openTransactionsFound++
    else if (this.#durable !== undefined && isEnding(this.#durable)) {
      coordinatorCounters.endsResumed++
      if (this.#around.faults?.endsForgottenAtStart === true) return
    }
    this.#followUp()
    this.#forgetIfNothingIsLeft()
  }

  init(request: Omit<InitRequest, 'kind'>): Promise<TransactionReply> {
    return this.#request({ ...request, kind: 'init' })
  }

  add(request: Omit<AddRequest, 'kind'>): Promise<TransactionReply> {
    return this.#request({ ...request, kind: 'add' })
  }

  /** Answered when readers of committed data see the outcome, unless a partition keeps them waiting. */
  async end(request: Omit<EndRequest, 'kind'>): Promise<TransactionReply> {
    const reply = await this.#request({ ...request, kind: 'end' })
    if (reply.errorCode === ErrorCode.NONE) await this.#firstTry
    return reply
  }

  /** Does a batch of this producer belong to the open transaction? Of what is decided, at once. */
  verify(claim: ProducerClaim & { readonly topic: string; readonly partition: number }): ErrorCode {
    if (this.#isBroken) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    return verify(this.#transaction, this.#asHolder(claim))
  }

  /** Resolves when everything that was decided so far is durable, or given up. */
  async settled(): Promise<void> {
    if (this.#writing === 0) return
    const { promise, resolve } = Promise.withResolvers<TransactionReply>()
    this.#held.push({ settle: resolve, reply: refusal(ErrorCode.NONE) })
    await promise
  }

  checkTimeout(): Promise<TransactionReply> {
    return this.#request({ kind: 'check-timeout' })
  }

  checkExpiry(expirationMs: number): Promise<TransactionReply> {
    return this.#request({ kind: 'check-expiry', expirationMs })
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#failHeld(ErrorCode.NOT_COORDINATOR)
  }

  /** Not `async`: what is decided here is decided before it returns, so that requests keep their order. */
  #request(input: TransactionInput): Promise<TransactionReply> {
    if (this.#isBroken || this.#isClosed) {
      return Promise.resolve(refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE))
    }
    const decision = this.#decide(this.#mistake(input))
    if (decision.kind === 'needs-producer-id') return this.#requestWithId(input)
    return this.#takeEffect(decision)
  }

  async #requestWithId(input: TransactionInput): Promise<TransactionReply> {
    this.#taking += 1
    try {
      const newProducerId = await this.#around.takeProducerId()
      return await this.#request({ ...input, newProducerId } as TransactionInput)
    } catch (error) {
      // The disk may have room again in a while: a code that clients retry.
      this.#around.log.error('producer-ids-not-stored', { error: describeError(error) })
      return refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    } finally {
      this.#taking -= 1
      this.#forgetIfNothingIsLeft()
    }
  }

  #decide(input: TransactionInput) {
    const { settings, host, faults } = this.#around
    let transaction = this.#transaction
    if (faults?.takeoverKeepsOpen === true && input.kind === 'init' && transaction !== undefined) {
      const state = transaction.state === 'Ongoing' ? 'Empty' : transaction.state
      transaction = { ...transaction, state }
    }
    return decide(transaction, input, settings, host.clock.nowMs())
  }

  /** Planted. */
  #mistake(input: TransactionInput): TransactionInput {
    const { faults } = this.#around
    if (faults === undefined) return input
    if (input.kind === 'add') return this.#asHolder(input)
    if (input.kind !== 'end') return input
    const bumpsEpoch = input.bumpsEpoch && faults.endKeepsEpoch !== true
    return this.#asHolder({ ...input, bumpsEpoch })
  }

  /** Planted. */
  #asHolder<Claim extends ProducerClaim>(claim: Claim): Claim {
    if (this.#around.faults?.producerEpochsIgnored !== true) return claim
    const { producerId, producerEpoch } = this.#transaction ?? claim
    return { ...claim, producerId, producerEpoch }
  }

  #takeEffect({ transaction, reply, record }: Decided): Promise<TransactionReply> {
    this.#transaction = transaction
    if (record !== 'none') void this.#write(transaction)
    const { promise, resolve } = Promise.withResolvers<TransactionReply>()
    this.#held.push({ settle: resolve, reply })
    this.#sendHeldReplies()
    this.#forgetIfNothingIsLeft()
    return promise
  }

  async #write(transaction: Transaction | undefined): Promise<void> {
    this.#writing += 1
    const { transactionalId } = this
    const record = { transactionalId, transaction: transaction ?? null }
    const errorCode = await this.#around.append(record)
    this.#writing -= 1
    if (errorCode === ErrorCode.NONE) {
      this.#durable = transaction
      if (!this.#isBroken && transaction === this.#transaction) this.#followUp()
    } else {
      this.#isBroken = true
      this.#failHeld(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    }
    if (this.#isBroken && this.#writing === 0 && !this.#isClosed) {
      this.#isBroken = false
      coordinatorCounters.transactionsUndone++
      this.#transaction = this.#durable
      this.#retryLater(this.#durable?.partitions ?? NO_PARTITIONS)
    }
    this.#sendHeldReplies()
    this.#forgetIfNothingIsLeft()
  }

  /** A decision to end is durable: its markers are due. */
  #followUp(): void {
    const transaction = this.#transaction
    if (transaction === undefined || !isEnding(transaction) || this.#isClosed) return
    this.#firstTry = this.#writeMarkers(transaction, transaction.partitions)
  }

  async #writeMarkers(transaction: Transaction, partitions: TransactionPartitions): Promise<void> {
    const left = await this.#around.writeMarkers(transaction, partitions)
    if (this.#isClosed || this.#transaction !== transaction) return
    if (left.size > 0) this.#retryLater(left)
    else void this.#request({ kind: 'markers-written' })
  }

  #retryLater(partitions: TransactionPartitions): void {
    const transaction = this.#transaction
    if (transaction === undefined || !isEnding(transaction) || this.#isClosed) return
    this.#retry?.cancel()
    this.#retry = this.#around.host.timers.after(MARKER_RETRY_MS, () => {
      if (this.#transaction !== transaction) return
      coordinatorCounters.markersRetried++
      void this.#writeMarkers(transaction, partitions)
    })
  }

  #sendHeldReplies(): void {
    if (this.#writing > 0 && this.#around.faults?.endAnsweredEarly !== true) return
    const held = this.#held
    this.#held = []
    for (const { settle, reply } of held) settle(reply)
  }

  #failHeld(errorCode: ErrorCode): void {
    const held = this.#held
    this.#held = []
    for (const { settle } of held) settle(refusal(errorCode))
  }

  #forgetIfNothingIsLeft(): void {
    if (this.#transaction !== undefined || this.#durable !== undefined) return
    if (this.#writing > 0 || this.#taking > 0) return
    this.#around.forget(this.transactionalId)
  }
}
