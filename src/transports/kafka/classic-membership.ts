// Membership by the classic protocol: members meet at the coordinator, one of them shares out, and
// everybody hears what is its own. Cooperatively (KIP-429): nobody stops in a round, a member gives up
// what it lost by it, and then asks for another round, which hands that on.
// Invariants: heartbeats go on while partitions are given up or looked up; what is still being given up
// is claimed as held in a round. A member that cannot give up within the rebalance timeout leaves, and
// so loses everything, because no coordinator would watch that for the others.

import type { JoinOptions, TopicPartition } from '../../sdk/transport/group-member.ts'
import { apis } from './apis.ts'
import {
  ASSIGNOR,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './classic-protocol.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator, noteCode } from './committed-offsets.ts'
import { assignCooperatively } from './cooperative-assignment.ts'
import { Code, isConnectionTrouble, isRetriable, KafkaError } from './errors.ts'
import type { GroupIdentity } from './group-identity.ts'
import type { Host, Membership } from './membership.ts'
import { Reconciler } from './reconciler.ts'
import { Bell } from './waiting.ts'

const NO_GENERATION = -1
const PROTOCOL_TYPE = 'consumer'
const HEARTBEATS_IN_A_SESSION = 4
const MAX_HEARTBEAT_MS = 3000
const LEAVE_TIMEOUT_MS = 5000
/** A round waits for the slowest member: Kafka's own clients ask for up to this much. */
const LONGEST_ROUND_MS = 310_000
/** How soon the leader hears of new topics and partitions. */
const METADATA_AGE_MS = 5000

export class ClassicMembership implements Membership {
  readonly #cluster: Cluster
  readonly #options: JoinOptions
  readonly #timeouts: { sessionTimeoutMs: number; rebalanceTimeoutMs: number }
  readonly #host: Host
  readonly #purpose: string
  readonly #reconciler: Reconciler
  readonly #bell: Bell
  readonly #renewal: Bell
  readonly #ending = new AbortController()
  readonly #ended: Promise<void>
  #memberId = ''
  #generation = NO_GENERATION
  #claimedGeneration = NO_GENERATION
  #needsRound = false
  #heardAtMs = 0
  #lookedAtMs = 0
  /** On the monotonic clock; undefined: nothing is being given up. */
  #givingUpSinceMs: number | undefined
  /** Of the topics that the leader shared out; undefined on others. */
  #sharedCounts: ReadonlyMap<string, number> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(
    cluster: Cluster,
    options: JoinOptions,
    timeouts: { sessionTimeoutMs: number; rebalanceTimeoutMs: number },
    host: Host,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#timeouts = timeouts
    this.#host = host
    this.#purpose = `rounds ${cluster.world.random.uuid()}`
    this.#bell = new Bell(cluster.world.timers)
    this.#renewal = new Bell(cluster.world.timers)
    this.#reconciler = new Reconciler(host, {
      isOver: () => this.#ending.signal.aborted || cluster.isClosed,
      onStep: (step) => {
        if (step === 'took') return
        this.#givingUpSinceMs = undefined
        this.#needsRound = true
        this.#bell.ring()
      },
    })
    this.#ended = new Promise((resolve) => {
      this.#ending.signal.addEventListener('abort', () => resolve())
    })
  }

  get identity(): GroupIdentity | undefined {
    if (this.#generation === NO_GENERATION) return undefined
    return {
      group: this.#options.group,
      memberId: this.#memberId,
      generation: this.#generation,
    }
  }

  async join(): Promise<void> {
    const what = `Joining group ${this.#options.group}`
    const deadlineMs = this.#now() + this.#cluster.options.requestTimeoutMs
    await this.#cluster.persist(what, deadlineMs, () => this.#round(), this.#ending.signal)
    this.#running = this.#run()
  }

  renewed(): Promise<void> {
    return this.#renewal.heard()
  }

  async leave(): Promise<void> {
    this.#ending.abort()
    this.#renewal.ring()
    await this.#cluster.hangUp(this.#purpose)
    await this.#running
    await this.#sayGoodbye()
  }

  async #run(): Promise<void> {
    // Whoever waits for the member gets it before it hears what it holds.
    await this.#cluster.world.timers.yield()
    this.#reconcile()
    let failures = 0
    while (!this.#ending.signal.aborted && !this.#cluster.isClosed) {
      const pauseMs = failures === 0 ? this.#heartbeatMs() : this.#cluster.backoffMs(failures)
      if (!this.#needsRound || failures > 0) {
        await this.#bell.heard({ ms: pauseMs, signal: this.#ending.signal })
      }
      if (this.#ending.signal.aborted) return
      try {
        await this.#next()
        failures = 0
      } catch (error) {
        if (this.#ending.signal.aborted || this.#cluster.isClosed) return
        if (!isConnectionTrouble(error) && !isRetriable(error)) {
          this.#host.fail(error instanceof Error ? error : new KafkaError(String(error)))
          return
        }
        if (failures === 0) {
          this.#host.warn(`A member of group ${this.#options.group} goes on trying.`, error)
        }
        failures += 1
      }
      if (this.#now() - this.#heardAtMs > this.#timeouts.sessionTimeoutMs) await this.#lose()
    }
  }

  async #next(): Promise<void> {
    const since = this.#givingUpSinceMs
    if (since !== undefined && this.#now() - since > this.#timeouts.rebalanceTimeoutMs) {
      await this.#sayGoodbye()
      await this.#lose()
    }
    if (this.#needsRound) await this.#round()
    else await this.#heartbeat()
    await this.#lookForNews()
    this.#reconcile()
  }

  #reconcile(): void {
    this.#reconciler.run()
  }

  async #heartbeat(): Promise<void> {
    const { group } = this.#options
    const { errorCode } = await this.#ask((nodeId) =>
      this.#cluster.send(
        apis.heartbeat,
        { nodeId, purpose: 'heartbeats' },
        group,
        this.#generation,
        this.#memberId,
      ),
    )
    await this.#heard(errorCode, `Staying in group ${group}`)
  }

  /** @throws KafkaError for what is neither good nor the way of a group */
  async #heard(errorCode: number, what: string): Promise<void> {
    switch (errorCode) {
      case Code.REBALANCE_IN_PROGRESS:
        this.#needsRound = true
        break
      case Code.UNKNOWN_MEMBER_ID:
      case Code.ILLEGAL_GENERATION:
        if (errorCode === Code.UNKNOWN_MEMBER_ID) this.#memberId = ''
        await this.#lose()
        break
      default:
        noteCode(this.#cluster, 'group', this.#options.group, what, errorCode)
    }
    this.#heardAtMs = this.#now()
  }

  /** Meets the others, shares out when it is this member's turn, and hears what is its own. */
  async #round(): Promise<void> {
    const { group } = this.#options
    this.#needsRound = true
    // A member without an id is given one first, and comes with it.
    const joined = (await this.#meet()) ?? (await this.#meet())
    if (joined === undefined) return
    const { generationId, protocolName } = joined
    const isLeader = joined.leader === joined.memberId
    const assignments = isLeader ? await this.#shareOut(joined.members) : []
    if (!isLeader) this.#sharedCounts = undefined
    const synced = await this.#ask((nodeId) =>
      this.#cluster.send(
        apis.syncGroup,
        { nodeId, purpose: this.#purpose, timeoutMs: LONGEST_ROUND_MS },
        group,
        generationId,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        protocolName ?? null,
        [...assignments],
      ),
    )
    await this.#heard(synced.errorCode, `Joining group ${group}`)
    if (synced.errorCode !== Code.NONE) return
    this.#needsRound = false
    this.#generation = generationId
    this.#claimedGeneration = generationId
    this.#renewal.ring()
    this.#take(decodeAssignment(synced.assignment))
  }

  #take(places: readonly TopicPartition[]): void {
    this.#reconciler.want(places)
    const isKept = (held: TopicPartition) =>
      places.some(({ topic, partition }) => held.topic === topic && held.partition === partition)
    const givesUp = this.#host.held.some((held) => !isKept(held))
    this.#givingUpSinceMs = givesUp ? (this.#givingUpSinceMs ?? this.#now()) : undefined
  }

  /** @returns undefined when the round has to be begun again */
  async #meet() {
    const { group, topics } = this.#options
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#timeouts
    const owned = this.#host.held
    const metadata = encodeSubscription({ topics, owned, generation: this.#claimedGeneration })
    const joined = await this.#ask((nodeId) =>
      this.#cluster.send(
        apis.joinGroup,
        { nodeId, purpose: this.#purpose, timeoutMs: LONGEST_ROUND_MS },
        group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        [{ name: ASSIGNOR, metadata }],
      ),
    )
    if (joined.errorCode === Code.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId
      return undefined
    }
    await this.#heard(joined.errorCode, `Joining group ${group}`)
    if (joined.errorCode !== Code.NONE) return undefined
    this.#memberId = joined.memberId
    return joined
  }

  async #shareOut(
    members: readonly { memberId: string; metadata: Buffer }[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    const candidates = members.map(({ memberId, metadata }) => ({
      memberId,
      ...decodeSubscription(metadata),
    }))
    const topics = [...new Set(candidates.flatMap((each) => each.topics))]
    this.#sharedCounts = await this.#countPartitions(topics)
    const shares = assignCooperatively(candidates, this.#sharedCounts)
    return [...shares].map(([memberId, places]) => ({
      memberId,
      assignment: encodeAssignment(places),
    }))
  }

  async #countPartitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await this.#cluster.refresh(topics)
    this.#lookedAtMs = this.#now()
    return new Map(topics.map((topic) => [topic, this.#cluster.topic(topic)?.leaders.length ?? 0]))
  }

  /** Topics and partitions that came since the leader shared out. */
  async #lookForNews(): Promise<void> {
    const shared = this.#sharedCounts
    if (shared === undefined || this.#now() - this.#lookedAtMs < METADATA_AGE_MS) return
    const counts = await this.#countPartitions([...shared.keys()])
    const isNews = [...counts].some(([topic, count]) => count !== shared.get(topic))
    if (isNews) this.#needsRound = true
  }

  /** Resolves when the member may come back: first it gives up what it was giving up. */
  async #lose(): Promise<void> {
    this.#generation = NO_GENERATION
    this.#claimedGeneration = NO_GENERATION
    this.#heardAtMs = this.#now()
    this.#reconciler.forget()
    this.#renewal.ring()
    await Promise.race([this.#reconciler.settled(), this.#ended])
    this.#givingUpSinceMs = undefined
    this.#needsRound = true
  }

  async #sayGoodbye(): Promise<void> {
    const memberId = this.#memberId
    if (memberId === '' || this.#cluster.isClosed) return
    this.#memberId = ''
    this.#generation = NO_GENERATION
    const { group } = this.#options
    const deadlineMs = this.#now() + LEAVE_TIMEOUT_MS
    try {
      await this.#cluster.persist('Leaving the group', deadlineMs, () =>
        this.#ask((nodeId) =>
          this.#cluster.send(apis.leaveGroup, { nodeId, purpose: 'heartbeats' }, group, [
            { memberId },
          ]),
        ),
      )
    } catch (error) {
      this.#host.warn(
        `Group ${group} was not told that a member left: it waits for its session to end.`,
        error,
      )
    }
  }

  #heartbeatMs(): number {
    return Math.min(
      MAX_HEARTBEAT_MS,
      this.#timeouts.sessionTimeoutMs / HEARTBEATS_IN_A_SESSION,
      this.#timeouts.rebalanceTimeoutMs / HEARTBEATS_IN_A_SESSION,
    )
  }

  #ask<T>(ask: (nodeId: number) => Promise<T>): Promise<T> {
    return askCoordinator(this.#cluster, 'group', this.#options.group, ask)
  }

  #now(): number {
    return this.#cluster.world.clock.monotonicMs()
  }
}
