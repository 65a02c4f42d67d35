// Consumer groups for a program in the broker's own process: its members are members like all others,
// of the protocol that moves partitions one by one (KIP-848), and share groups with Kafka clients of it.

import { ZERO_UUID } from '../bytes/uuid.ts'
import type { BrokerServices } from '../server/services.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { type LocalRefusal, refusal } from './local-refusal.ts'

/** Who speaks for a group. */
export interface GroupClaim {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
}

export interface LocalPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

export interface LocalOffset extends LocalPartition {
  /** The next one to be read. */
  readonly offset: number
  /** -1 where it is not known. */
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface LocalHeartbeat extends GroupClaim {
  readonly clientId: string
  /** What is subscribed to; undefined when it is what was said before. */
  readonly subscription:
    | { readonly topics: readonly string[]; readonly rebalanceTimeoutMs: number }
    | undefined
  /** What the member has in its hands. */
  readonly owned: readonly LocalPartition[]
}

export interface LocalHeartbeatReply {
  readonly kind: 'accepted'
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** undefined when it is what the member was told before. */
  readonly assignment: readonly LocalPartition[] | undefined
}

export type LocalCommitted =
  | { readonly kind: 'committed'; readonly offsets: readonly LocalOffset[] }
  /** A transaction that is still open may change an offset: ask again. */
  | { readonly kind: 'unstable' }
  | LocalRefusal

type Services = Pick<BrokerServices, 'catalog' | 'groups'>

/** Epoch of a member that joins, and of one that leaves. */
export const JOINING_EPOCH = 0
const LEAVING_EPOCH = -1
const CLIENT_HOST = '/127.0.0.1'
const NO_RETENTION = -1

export class LocalGroups {
  readonly #broker: Services

  constructor(broker: Services) {
    this.#broker = broker
  }

  /** Joins with epoch 0, and goes on with the one that was answered. */
  async heartbeat(call: LocalHeartbeat): Promise<LocalHeartbeatReply | LocalRefusal> {
    const { subscription, owned, memberEpoch } = call
    const reply = await this.#heartbeat(call, {
      rebalanceTimeoutMs: subscription?.rebalanceTimeoutMs ?? -1,
      subscribedTopicNames: subscription?.topics ?? null,
      topicPartitions: memberEpoch === JOINING_EPOCH ? [] : byTopicId(owned),
    })
    if (reply.errorCode !== ErrorCode.NONE) return refusal(reply.errorCode, reply.errorMessage)
    return {
      kind: 'accepted',
      memberEpoch: reply.memberEpoch,
      heartbeatIntervalMs: reply.heartbeatIntervalMs,
      assignment: reply.assignment?.flatMap(({ topicId, partitions }) => {
        const topic = this.#broker.catalog.topicById(topicId)?.name
        // It was deleted just now; the next answer is without it.
        if (topic === undefined) return []
        return partitions.map((partition) => ({ topic, topicId, partition }))
      }),
    }
  }

  async leave(call: GroupClaim & { readonly clientId: string }): Promise<LocalRefusal | undefined> {
    const leaving = { ...call, memberEpoch: LEAVING_EPOCH }
    const silent = { rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions: null }
    const { errorCode, errorMessage } = await this.#heartbeat(leaving, silent)
    return errorCode === ErrorCode.NONE ? undefined : refusal(errorCode, errorMessage)
  }

  /** Durable when it resolves. @returns why an offset was refused; the others may be committed */
  async commit(
    { groupId, memberId, memberEpoch }: GroupClaim,
    offsets: readonly LocalOffset[],
  ): Promise<LocalRefusal | undefined> {
    if (offsets.length === 0) return undefined
    const codes = await this.#broker.groups.commitOffsets({
      ...{ groupId, memberId, generationId: memberEpoch, groupInstanceId: null },
      ...{ knowsGroupIdNotFound: true, retentionTimeMs: NO_RETENTION, offsets },
    })
    const errorCode = codes.find((code) => code !== ErrorCode.NONE)
    return errorCode === undefined ? undefined : refusal(errorCode)
  }

  /** Those under way included; partitions without a commit are left out. */
  async committed(
    groupId: string,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<LocalCommitted> {
    const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
    const { errorCode, topics } = await this.#broker.groups.fetchOffsets({
      groupId,
      topics: [...byTopic].map(([topic, places]) => ({
        topic,
        topicId: this.#broker.catalog.topic(topic)?.id ?? ZERO_UUID,
        partitions: places.map(({ partition }) => partition),
      })),
      requireStable: true,
    })
    if (errorCode !== ErrorCode.NONE) return refusal(errorCode)
    const offsets: LocalOffset[] = []
    for (const { topic, topicId, partitions: fetched } of topics) {
      for (const { partition, committed, isUnstable } of fetched) {
        if (isUnstable) return { kind: 'unstable' }
        if (committed === undefined) continue
        const { offset, leaderEpoch, metadata } = committed
        offsets.push({ topic, topicId, partition, offset, leaderEpoch, metadata })
      }
    }
    return { kind: 'committed', offsets }
  }

  names(): readonly string[] | LocalRefusal {
    const { errorCode, groups } = this.#broker.groups.list({ states: [], types: [] })
    return errorCode === ErrorCode.NONE ? groups.map(({ groupId }) => groupId) : refusal(errorCode)
  }

  #heartbeat(
    { groupId, memberId, memberEpoch, clientId }: GroupClaim & { readonly clientId: string },
    said: Pick<
      Parameters<Services['groups']['consumerHeartbeat']>[0],
      'rebalanceTimeoutMs' | 'subscribedTopicNames' | 'topicPartitions'
    >,
  ) {
    return this.#broker.groups.consumerHeartbeat(
      {
        ...{ groupId, memberId, memberEpoch, clientId, clientHost: CLIENT_HOST, ...said },
        ...{ instanceId: null, rackId: null, subscribedTopicRegex: null, serverAssignor: null },
      },
      { requiresMemberId: true, maySee: () => true },
    )
  }
}

function byTopicId(partitions: readonly LocalPartition[]) {
  return [...Map.groupBy(partitions, ({ topicId }) => topicId)].map(([topicId, places]) => ({
    topicId,
    partitions: places.map(({ partition }) => partition),
  }))
}
