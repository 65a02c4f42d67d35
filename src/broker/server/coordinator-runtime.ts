// The group coordinator of this node: finds the group that a request is about, and does what no
// request asks for (expiry, offsets of topics that were deleted). Free of sockets: a request that waits is a promise,
// so that the network and an embedding program come in by the same door.
// Invariant: nothing is answered that is not durable; while a partition loads its groups wait (14).

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { BrokerConfig } from '../catalog/broker-config-keys.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { offsetsTopicRequest } from '../catalog/internal-topics.ts'
import {
  type ConsumerGroupDescription,
  describeConsumerGroup,
} from '../coordinators/consumer-groups/describe.ts'
import {
  type HeartbeatReply,
  type HeartbeatRequest,
  refused,
} from '../coordinators/consumer-groups/input.ts'
import { fetchError } from '../coordinators/consumer-groups/offset-claims.ts'
import { malformed } from '../coordinators/consumer-groups/refusals.ts'
import {
  DEAD_GROUP,
  describeGroup,
  type GroupDescription,
  type GroupFilter,
  type ListedGroup,
  listedClassicGroup,
  listedConsumerGroup,
  matchesFilter,
} from '../coordinators/groups/describe.ts'
import type {
  JoinReply,
  JoinRequest,
  LeaveReply,
  LeavingMember,
  MemberClaim,
  SyncReply,
  SyncRequest,
} from '../coordinators/groups/input.ts'
import type { TopicPartition } from '../coordinators/groups/offsets.ts'
import { failedJoin, failedSync } from '../coordinators/groups/replies.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { CatalogTopics } from './catalog-topics.ts'
import type { ConsumerGroupNeeds } from './coordinator-consumer-group.ts'
import { consumerGroupNeeds } from './coordinator-consumer-needs.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { type HostedGroup, unknownGroup } from './coordinator-group.ts'
import {
  type CommitCall,
  commitOffsets,
  deleteOffsets,
  type FetchCall,
  type FetchedTopic,
  fetchOffsets,
  offsetsOfTopic,
  orphanedOffsets,
} from './coordinator-offsets.ts'
import { CoordinatorPartition } from './coordinator-partition.ts'
import { CoordinatorTopic } from './coordinator-topic.ts'
import { GroupMemory } from './group-memory.ts'
import { describeError, type JsonLog } from './json-log.ts'

/** Between two turns of a walk over all groups others have theirs. */
const GROUPS_PER_TURN = 500
const MS_PER_MINUTE = 60_000

export interface CoordinatorNeeds {
  readonly host: Pick<Host, 'clock' | 'timers' | 'random'>
  readonly config: BrokerConfig
  readonly catalog: Pick<
    Catalog,
    'topic' | 'topicById' | 'topics' | 'createTopics' | 'configsOf' | 'onChange'
  >
  readonly partitions: { get(topic: string, partition: number): PartitionLog | undefined }
  readonly log: JsonLog
  readonly faults?: CoordinatorFaults | undefined
}

export type JoinCall = Omit<JoinRequest, 'kind' | 'token' | 'newMemberId'>
export type SyncCall = Omit<SyncRequest, 'kind' | 'token'> & { readonly groupId: string }
export type MemberCall = MemberClaim & { readonly groupId: string }

export interface HeartbeatRights {
  /** From v1 on members bring their ids. */
  readonly requiresMemberId: boolean
  /** Topics that an expression of the member may match. */
  maySee(topic: string): boolean
}

export class CoordinatorRuntime {
  readonly #needs: CoordinatorNeeds
  readonly memory: GroupMemory
  readonly #topics: CatalogTopics
  readonly #consumers: ConsumerGroupNeeds
  readonly #topic: CoordinatorTopic<CoordinatorPartition>
  #expiry: Timer | undefined
  readonly #stopListening: () => void

  constructor(needs: CoordinatorNeeds) {
    this.#needs = needs
    this.memory = new GroupMemory(needs.config.millraceMaxGroupMetadataBytes)
    this.#topics = new CatalogTopics(needs.catalog)
    this.#consumers = consumerGroupNeeds(needs, this.#topics)
    this.#topic = this.#openTopic()
    this.#stopListening = needs.catalog.onChange((change) => {
      if (change.kind === 'topic-deleted') this.#forgetTopic(change.topic)
    })
    this.#topic.start()
    this.#scheduleExpiry()
  }

  /** Resolves when every partition that was there at start has been read, or given up. */
  async loaded(): Promise<void> {
    await this.#topic.loaded()
  }

  async close(): Promise<void> {
    this.#expiry?.cancel()
    this.#stopListening()
    this.#topics.close()
    await this.#topic.close()
  }

  async join(call: JoinCall): Promise<JoinReply> {
    const known = this.#group(call.groupId)
    if (typeof known !== 'number' && !this.#hasRoomFor(call, known)) {
      return failedJoin(ErrorCode.GROUP_MAX_SIZE_REACHED, call.memberId)
    }
    const group = await this.#groupToWrite(call.groupId)
    if (typeof group === 'number') return failedJoin(group, call.memberId)
    const prefix = call.groupInstanceId ?? call.clientId
    return group.join({ ...call, newMemberId: `${prefix}-${this.#needs.host.random.uuid()}` })
  }

  async sync(call: SyncCall): Promise<SyncReply> {
    const group = this.#group(call.groupId)
    return typeof group === 'number' ? failedSync(group) : group.sync(call)
  }

  /** While its group is loading a member is taken to be alive: it cannot be known. */
  heartbeat(call: MemberCall): ErrorCode {
    const group = this.#group(call.groupId)
    if (group === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return ErrorCode.NONE
    return typeof group === 'number' ? group : group.heartbeat(call)
  }

  async leave(groupId: string, members: readonly LeavingMember[]): Promise<LeaveReply> {
    const group = this.#group(groupId)
    return typeof group === 'number' ? { errorCode: group, members: [] } : group.leave(members)
  }

  /** @returns one code for each offset, in their order */
  async commitOffsets(call: CommitCall): Promise<readonly ErrorCode[]> {
    // A group without a name may hold offsets, as in Kafka; it may not have members.
    const group = await this.#groupToWrite(call.groupId, true)
    if (typeof group === 'number') return call.offsets.map(() => group)
    const { clock } = this.#needs.host
    const maxMetadataLength = this.#needs.config.offsetMetadataMaxBytes
    return commitOffsets(group, call, { nowMs: clock.nowMs(), maxMetadataLength })
  }

  async fetchOffsets(
    call: FetchCall,
  ): Promise<{ errorCode: ErrorCode; topics: readonly FetchedTopic[] }> {
    const group = this.#group(call.groupId, true)
    if (typeof group === 'number') return { errorCode: group, topics: [] }
    if (call.requireStable) await group.offsetsWritten()
    const consumer = group.consumer?.group
    if (consumer !== undefined && call.member !== undefined) {
      const errorCode = fetchError(consumer, call.member)
      if (errorCode !== ErrorCode.NONE) return { errorCode, topics: [] }
    }
    return { errorCode: ErrorCode.NONE, topics: fetchOffsets(group, call.topics, this.#topicIdOf) }
  }

  /** @returns one code for each partition, in their order, or one for all */
  async deleteOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<ErrorCode | readonly ErrorCode[]> {
    const group = this.#group(groupId)
    return typeof group === 'number' ? group : deleteOffsets(group, partitions)
  }

  describe(groupId: string): { errorCode: ErrorCode; description: GroupDescription } {
    const hosted = this.#group(groupId, true)
    if (typeof hosted === 'number') return { errorCode: hosted, description: DEAD_GROUP }
    const { group } = hosted
    return group === undefined
      ? { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, description: DEAD_GROUP }
      : { errorCode: ErrorCode.NONE, description: describeGroup(group) }
  }

  /** What kind of group this is, for those who asked for the other kind. */
  kindOf(groupId: string): 'classic' | 'consumer' | undefined {
    const hosted = this.#group(groupId, true)
    if (typeof hosted === 'number') return undefined
    if (hosted.consumer !== undefined) return 'consumer'
    return hosted.group === undefined ? undefined : 'classic'
  }

  /** A group of the new protocol; GROUP_ID_NOT_FOUND for a classic one too. */
  describeConsumerGroup(
    groupId: string,
  ): ErrorCode | { readonly description: ConsumerGroupDescription } {
    const hosted = this.#group(groupId)
    if (typeof hosted === 'number') return hosted
    const { consumer } = hosted
    if (consumer?.group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
    return { description: describeConsumerGroup(consumer.group, consumer) }
  }

  /** Joins, goes on and leaves, in the new protocol. */
  async consumerHeartbeat(
    call: HeartbeatRequest,
    { requiresMemberId, maySee }: HeartbeatRights,
  ): Promise<HeartbeatReply> {
    const { assignors } = this.#consumers.settingsOf(call.groupId)
    const wrong = malformed(call, { assignors, requiresMemberId })
    if (wrong !== null) return wrong
    const isJoin = call.memberEpoch === 0
    const group = isJoin ? await this.#groupToWrite(call.groupId) : this.#group(call.groupId)
    if (typeof group === 'number') return refused(group)
    const memberId = call.memberId === '' ? this.#needs.host.random.uuid() : call.memberId
    return await group.consumerHeartbeat({ ...call, memberId }, maySee)
  }

  /** Groups of partitions that could not be read are missing; while one loads, none are listed. */
  list(filter: GroupFilter): { errorCode: ErrorCode; groups: readonly ListedGroup[] } {
    const groups: ListedGroup[] = []
    for (const partition of this.#topic.partitions) {
      if (partition.errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) {
        return { errorCode: partition.errorCode, groups: [] }
      }
      for (const hosted of partition.groups.values()) {
        const listed = listedGroup(hosted)
        if (listed !== undefined && matchesFilter(listed, filter)) groups.push(listed)
      }
    }
    return { errorCode: ErrorCode.NONE, groups }
  }

  async delete(groupId: string): Promise<ErrorCode> {
    const group = this.#group(groupId, true)
    return typeof group === 'number' ? group : group.delete()
  }

  /** Deletes what has expired, as it is done every offsets.retention.check.interval.ms. */
  async expire(): Promise<void> {
    const retentionMs = this.#needs.config.offsetsRetentionMinutes * MS_PER_MINUTE
    await this.#forEachGroup((group) => group.expire(this.#needs.host.clock.nowMs(), retentionMs))
  }

  /** The partition of __consumer_offsets that keeps a group; makes the topic when there is none. */
  async partitionOf(groupId: string): Promise<number | { readonly errorCode: ErrorCode }> {
    const partition = await this.#topic.findToWrite(groupId)
    return typeof partition === 'number' ? { errorCode: partition } : this.#topic.indexOf(groupId)
  }

  /** Writes a transaction's marker to a partition of __consumer_offsets. @returns NONE once it counts */
  async endTransaction(
    partition: number,
    marker: Buffer,
    outcome: { readonly producerId: number; readonly isCommit: boolean },
  ): Promise<ErrorCode> {
    const hosted = this.#topic.partitions[partition]
    if (hosted === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return await hosted.endTransaction(marker, outcome)
  }

  readonly #topicIdOf = (name: string) => this.#needs.catalog.topic(name)?.id

  /** A group as it is; one that does not exist answers so, and leaves nothing behind. */
  #group(groupId: string, mayBeNameless = false): HostedGroup | ErrorCode {
    if (groupId === '' && !mayBeNameless) return ErrorCode.INVALID_GROUP_ID
    const partition = this.#topic.find(groupId)
    if (typeof partition === 'number') return partition
    const needs = { host: this.#needs.host, consumers: this.#consumers }
    return partition?.groups.get(groupId) ?? unknownGroup(groupId, needs)
  }

  /** For requests that may bring a group into being, and with the first the topic. */
  async #groupToWrite(groupId: string, mayBeNameless = false): Promise<HostedGroup | ErrorCode> {
    if (groupId === '' && !mayBeNameless) return ErrorCode.INVALID_GROUP_ID
    const partition = await this.#topic.findToWrite(groupId)
    if (typeof partition === 'number') return partition
    if (!partition.groups.has(groupId) && this.#isFull(groupId)) return ErrorCode.POLICY_VIOLATION
    return partition.group(groupId)
  }

  #isFull(groupId: string): boolean {
    const { millraceMaxGroups } = this.#needs.config
    if (this.#countGroups() < millraceMaxGroups) return false
    this.#needs.log.warn('group-refused', { groupId, 'millrace.max.groups': millraceMaxGroups })
    return true
  }

  #hasRoomFor(call: JoinCall, { groupId, group }: HostedGroup): boolean {
    if (this.memory.hasRoomFor(group, call)) return true
    const { limitBytes } = this.memory
    this.#needs.log.warn('member-refused', {
      groupId,
      clientId: call.clientId,
      'millrace.max.group.metadata.bytes': limitBytes,
    })
    return false
  }

  #countGroups(): number {
    return this.#topic.partitions.reduce((count, { groups }) => count + groups.size, 0)
  }

  #openTopic(): CoordinatorTopic<CoordinatorPartition> {
    const { host, config, catalog, partitions, log, faults } = this.#needs
    const settings = {
      minSessionTimeoutMs: config.groupMinSessionTimeoutMs,
      maxSessionTimeoutMs: config.groupMaxSessionTimeoutMs,
      initialRebalanceDelayMs: config.groupInitialRebalanceDelayMs,
      maxMembers: config.groupMaxSize,
    }
    return new CoordinatorTopic({
      clock: host.clock,
      catalog,
      partitions,
      log,
      request: offsetsTopicRequest(config),
      open: (partition) =>
        new CoordinatorPartition(partition, {
          host,
          settings,
          log,
          memory: this.memory,
          consumers: this.#consumers,
          faults,
        }),
      onLoaded: (ms) => {
        log.info('groups-loaded', { groups: this.#countGroups(), ms })
        return this.#forgetOrphans()
      },
    })
  }

  /** Topics that were deleted in the last moment before a crash. */
  async #forgetOrphans(): Promise<void> {
    await this.#forEachGroup(async (group) => {
      const orphans = orphanedOffsets(group, this.#topicIdOf)
      if (orphans.length > 0) await group.forgetOffsets(orphans)
    })
  }

  /** At once, so that no tombstone hits what is committed for a later topic of the same name. */
  #forgetTopic(topic: { readonly name: string; readonly id: string }): void {
    for (const { groups } of this.#topic.partitions) {
      for (const group of [...groups.values()]) {
        const partitions = offsetsOfTopic(group, topic)
        if (partitions.length > 0) void group.forgetOffsets(partitions)
      }
    }
  }

  async #forEachGroup(visit: (group: HostedGroup) => Promise<unknown>): Promise<void> {
    const { log, host } = this.#needs
    const groups = this.#topic.partitions.flatMap((partition) => [...partition.groups.values()])
    for (let at = 0; at < groups.length && !this.#topic.isClosed; at += GROUPS_PER_TURN) {
      const turn = groups.slice(at, at + GROUPS_PER_TURN)
      await Promise.all(turn.map(visit)).catch((error: unknown) =>
        log.error('bug', { where: 'groups', error: describeError(error) }),
      )
      await host.timers.yield()
    }
  }

  #scheduleExpiry(): void {
    const { host, config } = this.#needs
    this.#expiry = host.timers.after(config.offsetsRetentionCheckIntervalMs, () => {
      void this.expire().then(() => {
        if (!this.#topic.isClosed) this.#scheduleExpiry()
      })
    })
  }
}

function listedGroup({ group, consumer }: HostedGroup): ListedGroup | undefined {
  if (consumer?.group !== undefined) return listedConsumerGroup(consumer.group)
  return group && listedClassicGroup(group)
}
