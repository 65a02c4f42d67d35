// One group at work, of either protocol: the pure machine of classic groups with its timers and records.
// The requests that wait for it, the offsets, and the machine of consumer groups (KIP-848) have classes
// of their own.
// While it has no members a group changes from one to the other when a member of the other comes.
// Decisions take effect in memory at once, but what depends on a record is answered only when the
// record is durable. If writing fails, everybody who waits is told to find the coordinator again,
// and the group goes back to what its records say, as after a restart.
// Invariant: `#durable` and `offsets` hold what is durable, nothing else.

import type { Host } from '../../host/host.ts'
import {
  type HeartbeatReply,
  type HeartbeatRequest,
  refused,
} from '../coordinators/consumer-groups/input.ts'
import { commitError } from '../coordinators/consumer-groups/offset-claims.ts'
import type { ConsumerGroupRecord } from '../coordinators/consumer-groups/records.ts'
import { decide } from '../coordinators/groups/decide.ts'
import {
  CONSUMER_PROTOCOL_TYPE,
  type Group,
  isSubscribedTo,
  newGroup,
} from '../coordinators/groups/group.ts'
import { type GroupMetadata, groupFrom, metadataOf } from '../coordinators/groups/group-metadata.ts'
import type {
  Decision,
  GroupInput,
  GroupSettings,
  JoinReply,
  JoinRequest,
  LeaveReply,
  LeavingMember,
  MemberClaim,
  SyncReply,
  SyncRequest,
  TimerChange,
} from '../coordinators/groups/input.ts'
import {
  type ExpiryRule,
  expiredOffsets,
  expiryRuleOf,
  type GroupOffsets,
  type TopicPartition,
} from '../coordinators/groups/offsets.ts'
import type { GroupRecord } from '../coordinators/groups/records.ts'
import { failedJoin } from '../coordinators/groups/replies.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { OffsetCommits, type OffsetToCommit } from './coordinator-commits.ts'
import { type ConsumerGroupNeeds, HostedConsumerGroup } from './coordinator-consumer-group.ts'
import { coordinatorCounters } from './coordinator-counters.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { LargeWrites } from './coordinator-large-writes.ts'
import type { StagedBy } from './coordinator-log.ts'
import { GroupTimers } from './coordinator-timers.ts'
import { WaitingRequests } from './coordinator-waiting.ts'
import { groupErrorFor } from './group-errors.ts'
import type { GroupMemory } from './group-memory.ts'

/** What a hosted group needs around it. */
export interface GroupSurroundings {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly settings: GroupSettings
  /** Told of every change of who is in the group. */
  readonly memory: Pick<GroupMemory, 'replace' | 'add' | 'hasRoomForBytes'>
  readonly consumers: ConsumerGroupNeeds
  /**
   * Appends in the order of the calls and settles in that order, once the records are durable.
   * @param stagedBy the transaction that the records count with
   * @returns NONE, or why they were not written
   */
  append(records: readonly GroupRecord[], stagedBy?: StagedBy): Promise<ErrorCode>
  /** Nothing is left of the group: neither members nor offsets nor records. */
  forget(groupId: string): void
  readonly faults?: CoordinatorFaults | undefined
}

type WithoutToken<Input> = Omit<Input, 'kind' | 'token'>
type PlainInput = Extract<GroupInput, { kind: 'heartbeat' | 'commit' | 'delete' }>

export interface CommitClaim extends MemberClaim {
  /** OffsetCommit v9 and up. */
  readonly knowsGroupIdNotFound: boolean
  /** The transaction that the offsets count with. */
  readonly stagedBy?: StagedBy
}

export class HostedGroup {
  readonly groupId: string
  readonly #around: GroupSurroundings
  readonly #timers: GroupTimers
  #group: Group | undefined
  #durable: GroupMetadata | null = null
  /** The group of the new protocol, when this is one. */
  readonly #consumer: HostedConsumerGroup
  readonly #commits: OffsetCommits
  readonly #largeWrites: LargeWrites
  readonly #waiting = new WaitingRequests()
  /** Heartbeats that wait for something before they are decided. */
  #undecided = 0
  /** Records of the group itself that are under way; answers wait until there are none. */
  #writing = 0
  #isClosed = false
  /** Writing failed while more was under way: nobody is served until that has settled too. */
  #isBroken = false

  constructor(groupId: string, around: GroupSurroundings) {
    this.groupId = groupId
    this.#around = around
    this.#timers = new GroupTimers(around.host, (name) => this.#apply(expiryOf(name)))
    this.#commits = new OffsetCommits({
      groupId,
      append: (records, stagedBy) => around.append(records, stagedBy),
      onSettled: () => this.#forgetIfNothingIsLeft(),
      faults: around.faults,
    })
    this.#largeWrites = new LargeWrites(around.host.timers, (records) => around.append(records))
    this.#consumer = new HostedConsumerGroup(groupId, {
      ...around.consumers,
      host: around.host,
      memory: around.memory,
      faults: around.faults,
      write: (records) => this.#writeConsumer(records),
    })
  }

  /**
   * The classic group as decided, which may be ahead of what is durable; undefined when it was
   * deleted, or is a group of the new protocol.
   */
  get group(): Group | undefined {
    return this.#group
  }

  /** The group of the new protocol, when this is one. */
  get consumer(): HostedConsumerGroup | undefined {
    return this.#consumer.group === undefined ? undefined : this.#consumer
  }

  /** Those that are durable. */
  get offsets(): GroupOffsets {
    return this.#commits.table
  }

  /** It holds nothing but offsets, if that. */
  get hasMembers(): boolean {
    const consumer = this.#consumer.group
    if (consumer !== undefined) return consumer.members.size > 0
    return this.#group !== undefined && this.#group.state !== 'Empty'
  }

  /** May a member be reading this topic? Then its offsets are neither deleted nor do they expire. */
  isSubscribedTo(topic: string): boolean {
    const consumer = this.#consumer.group
    if (consumer !== undefined) return consumer.subscribedTopics.has(topic)
    return this.#group !== undefined && isSubscribedTo(this.#group, topic)
  }

  /** Its members speak the consumers' own protocol, by which it is known what they read. */
  get isOfConsumers(): boolean {
    return this.consumer !== undefined || this.#group?.protocolType === CONSUMER_PROTOCOL_TYPE
  }

  /**
   * While the log is read: the last record of each kind counts.
   * @param stagedBy the producer with whose transaction it counts
   */
  replay(record: GroupRecord, stagedBy?: number): void {
    if (record.kind === 'group') this.#durable = record.metadata
    else if (record.kind !== 'offset') this.#consumer.keep(record)
    else this.#commits.replay(record, stagedBy)
  }

  /** The marker is durable: what the producer staged counts from now on, or never did. */
  endTransaction(producerId: number, isCommit: boolean): void {
    if (this.#commits.endTransaction(producerId, isCommit)) this.#forgetIfNothingIsLeft()
  }

  /** After the log was read, or writing failed: members have a fresh session. */
  restore(): void {
    this.#timers.cancelAll()
    this.#consumer.restore()
    this.#become(this.#durableGroup())
    this.#apply({ kind: 'loaded' })
  }

  /** A heartbeat of the new protocol, which also joins and leaves. */
  async consumerHeartbeat(
    request: HeartbeatRequest,
    maySee: (topic: string) => boolean = () => true,
  ): Promise<HeartbeatReply> {
    this.#undecided += 1 // Keeps a new group from being forgotten before it has a member.
    const resolved = await this.#consumer.resolve(request, maySee)
    this.#undecided -= 1
    const refusal = this.#refuseConsumer(request)
    const reply = refusal ?? (await this.#consumer.heartbeat(request, resolved))
    this.#forgetIfNothingIsLeft()
    return reply
  }

  join(request: WithoutToken<JoinRequest>): Promise<JoinReply> {
    if (this.consumer !== undefined && !this.#isBroken) {
      if (this.hasMembers) {
        const errorCode = ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        return Promise.resolve(failedJoin(errorCode, request.memberId))
      }
      void this.#writeConsumer(this.#consumer.dissolve())
      this.#become(newGroup(this.groupId, this.#around.host.clock.nowMs()))
    }
    const { promise, resolve } = Promise.withResolvers<JoinReply>()
    const token = this.#waiting.add({ kind: 'join', settle: resolve })
    this.#apply({ ...request, kind: 'join', token })
    return promise
  }

  sync(request: WithoutToken<SyncRequest>): Promise<SyncReply> {
    const { promise, resolve } = Promise.withResolvers<SyncReply>()
    const token = this.#waiting.add({ kind: 'sync', settle: resolve })
    this.#apply({ ...request, kind: 'sync', token })
    return promise
  }

  leave(members: readonly LeavingMember[]): Promise<LeaveReply> {
    if (this.consumer !== undefined && !this.#isBroken) return this.#putOut(members)
    const { promise, resolve } = Promise.withResolvers<LeaveReply>()
    const token = this.#waiting.add({ kind: 'leave', settle: resolve })
    this.#apply({ kind: 'leave', token, members })
    return promise
  }

  /** Answered at once, also while something is being written: a slow disk is no dead broker. */
  heartbeat(claim: MemberClaim): ErrorCode {
    return this.#ask({ ...claim, kind: 'heartbeat', token: this.#waiting.nextToken() })
  }

  /** @returns NONE once all offsets are durable */
  async commit(
    { stagedBy, ...asked }: CommitClaim,
    offsets: readonly OffsetToCommit[],
  ): Promise<ErrorCode> {
    const { groupId } = this
    const isTransactional = stagedBy !== undefined
    const token = this.#waiting.nextToken()
    const claim = { ...asked, memberId: this.#committing(asked) }
    this.offsets.begin(offsets) // Keeps a new group from being forgotten before it has an offset.
    const { generationsIgnored, stagingMembersIgnored } = this.#around.faults ?? {}
    const isBelieved = generationsIgnored === true || (isTransactional && stagingMembersIgnored)
    const isChecked = isBelieved !== true
    const errorCode = isChecked
      ? (this.#commitErrorOfConsumer({ ...claim, isTransactional }, offsets) ??
        this.#ask({ ...claim, kind: 'commit', token, groupId, isTransactional }))
      : ErrorCode.NONE
    if (errorCode !== ErrorCode.NONE) {
      this.offsets.end(offsets)
      this.#forgetIfNothingIsLeft()
      return errorCode
    }
    return this.#commits.commit(offsets, stagedBy)
  }

  /** So that a reader that must not miss a commit (`require_stable`) sees those under way. */
  offsetsWritten(): Promise<void> {
    return this.#commits.written()
  }

  /** Writes a tombstone for each, whether it is there or not. */
  forgetOffsets(partitions: readonly TopicPartition[]): Promise<ErrorCode> {
    return this.#commits.forget(partitions)
  }

  async delete(): Promise<ErrorCode> {
    if (this.#consumer.group !== undefined) return await this.#deleteConsumer()
    const { promise, resolve } = Promise.withResolvers<ErrorCode>()
    const token = this.#waiting.add({ kind: 'plain', settle: resolve })
    this.#apply({ kind: 'delete', token })
    return promise
  }

  /** Forgets offsets whose time is over, and the group with its last one. */
  async expire(nowMs: number, retentionMs: number): Promise<void> {
    const rule = this.#expiryRule()
    if (rule === undefined || this.#isBroken || this.#writing > 0) return
    const expired = expiredOffsets(rule, this.offsets, { nowMs, retentionMs })
    const isAll = expired.length === this.offsets.partitions().length
    const isEmpty = !this.hasMembers && (this.#group?.pendingMembers.size ?? 0) === 0
    if (isAll && isEmpty) await this.delete()
    else if (expired.length > 0) await this.forgetOffsets(expired)
  }

  /** The broker stops: whoever waits looks for another coordinator. */
  close(): void {
    this.#isClosed = true
    this.#timers.cancelAll()
    this.#consumer.close()
    this.#waiting.fail(ErrorCode.NOT_COORDINATOR)
  }

  /** For inputs that are answered at once and whose answer depends on no record. */
  #ask(input: PlainInput): ErrorCode {
    if (this.#isBroken) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const decision = this.#decide(input)
    const answer = decision.replies.find(({ token }) => token === input.token)
    if (answer?.kind !== 'plain') throw new Error(`${input.kind} of ${this.groupId} left open`)
    this.#takeEffect({ ...decision, replies: decision.replies.filter((one) => one !== answer) })
    return answer.errorCode
  }

  #apply(input: GroupInput): void {
    if (this.#isBroken) this.#waiting.fail(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    else this.#takeEffect(this.#decide(input))
  }

  #decide(input: GroupInput): Decision {
    const { settings, host } = this.#around
    return decide(this.#group, input, settings, host.clock.nowMs())
  }

  #takeEffect(decision: Decision): void {
    this.#become(decision.group)
    for (const change of decision.timers) this.#setTimer(change)
    this.#waiting.hold(decision.replies)
    if (decision.record === 'group' && decision.group !== undefined) {
      void this.#writeGroup(metadataOf(decision.group))
    } else if (decision.record === 'tombstone') {
      void this.#writeTombstones()
    }
    this.#sendHeldReplies()
    this.#forgetIfNothingIsLeft()
  }

  #become(group: Group | undefined): void {
    this.#around.memory.replace(this.#group, group)
    this.#group = group
  }

  #setTimer(change: TimerChange): void {
    const name = change.timer === 'session' ? `session ${change.memberId}` : change.timer
    if (change.afterMs === null) this.#timers.cancel(name)
    else this.#timers.start(name, change.afterMs)
  }

  async #writeGroup(metadata: GroupMetadata): Promise<void> {
    this.#writing += 1
    const { groupId } = this
    const errorCode = await this.#around.append([{ kind: 'group', groupId, metadata }])
    if (errorCode === ErrorCode.NONE) this.#durable = metadata
    this.#wrote(errorCode)
  }

  /** Offsets first: a group without a record that still has offsets would come back as a group. */
  async #writeTombstones(): Promise<void> {
    this.#writing += 1
    const { groupId } = this
    const offsets = this.forgetOffsets(this.offsets.partitions())
    const group = this.#around.append([{ kind: 'group', groupId, metadata: null }])
    const errorCodes = await Promise.all([group, offsets])
    if (errorCodes[0] === ErrorCode.NONE) this.#durable = null
    const failed = errorCodes.find((errorCode) => errorCode !== ErrorCode.NONE)
    this.#wrote(failed ?? ErrorCode.NONE)
  }

  /** Behind it the group is one of the new protocol, whatever it was before. */
  async #writeConsumer(records: readonly ConsumerGroupRecord[]): Promise<ErrorCode> {
    const { groupId } = this
    const wasClassic = this.#durable !== null || this.#writing > 0
    const end: GroupRecord[] =
      this.#group !== undefined && wasClassic ? [{ kind: 'group', groupId, metadata: null }] : []
    this.#timers.cancelAll()
    this.#become(undefined)
    this.#writing += 1
    const errorCode = await this.#largeWrites.write([...end, ...records], (durable) => {
      for (const record of durable) this.replay(record)
    })
    this.#wrote(errorCode)
    return errorCode === ErrorCode.NONE ? errorCode : groupErrorFor(errorCode)
  }

  async #putOut(members: readonly LeavingMember[]): Promise<LeaveReply> {
    const codes = await this.#consumer.putOut(members)
    if (typeof codes === 'number') return { errorCode: codes, members: [] }
    const left = members.map((member, index) => ({ ...member, errorCode: codes[index]! }))
    return { errorCode: ErrorCode.NONE, members: left }
  }

  async #deleteConsumer(): Promise<ErrorCode> {
    if (this.#isBroken) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    if (this.hasMembers) return ErrorCode.NON_EMPTY_GROUP
    const offsets = this.forgetOffsets(this.offsets.partitions())
    const group = this.#writeConsumer(this.#consumer.dissolve())
    const errorCodes = await Promise.all([offsets, group])
    return errorCodes.find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE
  }

  /** What a heartbeat is refused for because of what the group is. */
  #refuseConsumer({ memberEpoch }: HeartbeatRequest): HeartbeatReply | undefined {
    if (this.#isBroken) return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    if (this.#isClosed) return refused(ErrorCode.NOT_COORDINATOR)
    const isJoin = memberEpoch === 0
    if (this.consumer !== undefined || (isJoin && !this.hasMembers)) return undefined
    return refused(ErrorCode.GROUP_ID_NOT_FOUND, this.#whyNoConsumer(memberEpoch))
  }

  #whyNoConsumer(memberEpoch: number): string {
    const { groupId } = this
    if (this.#group === undefined) {
      return `${memberEpoch < 0 ? 'Group' : 'Consumer group'} ${groupId} not found.`
    }
    if (memberEpoch !== 0) return `Group ${groupId} is not a consumer group.`
    return `Cannot upgrade classic group ${groupId} to consumer group because online upgrade is disabled.`
  }

  #committing({ memberId, groupInstanceId }: MemberClaim): string {
    if (this.#around.faults?.fencedInstancesObeyed !== true) return memberId
    return this.#group?.staticMembers.get(groupInstanceId ?? '') ?? memberId
  }

  /** undefined when this is no group of the new protocol. */
  #commitErrorOfConsumer(
    claim: CommitClaim & { readonly isTransactional: boolean },
    offsets: readonly OffsetToCommit[],
  ): ErrorCode | undefined {
    const group = this.#consumer.group
    if (group === undefined) return undefined
    if (this.#isBroken) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    if (this.#around.faults?.memberEpochsIgnored === true) return ErrorCode.NONE
    const { generationId: memberEpoch, knowsGroupIdNotFound: knowsMemberEpochs } = claim
    return commitError(group, { ...claim, memberEpoch, knowsMemberEpochs, partitions: offsets })
  }

  #expiryRule(): ExpiryRule | undefined {
    if (this.consumer === undefined) return this.#group && expiryRuleOf(this.#group)
    return { emptySinceMs: null, isSubscribedTo: (topic) => this.isSubscribedTo(topic) }
  }

  #wrote(errorCode: ErrorCode): void {
    this.#writing -= 1
    if (errorCode !== ErrorCode.NONE) {
      this.#isBroken = true
      this.#waiting.fail(groupErrorFor(errorCode))
    }
    if (this.#isBroken && this.#writing === 0 && !this.#isClosed) {
      this.#isBroken = false
      coordinatorCounters.groupsUndone++
      this.restore()
    }
    this.#sendHeldReplies()
    this.#forgetIfNothingIsLeft()
  }

  #sendHeldReplies(): void {
    if (this.#writing > 0) return
    this.#waiting.sendHeld()
  }

  #durableGroup(): Group | undefined {
    if (this.#consumer.isDurable) return undefined
    if (this.#durable !== null) return groupFrom(this.groupId, this.#durable)
    // Offsets alone make a group too: one without members, that a client manages itself.
    if (this.offsets.isEmpty) return undefined
    return newGroup(this.groupId, this.#around.host.clock.nowMs())
  }

  #forgetIfNothingIsLeft(): void {
    const group = this.#group
    const isVacant =
      group === undefined || (group.state === 'Empty' && group.pendingMembers.size === 0)
    if (!isVacant || this.#durable !== null || !this.offsets.isEmpty) return
    if (this.#consumer.group !== undefined || this.#consumer.isDurable) return
    if (this.#writing > 0 || !this.#waiting.isEmpty || this.#undecided > 0) return
    this.#timers.cancelAll()
    this.#around.forget(this.groupId)
  }
}

/** Answers as a group that does not exist. */
export function unknownGroup(
  groupId: string,
  { host, consumers }: Pick<GroupSurroundings, 'host' | 'consumers'>,
): HostedGroup {
  const settings = {
    minSessionTimeoutMs: 0,
    maxSessionTimeoutMs: 0,
    initialRebalanceDelayMs: 0,
    maxMembers: 0,
  }
  const append = async () => ErrorCode.COORDINATOR_NOT_AVAILABLE
  const memory = { replace: () => undefined, add: () => undefined, hasRoomForBytes: () => true }
  const forget = () => undefined
  return new HostedGroup(groupId, { host, settings, memory, consumers, append, forget })
}

function expiryOf(name: string): GroupInput {
  if (name === 'join') return { kind: 'join-deadline' }
  if (name === 'sync') return { kind: 'sync-deadline' }
  return { kind: 'session-expired', memberId: name.slice('session '.length) }
}
