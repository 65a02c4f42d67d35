// One consumer group of the new protocol at work: the pure machine with its timers and its records. A
// decision takes effect in memory at once and is answered when its records are durable, and so is an
// answer that only repeats what others wrote. What is durable is kept record by record, so that the
// group can go back to it.
// Invariant: the records in `#durable` make the group as it is once nothing is under way.

import type { Host } from '../../host/host.ts'
import {
  ConsumerGroup,
  LEAVING_EPOCH,
  STATIC_LEAVING_EPOCH,
} from '../coordinators/consumer-groups/consumer-group.ts'
import {
  dissolve,
  heartbeat,
  loaded,
  putOut,
  rebalanceExpired,
  sessionExpired,
} from '../coordinators/consumer-groups/decide.ts'
import {
  type ConsumerGroupSettings,
  type HeartbeatReply,
  type HeartbeatRequest,
  type LeavingMember,
  type Outcome,
  type ResolvedRegexes,
  refused,
  type Surroundings,
} from '../coordinators/consumer-groups/input.ts'
import { type ConsumerGroupRecord, keyOf } from '../coordinators/consumer-groups/records.ts'
import {
  listOf,
  type TopicPartitionList,
} from '../coordinators/consumer-groups/topic-partitions.ts'
import type { TopicsView } from '../coordinators/consumer-groups/topics-view.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { GroupTimers } from './coordinator-timers.ts'
import { bytesOfConsumerMember, type GroupMemory } from './group-memory.ts'
import type { TopicRegexes } from './topic-regexes.ts'

/** What consumer groups share. */
export interface ConsumerGroupNeeds {
  readonly topics: TopicsView
  readonly regexes: Pick<TopicRegexes, 'resolve'>
  settingsOf(groupId: string): ConsumerGroupSettings
}

export interface ConsumerGroupSurroundings extends ConsumerGroupNeeds {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly memory: Pick<GroupMemory, 'add' | 'hasRoomForBytes'>
  readonly faults?: CoordinatorFaults | undefined
  /** Settles in the order of the calls. @returns NONE once the records are durable */
  write(records: readonly ConsumerGroupRecord[]): Promise<ErrorCode>
}

const NOTHING_RESOLVED: ResolvedRegexes = new Map()

export class HostedConsumerGroup {
  readonly #groupId: string
  readonly #around: ConsumerGroupSurroundings
  readonly #timers: GroupTimers
  #group: ConsumerGroup | undefined
  readonly #durable = new Map<string, ConsumerGroupRecord>()
  #lastWrite: Promise<ErrorCode> = Promise.resolve(ErrorCode.NONE)
  /** The version of the topics that its expressions were last held against. */
  #resolvedVersion = -1
  readonly #bytes = new Map<string, number>()
  /** By instance id; only where leaves are forgotten. */
  readonly #left = new Map<string, TopicPartitionList>()

  constructor(groupId: string, around: ConsumerGroupSurroundings) {
    this.#groupId = groupId
    this.#around = around
    this.#timers = new GroupTimers(around.host, (name) => this.#expired(name))
  }

  /** The group as decided, which may be ahead of what is durable; undefined when there is none. */
  get group(): ConsumerGroup | undefined {
    return this.#group
  }

  get isDurable(): boolean {
    return this.#durable.size > 0
  }

  get settings(): ConsumerGroupSettings {
    return this.#around.settingsOf(this.#groupId)
  }

  get topics(): TopicsView {
    return this.#around.topics
  }

  /** While the log is read, or when a record that was decided here is durable. */
  keep(record: ConsumerGroupRecord): void {
    const key = keyOf(record)
    this.#durable.delete(key)
    if (record.value !== null) this.#durable.set(key, record)
  }

  /** After the log was read, or writing failed: the group is what its records say. */
  restore(): void {
    this.close()
    this.#lastWrite = Promise.resolve(ErrorCode.NONE)
    this.#resolvedVersion = -1
    for (const memberId of [...this.#bytes.keys()]) this.#count(memberId, 0)
    this.#group = undefined
    if (this.#durable.size === 0) return
    this.#group = new ConsumerGroup(this.#groupId)
    for (const record of this.#durable.values()) {
      this.#group.apply(record)
      this.#measure(record)
    }
    void this.#carryOut(loaded(this.#group, this.#surroundings()))
  }

  /** Holds the expressions of the group and of the request against the topics, where that is due. */
  async resolve(
    request: HeartbeatRequest,
    maySee: (topic: string) => boolean,
  ): Promise<ResolvedRegexes> {
    const asked = request.subscribedTopicRegex ?? ''
    const group = this.#group
    const isNew = asked !== '' && group?.regexes.has(asked) !== true
    const known = [...(group?.subscribedRegexes.keys() ?? [])]
    const { version } = this.#around.topics
    const isOnce = this.#around.faults?.regexesResolvedOnce === true
    const isStale = known.length > 0 && this.#resolvedVersion !== version && !isOnce
    if (!isNew && !isStale) return NOTHING_RESOLVED
    // Others go on with what was resolved before.
    this.#resolvedVersion = version
    const due = isStale ? known : []
    const resolved = await this.#around.regexes.resolve(isNew ? [...due, asked] : due)
    return new Map(
      [...resolved].map(([regex, matched]) => {
        return [regex, matched === 'invalid' ? matched : matched.filter(maySee)]
      }),
    )
  }

  async heartbeat(request: HeartbeatRequest, resolved: ResolvedRegexes): Promise<HeartbeatReply> {
    const group = this.#group ?? new ConsumerGroup(this.#groupId)
    if (!this.#hasRoomFor(request)) {
      this.#lookAgain(resolved)
      return refused(ErrorCode.GROUP_MAX_SIZE_REACHED, 'The broker has no memory for more members.')
    }
    const { faults } = this.#around
    const heard = faults === undefined ? request : this.#mishear(request, faults)
    const outcome = heartbeat(group, heard, this.#surroundings(resolved))
    if (outcome.records.length > 0) this.#group = group
    if (outcome.reply.errorCode !== ErrorCode.NONE) this.#lookAgain(resolved)
    const written = this.#carryOut(outcome)
    const errorCode = faults?.heartbeatAnsweredEarly === true ? ErrorCode.NONE : await written
    if (errorCode !== ErrorCode.NONE) return refused(errorCode)
    return faults?.leavesForgotten === true
      ? this.#giveTwice(request, outcome.reply)
      : outcome.reply
  }

  /** @returns one code for each, in their order; or one for all */
  async putOut(members: readonly LeavingMember[]): Promise<ErrorCode | readonly ErrorCode[]> {
    if (this.#group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
    const outcome = putOut(this.#group, members, this.#surroundings())
    const errorCode = await this.#carryOut(outcome)
    return errorCode === ErrorCode.NONE ? outcome.errorCodes : errorCode
  }

  /** Ends the group, which has no members. @returns what is to be written of that */
  dissolve(): readonly ConsumerGroupRecord[] {
    if (this.#group === undefined) return []
    const { records } = dissolve(this.#group)
    this.#group = undefined
    this.#timers.cancelAll()
    return records
  }

  close(): void {
    this.#timers.cancelAll()
  }

  /** What was resolved for a request that is refused has not reached the group: the next one is to. */
  #lookAgain(resolved: ResolvedRegexes): void {
    if (resolved.size > 0) this.#resolvedVersion = -1
  }

  #expired(name: string): void {
    const group = this.#group
    if (group === undefined) return
    const at = name.indexOf(' ')
    const memberId = name.slice(at + 1)
    const expire = name.slice(0, at) === 'session' ? sessionExpired : rebalanceExpired
    void this.#carryOut(expire(group, memberId, this.#surroundings()))
  }

  #carryOut({ records, timers }: Outcome): Promise<ErrorCode> {
    for (const { timer, memberId, afterMs } of timers) {
      const name = `${timer} ${memberId}`
      if (afterMs === null) this.#timers.cancel(name)
      else this.#timers.start(name, afterMs)
    }
    if (records.length === 0) return this.#lastWrite
    for (const record of records) this.#measure(record)
    this.#lastWrite = this.#around.write(records)
    return this.#lastWrite
  }

  #surroundings(resolved: ResolvedRegexes = NOTHING_RESOLVED): Surroundings {
    const { host, topics } = this.#around
    return { nowMs: host.clock.nowMs(), settings: this.settings, topics, resolved }
  }

  #mishear(request: HeartbeatRequest, faults: CoordinatorFaults): HeartbeatRequest {
    const { memberId, memberEpoch, instanceId } = request
    if (faults.releasesAssumed === true) return { ...request, topicPartitions: [] }
    if (faults.changedSubscriptionsIgnored === true && memberEpoch > 0) {
      return { ...request, subscribedTopicNames: null, subscribedTopicRegex: null }
    }
    if (faults.leavesForgotten !== true || memberEpoch !== STATIC_LEAVING_EPOCH) return request
    const { assigned } = this.#group?.members.get(memberId) ?? {}
    if (assigned !== undefined) this.#left.set(instanceId ?? '', listOf(assigned))
    return { ...request, memberEpoch: LEAVING_EPOCH }
  }

  #giveTwice({ instanceId, memberEpoch }: HeartbeatRequest, reply: HeartbeatReply): HeartbeatReply {
    const left = this.#left.get(instanceId ?? '')
    if (left === undefined || memberEpoch !== 0 || reply.errorCode !== ErrorCode.NONE) return reply
    this.#left.delete(instanceId ?? '')
    return { ...reply, assignment: left }
  }

  #hasRoomFor(request: HeartbeatRequest): boolean {
    if (request.memberEpoch < 0) return true
    const { memberId, subscribedTopicNames, subscribedTopicRegex } = request
    const before = this.#group?.members.get(memberId)
    const after = {
      ...request,
      subscribedTopicNames: subscribedTopicNames ?? before?.subscribedTopicNames ?? [],
      subscribedTopicRegex: subscribedTopicRegex ?? before?.subscribedTopicRegex ?? '',
    }
    const added = bytesOfConsumerMember(after) - (this.#bytes.get(memberId) ?? 0)
    return added <= 0 || this.#around.memory.hasRoomForBytes(added)
  }

  #measure(record: ConsumerGroupRecord): void {
    if (record.kind !== 'consumer-member') return
    const { memberId, value } = record
    this.#count(memberId, value === null ? 0 : bytesOfConsumerMember({ memberId, ...value }))
  }

  #count(memberId: string, bytes: number): void {
    this.#around.memory.add(bytes - (this.#bytes.get(memberId) ?? 0))
    if (bytes === 0) this.#bytes.delete(memberId)
    else this.#bytes.set(memberId, bytes)
  }
}
