// A member of a consumer group: what it holds, reads and commits. Which protocol keeps it in the group
// is the membership's affair.
// Invariants: nothing is committed for a partition that is not held, whatever the coordinator would
// say; nothing of a partition is read after it was revoked or lost, and nothing before it was assigned.

import { FencedMemberError, OffsetMetadataTooLargeError } from '../../sdk/transport/errors.ts'
import type {
  FetchedPartition,
  GroupMember,
  JoinOptions,
  OffsetCommit,
  TopicPartition,
} from '../../sdk/transport/group-member.ts'
import { apis, newGroupApis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator } from './committed-offsets.ts'
import { Code, isOfAnotherCoordinator, KafkaError, refusal } from './errors.ts'
import type { GroupIdentity } from './group-identity.ts'
import { type Holding, Holdings } from './holdings.ts'
import type { Host, Membership } from './membership.ts'
import { EARLIEST, LATEST, offsetsAt } from './offsets.ts'
import { Poller } from './poller.ts'
import { policyOffsets, type StartPosition, startPositions } from './start-positions.ts'
import { Bell, waitFor } from './waiting.ts'

export interface MemberSettings {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocol: 'consumer' | 'classic'
  onWarning(message: string, cause?: unknown): void
}

/** As an OffsetCommit request names them. */
export type CommitTopics = {
  name: string
  partitions: {
    partitionIndex: number
    committedOffset: bigint
    committedLeaderEpoch: number
    committedMetadata: string
  }[]
}[]

const NO_LEADER_EPOCH = -1
/** What brokers allow unless told otherwise (`offset.metadata.max.bytes`). */
const MAX_METADATA_BYTES = 4096
const RENEWAL_WAIT_MS = 200

export class KafkaGroupMember implements GroupMember {
  readonly group: string
  readonly #cluster: Cluster
  readonly #options: JoinOptions
  readonly #settings: MemberSettings
  readonly #holdings = new Holdings()
  readonly #bell: Bell
  readonly #poller: Poller
  readonly #purpose: string
  readonly #membership: Membership
  readonly #ending = new AbortController()
  /** Partitions that each topic had when the member came. */
  readonly #sizes = new Map<string, number>()
  #failure: Error | undefined
  #leaving: Promise<void> | undefined
  #hasLeft = false

  constructor(
    cluster: Cluster,
    options: JoinOptions,
    settings: MemberSettings,
    membershipFor: (host: Host) => Membership,
  ) {
    this.group = options.group
    this.#cluster = cluster
    this.#options = options
    this.#settings = settings
    this.#bell = new Bell(cluster.world.timers)
    this.#purpose = `fetch ${cluster.world.random.uuid()}`
    for (const topic of options.topics) {
      this.#sizes.set(topic, cluster.topic(topic)?.leaders.length ?? 0)
    }
    this.#poller = new Poller({
      cluster,
      holdings: this.#holdings,
      bell: this.#bell,
      purpose: this.#purpose,
      onOutOfRange: (holding) => void this.#findAnew(holding),
      onFailed: (error) => this.#fail(error),
      onTrouble: (message, cause) => {
        if (!this.#ending.signal.aborted) settings.onWarning(message, cause)
      },
    })
    this.#membership = membershipFor(this.#host())
  }

  join(): Promise<void> {
    return this.#membership.join()
  }

  poll(request: { maxBytes: number; signal: AbortSignal }): Promise<readonly FetchedPartition[]> {
    return this.#poller.poll(request, () => {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#hasLeft) throw new FencedMemberError(this.group)
    })
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false)
    this.#bell.ring()
  }

  seek(partition: TopicPartition, offset: number): void {
    const holding = this.#holdings.of(partition)
    if (holding === undefined) return
    holding.nextOffset = offset
    this.#bell.ring()
  }

  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    if (offsets.length === 0) return
    const what = `Committing offsets of group ${this.group}`
    const api =
      this.#settings.protocol === 'consumer' ? newGroupApis.offsetCommit : apis.offsetCommit
    await this.committing(offsets, what, async ({ group, generation, memberId }, topics) => {
      const answer = await askCoordinator(this.#cluster, 'group', group, (nodeId) =>
        this.#cluster.send(
          api,
          { nodeId, purpose: 'coordination' },
          group,
          generation,
          memberId,
          null,
          topics,
        ),
      )
      return answer.topics.flatMap(({ partitions }) => partitions.map((each) => each.errorCode))
    })
  }

  /**
   * Commits as this member, by whatever request: the identity may be renewed between two attempts.
   * @param send answers with the error codes of the partitions
   * @throws FencedMemberError
   */
  async committing(
    offsets: readonly OffsetCommit[],
    what: string,
    send: (identity: GroupIdentity, topics: CommitTopics) => Promise<readonly number[]>,
  ): Promise<void> {
    this.#cluster.expectOpen()
    for (const { metadata } of offsets) this.#expectRoomFor(metadata)
    const topics = commitTopics(offsets)
    const deadlineMs = this.#deadline()
    await this.#cluster.persist(what, deadlineMs, async () => {
      for (;;) {
        const identity = this.#identityFor(offsets)
        const codes = await send(identity, topics)
        const errorCode = codes.find((code) => code !== Code.NONE)
        if (errorCode === undefined) return
        if (isOfAnotherCoordinator(errorCode)) {
          this.#cluster.forgetCoordinator('group', this.group)
        }
        if (!isFencing(errorCode)) throw refusal(what, errorCode)
        const isRenewed = await this.#isRenewed(identity, errorCode, deadlineMs)
        if (!isRenewed) throw new FencedMemberError(this.group, refusal(what, errorCode))
      }
    })
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave()
  }

  async #leave(): Promise<void> {
    const over = new AbortController()
    const { rebalanceTimeoutMs } = this.#settings
    await Promise.race([
      this.#revoke(this.#holdings.all).finally(() => over.abort()),
      waitFor(this.#cluster.world.timers, rebalanceTimeoutMs, over.signal),
    ])
    over.abort()
    await this.#end()
  }

  async #end(): Promise<void> {
    this.#ending.abort()
    await this.#membership.leave()
    await this.#cluster.hangUp(this.#purpose)
    this.#hasLeft = true
    this.#bell.ring()
  }

  #host(): Host {
    const holdings = this.#holdings
    return {
      get held() {
        return holdings.all.map(({ topic, partition }) => ({ topic, partition }))
      },
      assign: (partitions, isWanted) => this.#assign(partitions, isWanted),
      revoke: (partitions) => this.#revoke(partitions),
      loseAll: () => this.#loseAll(),
      fail: (error) => this.#fail(error),
      warn: (message, cause) => this.#settings.onWarning(message, cause),
    }
  }

  async #assign(partitions: readonly TopicPartition[], isWanted: () => boolean): Promise<boolean> {
    const patience = { deadlineMs: Number.POSITIVE_INFINITY, signal: this.#ending.signal }
    const isNew = ({ topic, partition }: TopicPartition) =>
      partition >= (this.#sizes.get(topic) ?? 0)
    const starts = await startPositions(this.#cluster, this.#options, partitions, isNew, patience)
    if (!isWanted() || this.#leaving !== undefined) return false
    this.#holdings.take(starts)
    await this.#keepStarts(starts)
    const assigned = starts.flatMap(({ isCommitted: _, ...each }) => {
      const holding = this.#holdings.of(each)
      return holding === undefined || holding.isLeaving ? [] : [{ holding, each }]
    })
    if (assigned.length > 0) this.#options.onAssigned(assigned.map(({ each }) => each))
    for (const { holding } of assigned) holding.isAnnounced = true
    this.#bell.ring()
    return true
  }

  /**
   * `latest` and a moment are decided once for a group. A member that ends before its first commit
   * would else leave its successor to decide anew, and what came between is skipped.
   */
  async #keepStarts(starts: readonly StartPosition[]): Promise<void> {
    if (this.#options.startAt === 'earliest') return
    const begun = starts.filter(({ isCommitted }) => !isCommitted)
    try {
      await this.commit(begun)
    } catch (error) {
      this.#settings.onWarning(`Group ${this.group} could not note where it begins.`, error)
    }
  }

  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const leaving = partitions
      .flatMap((each) => this.#holdings.of(each) ?? [])
      .filter(({ isLeaving }) => !isLeaving)
    if (leaving.length === 0) return
    for (const holding of leaving) holding.isLeaving = true
    const places = leaving
      .filter(({ isAnnounced }) => isAnnounced)
      .map(({ topic, partition }) => ({ topic, partition }))
    try {
      if (places.length > 0) await this.#options.onRevoked(places)
    } catch (error) {
      if (this.#leaving === undefined) this.#fail(error)
      else this.#settings.onWarning(`Giving up partitions of group ${this.group} failed.`, error)
    }
    this.#holdings.drop(leaving.filter((holding) => this.#holdings.isHeld(holding)))
  }

  #loseAll(): void {
    const announced = this.#holdings.all.filter(({ isAnnounced }) => isAnnounced)
    this.#holdings.drop(this.#holdings.all)
    const lost = announced.map(({ topic, partition }) => ({ topic, partition }))
    if (lost.length > 0) this.#options.onLost(lost)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#leaving !== undefined) return
    this.#failure = error instanceof Error ? error : new KafkaError(String(error))
    this.#loseAll()
    this.#bell.ring()
    const failure = this.#failure
    this.#leaving = this.#end().finally(() => this.#options.onFailed(failure))
  }

  /** The log begins later than where it is to be read on, or ends before it. */
  async #findAnew(holding: Holding): Promise<void> {
    const { topic, partition, nextOffset } = holding
    holding.restsUntilMs = Number.POSITIVE_INFINITY
    try {
      const deadlineMs = this.#deadline()
      const [start] = await offsetsAt(this.#cluster, [holding], EARLIEST, deadlineMs)
      const [end] = await offsetsAt(this.#cluster, [holding], LATEST, deadlineMs)
      const isBelow = nextOffset < start!.offset
      const [anew] = isBelow
        ? [start]
        : await policyOffsets(this.#cluster, this.#options.startAt, [holding], deadlineMs)
      if (holding.nextOffset === nextOffset) holding.nextOffset = anew!.offset
      const reason = isBelow
        ? `records below ${start!.offset} are no longer kept`
        : `it ends at ${end!.offset}: it was made anew, or has lost records`
      this.#settings.onWarning(
        `Group ${this.group} was at ${nextOffset} of ${topic}-${partition}, but ${reason}. ` +
          `It goes on at ${holding.nextOffset}.`,
      )
      holding.restsUntilMs = 0
    } catch (error) {
      this.#settings.onWarning(`Looking for a place in ${topic}-${partition} failed.`, error)
      holding.restsUntilMs = this.#cluster.world.clock.monotonicMs() + RENEWAL_WAIT_MS
    }
    this.#bell.ring()
  }

  #setPaused(partitions: readonly TopicPartition[], isPaused: boolean): void {
    for (const each of partitions) {
      const holding = this.#holdings.of(each)
      if (holding !== undefined) holding.isPaused = isPaused
    }
  }

  #identityFor(offsets: readonly OffsetCommit[]): GroupIdentity {
    const identity = this.#membership.identity
    if (identity === undefined) throw new FencedMemberError(this.group, this.#failure)
    const foreign = offsets.find((each) => this.#holdings.of(each) === undefined)
    if (foreign === undefined) return identity
    const cause = new KafkaError(
      `${foreign.topic}-${foreign.partition} is not held by this member.`,
    )
    throw new FencedMemberError(this.group, cause)
  }

  /** The coordinator may be ahead of what this member has heard: its next word decides. */
  async #isRenewed(
    refused: GroupIdentity,
    errorCode: number,
    deadlineMs: number,
  ): Promise<boolean> {
    const { clock, timers } = this.#cluster.world
    if (errorCode === Code.UNKNOWN_MEMBER_ID || errorCode === Code.FENCED_INSTANCE_ID) return false
    while (clock.monotonicMs() < deadlineMs && !this.#ending.signal.aborted) {
      const now = this.#membership.identity
      if (now === undefined || now.memberId !== refused.memberId) return false
      if (now.generation !== refused.generation) return true
      await Promise.race([this.#membership.renewed(), waitFor(timers, RENEWAL_WAIT_MS)])
    }
    return false
  }

  #expectRoomFor(metadata: string): void {
    const bytes = Buffer.byteLength(metadata)
    if (bytes <= MAX_METADATA_BYTES) return
    throw new OffsetMetadataTooLargeError({
      group: this.group,
      bytes,
      maxBytes: MAX_METADATA_BYTES,
    })
  }

  #deadline(): number {
    return this.#cluster.world.clock.monotonicMs() + this.#cluster.options.requestTimeoutMs
  }
}

const fencing: ReadonlySet<number> = new Set([
  Code.ILLEGAL_GENERATION,
  Code.UNKNOWN_MEMBER_ID,
  Code.REBALANCE_IN_PROGRESS,
  Code.FENCED_INSTANCE_ID,
  Code.FENCED_MEMBER_EPOCH,
  Code.STALE_MEMBER_EPOCH,
])

const isFencing = (code: number): boolean => fencing.has(code)

function commitTopics(offsets: readonly OffsetCommit[]): CommitTopics {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: NO_LEADER_EPOCH,
      committedMetadata: metadata,
    })),
  }))
}
