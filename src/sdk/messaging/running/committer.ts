// Progress becomes durable: offsets with what is known above them, and what handlers published, in one
// transaction where the engine has them (KIP-98, KIP-447). One commit at a time, for all partitions.
//
// The transactional id follows the lowest partition that the member holds: nobody else can hold it at
// the same time, and whoever holds it next fences what this process may have left open. What keeps a
// member that was put out from committing is the group's generation inside the transaction, not the id.

import type { Administration } from '../../transport/administration.ts'
import {
  FencedMemberError,
  OutcomeUnknownError,
  ProducerFencedError,
} from '../../transport/errors.ts'
import type { GroupMember, OffsetCommit, TopicPartition } from '../../transport/group-member.ts'
import type {
  Producer,
  SendRequest,
  Transaction,
  TransactionalProducer,
} from '../../transport/producer.ts'
import type { Transport } from '../../transport/transport.ts'
import type { Destinations } from '../publishing/destinations.ts'
import { isRefused } from '../publishing/refused.ts'
import { type Output, type PartitionRun, partitionId, type Snapshot } from './partition-run.ts'

interface CommitterOptions {
  readonly service: string
  readonly group: string
  readonly transport: Transport
  readonly destinations: Destinations
  /** What the member holds now. */
  held(): readonly TopicPartition[]
}

/** What goes out in one transaction, or in this order. */
export interface Together {
  readonly outputs: readonly Output[]
  readonly alongside: readonly SendRequest[]
}

interface Transactional {
  readonly id: string
  readonly producer: TransactionalProducer
}

export class Committer {
  readonly #options: CommitterOptions
  readonly #administration: Administration
  #last: Promise<unknown> = Promise.resolve()
  #transactional: Transactional | undefined
  #producer: Producer | undefined
  /** Asked for, and no answer came: nothing else may be committed before it is known. */
  #inDoubt: { readonly id: string; readonly snapshots: readonly Snapshot[] } | undefined

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#administration = options.transport.administration
  }

  /**
   * @param commit.runs those that are gone when their turn comes are left out
   * @param commit.isOpen false: they are given up in good order
   * @throws what the engine says; everything that was to be sent is kept for the next time
   */
  commit(
    member: GroupMember,
    commit: { readonly runs: readonly PartitionRun[]; readonly isOpen: boolean },
  ): Promise<void> {
    return this.#inTurn(() => this.#commit(member, commit))
  }

  /**
   * What a redriven event left behind, and the lot's note of it. The progress that is committed already
   * goes along once more: by that the engine refuses a member that has lost the partition meanwhile.
   */
  sendTogether(member: GroupMember, run: PartitionRun, records: Together): Promise<void> {
    return this.#inTurn(async () => {
      const gathered = await this.#options.destinations.gather(records.outputs)
      const requests = [...gathered, ...records.alongside]
      if (requests.length === 0) return
      if (!this.#isAtomic) return this.#sendInOrder(requests)
      await this.#settleDoubt()
      try {
        await this.#transact(async (transaction) => {
          await sendAll(transaction, requests)
          if (run.state === 'closed') throw new FencedMemberError(this.#options.group)
          if (run.lastCommit !== undefined)
            await transaction.commitOffsets(member, [run.lastCommit])
        })
      } catch (error) {
        // Taking the id again ends what it left open: whoever reads the lot then knows.
        if (error instanceof OutcomeUnknownError) await this.#prepare()
        throw error
      }
    })
  }

  /** What is under way comes to its end. */
  async close(): Promise<void> {
    await this.#last
    await this.#transactional?.producer.close()
    await this.#producer?.close()
  }

  get #isAtomic(): boolean {
    return this.#options.transport.capabilities.atomicOutput
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  async #commit(
    member: GroupMember,
    { runs, isOpen }: { runs: readonly PartitionRun[]; isOpen: boolean },
  ): Promise<void> {
    await this.#settleDoubt()
    const snapshots = runs
      .filter(({ state }) => state !== 'closed')
      .map((run) => run.snapshot(isOpen))
    if (snapshots.length === 0) return
    const outputs = snapshots.flatMap((snapshot) => snapshot.outputs.flatMap((one) => one.outputs))
    const offsets = snapshots.map(({ commit }) => commit)
    if (outputs.length === 0) await member.commit(offsets)
    else {
      try {
        await this.#send(member, snapshots, await this.#options.destinations.gather(outputs))
      } catch (error) {
        if (isRefused(error)) await this.#giveUpRefused(snapshots)
        throw error
      }
    }
    for (const snapshot of snapshots) snapshot.run.committed(snapshot)
  }

  async #send(
    member: GroupMember,
    snapshots: readonly Snapshot[],
    requests: readonly SendRequest[],
  ): Promise<void> {
    if (this.#isAtomic) return this.#commitTogether(member, snapshots, requests)
    await this.#sendInOrder(requests)
    for (const { run, outputs } of snapshots) run.dropOutputs(outputs)
    this.#checkHeld(snapshots)
    await member.commit(snapshots.map(({ commit }) => commit))
  }

  /** Finds out whose outputs the engine refuses, one by one, and gives those events up. */
  async #giveUpRefused(snapshots: readonly Snapshot[]): Promise<void> {
    for (const { run, outputs } of snapshots) {
      for (const finished of outputs) {
        try {
          await this.#probe(finished.outputs)
          if (!this.#isAtomic) run.dropOutputs([finished])
        } catch (error) {
          if (!isRefused(error)) throw error
          await finished.giveUp(error)
          run.dropOutputs([finished])
        }
      }
    }
  }

  /** In a transaction that is taken back; without transactions they are sent for good. */
  async #probe(outputs: readonly Output[]): Promise<void> {
    const requests = await this.#options.destinations.gather(outputs)
    if (!this.#isAtomic) return this.#sendInOrder(requests)
    const takenBack = new Error('taken back')
    try {
      await this.#transact(async (transaction) => {
        await sendAll(transaction, requests)
        throw takenBack
      })
    } catch (error) {
      if (error !== takenBack) throw error
    }
  }

  async #commitTogether(
    member: GroupMember,
    snapshots: readonly Snapshot[],
    requests: readonly SendRequest[],
  ): Promise<void> {
    const { id } = await this.#prepare()
    try {
      await this.#transact(async (transaction) => {
        await sendAll(transaction, requests)
        this.#checkHeld(snapshots)
        await transaction.commitOffsets(
          member,
          snapshots.map(({ commit }) => commit),
        )
      })
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#inDoubt = { id, snapshots }
      throw error
    }
  }

  // The member may hold a partition for the second time by now, and the engine sees only that it does.
  #checkHeld(snapshots: readonly Snapshot[]): void {
    if (snapshots.every(({ run }) => run.state !== 'closed')) return
    throw new FencedMemberError(this.#options.group)
  }

  async #transact(work: (transaction: Transaction) => Promise<void>): Promise<void> {
    const { producer } = await this.#prepare()
    try {
      await producer.transaction(work)
    } catch (error) {
      const isOver = error instanceof ProducerFencedError || error instanceof OutcomeUnknownError
      if (isOver) await this.#discard()
      throw error
    }
  }

  async #prepare(): Promise<Transactional> {
    const { service, group, transport, held } = this.#options
    const [lowest] = held().map(partitionId).sort()
    const current = this.#transactional
    const id = lowest === undefined ? current?.id : `${service}.${group}.${lowest}`
    if (id === undefined) throw new FencedMemberError(group)
    if (current?.id === id) return current
    await this.#discard()
    this.#transactional = { id, producer: await transport.transactionalProducer(id) }
    return this.#transactional
  }

  /** Taking the id again ends what it left open, so that what is committed then stays so. */
  async #settleDoubt(): Promise<void> {
    if (this.#inDoubt === undefined) return
    const { id, snapshots } = this.#inDoubt
    await this.#discard()
    const producer = await this.#options.transport.transactionalProducer(id)
    this.#transactional = { id, producer }
    const places = snapshots.map(({ commit }) => commit)
    const committed = await this.#administration.committed(this.#options.group, places)
    for (const snapshot of snapshots) {
      if (committed.some((one) => isSame(one, snapshot.commit))) snapshot.run.committed(snapshot)
    }
    this.#inDoubt = undefined
  }

  async #sendInOrder(requests: readonly SendRequest[]): Promise<void> {
    this.#producer ??= await this.#options.transport.producer()
    for (const request of requests) await this.#producer.send(request)
  }

  async #discard(): Promise<void> {
    const producer = this.#transactional?.producer
    this.#transactional = undefined
    // Of no more use, and of no interest how it ends: the next one of its id settles what is open.
    await producer?.close().catch(() => undefined)
  }
}

/** Waits for all of them, so that nothing is under way when the transaction ends. */
async function sendAll(transaction: Transaction, requests: readonly SendRequest[]): Promise<void> {
  const sends = await Promise.allSettled(requests.map((request) => transaction.send(request)))
  for (const send of sends) if (send.status === 'rejected') throw send.reason
}

function isSame(one: OffsetCommit, other: OffsetCommit): boolean {
  return (
    partitionId(one) === partitionId(other) &&
    one.offset === other.offset &&
    one.metadata === other.metadata
  )
}
