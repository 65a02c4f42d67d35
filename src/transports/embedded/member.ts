// A member of a group over direct calls, as the application sees it: it is polled, and told what comes
// and goes. Being in the group is `membership.ts`'s.
// Invariant: records of a partition are given in order, from where it was assigned or sought; nothing
// that retention took away is passed over without a word.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { GroupClaim, LocalOffset, LocalPartition } from '../../broker/local/local-groups.ts'
import type { LocalAnswer, LocalRecords } from '../../broker/local/local-reading.ts'
import { FencedMemberError, OffsetMetadataTooLargeError } from '../../sdk/transport/errors.ts'
import type {
  FetchedPartition,
  GroupMember,
  JoinOptions,
  OffsetCommit,
  TopicPartition,
} from '../../sdk/transport/group-member.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { Interrupt } from './interrupt.ts'
import type { Lease } from './lease.ts'
import { type Holder, keyOf, Membership } from './membership.ts'
import { persist } from './persist.ts'
import { isFencedMember } from './refusals.ts'
import { startOffsets } from './start-offsets.ts'

export interface MemberContext {
  readonly lease: Lease
  readonly clientId: string
  onWarning(message: string, cause?: unknown): void
}

const DEFAULT_REBALANCE_TIMEOUT_MS = 60_000
/** Whoever waits looks at everything afresh after so long. */
const LONGEST_WAIT_MS = 30_000
/** A partition that cannot be read just now is left alone for so long. */
const REST_MS = 1_000
/** So that one answer is shared by several partitions. */
const MAX_PARTITION_BYTES = 1024 * 1024
/** offset.metadata.max.bytes, as it is unless somebody changed it. */
const MAX_METADATA_BYTES = 4096
const NO_EPOCH = -1

interface Reading extends LocalPartition {
  nextOffset: number
  isPaused: boolean
  isResting: boolean
}

export class EmbeddedMember implements GroupMember {
  readonly group: string
  readonly #options: JoinOptions
  readonly #context: MemberContext
  readonly #client: LocalClient
  readonly #membership: Membership
  /** In the order of their turns: who has just given records goes to the end. */
  #reading: Reading[] = []
  readonly #waits = new Set<Interrupt>()
  #failure: Error | undefined
  #leaving: Promise<void> | undefined
  #hasLeft = false

  /** @throws BrokerRefusedError when the group does not take it */
  static async join(context: MemberContext, options: JoinOptions): Promise<EmbeddedMember> {
    const member = new EmbeddedMember(context, options)
    await member.#membership.join()
    return member
  }

  private constructor(context: MemberContext, options: JoinOptions) {
    this.group = options.group
    this.#options = options
    this.#context = context
    const { group, topics, rebalanceTimeoutMs = DEFAULT_REBALANCE_TIMEOUT_MS } = options
    this.#client = context.lease.client
    const membership = { group, topics, rebalanceTimeoutMs, clientId: context.clientId }
    this.#membership = new Membership(this.#client, membership, this.#asHolder())
  }

  async poll(request: {
    maxBytes: number
    signal: AbortSignal
  }): Promise<readonly FetchedPartition[]> {
    const { maxBytes, signal } = request
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#hasLeft) throw new FencedMemberError(this.group)
      if (signal.aborted) return []
      const wait = new Interrupt()
      const end = () => wait.close()
      signal.addEventListener('abort', end)
      this.#waits.add(wait)
      try {
        const fetched = this.#take(await this.#fetch(maxBytes, wait))
        if (fetched.length > 0) return fetched
      } finally {
        signal.removeEventListener('abort', end)
        this.#waits.delete(wait)
      }
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const reading of this.#find(partitions)) reading.isPaused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const reading of this.#find(partitions)) reading.isPaused = false
    this.#wake()
  }

  seek(partition: TopicPartition, offset: number): void {
    for (const reading of this.#find([partition])) reading.nextOffset = offset
    this.#wake()
  }

  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    checkMetadata(this.group, offsets)
    const { client } = this.#context.lease
    const refusal = await persist<undefined>(client.world, async () => {
      // Anew each time: the member may have moved on to its next epoch.
      const { claim, places } = this.claimFor(offsets)
      return await client.groups.commit(claim, places)
    })
    if (refusal === undefined) return
    const error = new BrokerRefusedError(`Committing for group ${this.group}`, refusal)
    throw isFencedMember(refusal) ? new FencedMemberError(this.group, error) : error
  }

  /** For a commit, by itself or in a transaction. @throws FencedMemberError */
  claimFor(offsets: readonly OffsetCommit[]): {
    readonly claim: GroupClaim
    readonly places: readonly LocalOffset[]
  } {
    const { claim, held } = this.#membership.claim(offsets)
    const places = offsets.map(({ offset, metadata }, index) => {
      return { ...held[index]!, offset, metadata, leaderEpoch: NO_EPOCH }
    })
    return { claim, places }
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave()
  }

  /** The broker is no more: nothing can be read or committed. */
  fail(error: Error): void {
    this.#membership.fail(error)
  }

  async #leave(): Promise<void> {
    await this.#membership.leave()
    this.#hasLeft = true
    this.#reading = []
    this.#wake()
  }

  #asHolder(): Holder {
    return {
      locate: async (partitions) => {
        const assigned = await startOffsets(this.#client, this.#options, partitions)
        return () => {
          for (const [index, { offset }] of assigned.entries()) {
            const place = { ...partitions[index]!, nextOffset: offset }
            this.#reading.push({ ...place, isPaused: false, isResting: false })
          }
          this.#options.onAssigned(assigned)
          this.#wake()
        }
      },
      revoke: async (partitions) => {
        this.#forget(partitions)
        await this.#options.onRevoked(partitions.map(placeOf))
      },
      lose: (partitions) => {
        this.#forget(partitions)
        this.#options.onLost(partitions.map(placeOf))
      },
      fail: (error) => {
        this.#failure = error
        this.#reading = []
        this.#options.onFailed(error)
        this.#wake()
      },
    }
  }

  async #fetch(maxBytes: number, interrupt: Interrupt): Promise<LocalAnswer[]> {
    const wanted = this.#reading.filter(({ isPaused, isResting }) => !isPaused && !isResting)
    if (wanted.length === 0) {
      await new Promise<void>((resolve) => {
        if (interrupt.isClosed) resolve()
        else interrupt.onClose(resolve)
      })
      return []
    }
    try {
      return await this.#client.reading.fetch({
        partitions: wanted.map(({ topic, topicId, partition, nextOffset: fromOffset }) => {
          return { topic, topicId, partition, fromOffset }
        }),
        maxBytes,
        partitionMaxBytes: Math.min(maxBytes, MAX_PARTITION_BYTES),
        maxWaitMs: LONGEST_WAIT_MS,
        interrupt,
      })
    } catch (error) {
      this.#membership.fail(error instanceof Error ? error : new Error(String(error)))
      return []
    }
  }

  /** What still counts of an answer: partitions may have gone, been paused or sought meanwhile. */
  #take(answers: readonly LocalAnswer[]): FetchedPartition[] {
    const fetched: FetchedPartition[] = []
    for (const answer of answers) {
      const reading = this.#find([answer])[0]
      if (reading === undefined || reading.isPaused) continue
      if (answer.kind === 'refused') this.#handleRefusal(reading, answer)
      else if (answer.fromOffset === reading.nextOffset && isNews(answer)) {
        reading.nextOffset = answer.nextOffset
        this.#reading = [...this.#reading.filter((other) => other !== reading), reading]
        fetched.push(toFetched(answer))
      }
    }
    return fetched
  }

  #handleRefusal(reading: Reading, refusal: LocalAnswer & { kind: 'refused' }): void {
    const { topic, partition, nextOffset } = reading
    const bounds = this.#client.reading.bounds(topic, partition)
    if (refusal.error === 'OFFSET_OUT_OF_RANGE' && bounds !== undefined) {
      const { startOffset, endOffset } = bounds
      if (nextOffset < startOffset) {
        reading.nextOffset = startOffset
        this.#warn(
          `Offsets ${nextOffset} to ${startOffset - 1} of ${topic} partition ${partition} were ` +
            `removed before group ${this.group} has read them: it goes on at ${startOffset}.`,
        )
      } else if (nextOffset > endOffset) {
        const message =
          `Group ${this.group} stands at offset ${nextOffset} of ${topic} partition ${partition}, ` +
          `which ends at ${endOffset}: move it with \`millrace group seek\`.`
        const cause = new BrokerRefusedError(`Reading ${topic} partition ${partition}`, refusal)
        this.#membership.fail(new Error(message, { cause }))
      }
      return
    }
    // A topic that was deleted is taken away with the next heartbeats; a disk that failed may stay so.
    if (!refusal.error.startsWith('UNKNOWN_TOPIC')) {
      this.#warn(new BrokerRefusedError(`Reading ${topic} partition ${partition}`, refusal).message)
    }
    reading.isResting = true
    this.#client.world.timers.after(REST_MS, () => {
      reading.isResting = false
      this.#wake()
    })
  }

  #warn(message: string): void {
    this.#context.onWarning(message)
  }

  #wake(): void {
    for (const wait of [...this.#waits]) wait.close()
  }

  #find(partitions: readonly TopicPartition[]): readonly Reading[] {
    const keys = new Set(partitions.map(keyOf))
    return this.#reading.filter((reading) => keys.has(keyOf(reading)))
  }

  #forget(partitions: readonly TopicPartition[]): void {
    const gone = new Set(this.#find(partitions))
    this.#reading = this.#reading.filter((reading) => !gone.has(reading))
    this.#wake()
  }
}

/** @throws OffsetMetadataTooLargeError */
export function checkMetadata(group: string, offsets: readonly OffsetCommit[]): void {
  for (const { metadata } of offsets) {
    const bytes = Buffer.byteLength(metadata)
    const maxBytes = MAX_METADATA_BYTES
    if (bytes > maxBytes) throw new OffsetMetadataTooLargeError({ group, bytes, maxBytes })
  }
}

function isNews({ fromOffset, nextOffset }: LocalRecords): boolean {
  return nextOffset > fromOffset
}

export function toFetched(answer: LocalRecords): FetchedPartition {
  const { topic, partition, nextOffset, endOffset } = answer
  const records = answer.records.map(({ offset, key, value, headers, timestampMs }) => {
    return { topic, partition, offset, key, value, headers, timestampMs }
  })
  return { topic, partition, records, nextOffset, endOffset }
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
