// One transaction while it is open: what is sent and committed through it. The first failure is kept,
// because a transaction that lost a part of itself must not be committed.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { LocalTransaction } from '../../broker/local/local-producing.ts'
import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import { FencedMemberError } from '../../sdk/transport/errors.ts'
import type { GroupMember, OffsetCommit } from '../../sdk/transport/group-member.ts'
import type { SendRequest, SentRecords, Transaction } from '../../sdk/transport/producer.ts'
import { checkMetadata, EmbeddedMember } from './member.ts'
import { persist } from './persist.ts'
import { DELIVERY_TIMEOUT_MS, sendError, stamped } from './producer.ts'
import { isFencedMember, isFencedProducer, isRefusal } from './refusals.ts'

interface Lane {
  /** Resolves when the partition is part of the transaction. */
  readonly added: Promise<LocalRefusal | undefined>
  nextSequence: number
}

export class OpenTransaction implements Transaction {
  readonly producer: LocalTransaction
  readonly #client: LocalClient
  readonly #explain: (refusal: LocalRefusal) => Error
  readonly #lanes = new Map<string, Lane>()
  readonly #underWay = new Set<Promise<unknown>>()
  #failure: { readonly error: unknown } | undefined
  #hasBegun = false
  #isClosed = false

  /** @param explain what the transactional producer makes of a refusal that concerns all of it */
  constructor(
    client: LocalClient,
    producer: LocalTransaction,
    explain: (refusal: LocalRefusal) => Error,
  ) {
    this.#client = client
    this.producer = producer
    this.#explain = explain
  }

  /** Something of it may have reached the broker. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  send(request: SendRequest): Promise<SentRecords> {
    if (this.#isClosed) return Promise.reject(endedError())
    return this.#track(this.#send(request))
  }

  commitOffsets(member: GroupMember, offsets: readonly OffsetCommit[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(endedError())
    return this.#track(this.#commitOffsets(member, offsets))
  }

  /** Resolves when nothing is under way. @throws what failed first */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  close(): void {
    this.#isClosed = true
  }

  async #send({ topic, partition, records }: SendRequest): Promise<SentRecords> {
    const lane = this.#laneOf(topic, partition)
    const refusedLane = await lane.added
    if (refusedLane !== undefined) throw this.#sendError({ topic, partition }, refusedLane)
    const baseSequence = lane.nextSequence
    lane.nextSequence += records.length
    const outcome = await this.#client.producing.append({
      ...{ topic, partition, producer: this.producer, baseSequence },
      records: stamped(records, this.#client),
      timeoutMs: DELIVERY_TIMEOUT_MS,
    })
    if (isRefusal(outcome)) throw this.#sendError({ topic, partition }, outcome)
    return { baseOffset: outcome.baseOffset, leaderEpoch: outcome.leaderEpoch }
  }

  async #commitOffsets(member: GroupMember, offsets: readonly OffsetCommit[]): Promise<void> {
    if (!(member instanceof EmbeddedMember)) {
      throw new TypeError('The member is of another engine: only its own can be committed for.')
    }
    checkMetadata(member.group, offsets)
    this.#hasBegun = true
    const refusal = await persist<undefined>(this.#client.world, async () => {
      // Anew each time: the member may have moved on to its next epoch.
      const { claim, places } = member.claimFor(offsets)
      return await this.#client.producing.stageOffsets(this.producer, claim, places)
    })
    if (refusal === undefined) return
    const error = this.#explain(refusal)
    throw isFencedMember(refusal) ? new FencedMemberError(member.group, error) : error
  }

  #laneOf(topic: string, partition: number): Lane {
    const key = `${topic} ${partition}`
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    this.#hasBegun = true
    const added = persist<undefined>(this.#client.world, () =>
      this.#client.producing.addPartition(this.producer, { topic, partition }),
    )
    const lane = { added, nextSequence: 0 }
    this.#lanes.set(key, lane)
    return lane
  }

  #sendError(place: { topic: string; partition: number }, refusal: LocalRefusal): Error {
    return isFencedProducer(refusal) ? this.#explain(refusal) : sendError(place, refusal)
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    work
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#underWay.delete(work))
    return work
  }
}

function endedError(): Error {
  return new Error('This transaction has ended: what belongs to it must be awaited inside it.')
}
