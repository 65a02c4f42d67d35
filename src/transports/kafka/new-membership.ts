// Membership by the protocol of KIP-848: one request, the heartbeat, tells what the member holds and
// hears what it is to hold. The coordinator shares out the partitions, and gives one away only after
// its holder has said that it does not hold it any more.
// Invariants: heartbeats go on while partitions are given up or looked up; a heartbeat names what is
// held, so that an answer that got lost does no harm. When nothing was heard for the session timeout
// the partitions count as lost, whoever has them.

import type { JoinOptions, TopicPartition } from '../../sdk/transport/group-member.ts'
import { newGroupApis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { askCoordinator } from './committed-offsets.ts'
import {
  Code,
  isConnectionTrouble,
  isOfAnotherCoordinator,
  isRetriable,
  KafkaError,
  refusal,
} from './errors.ts'
import type { GroupIdentity } from './group-identity.ts'
import type { Host, Membership } from './membership.ts'
import { Reconciler } from './reconciler.ts'
import { Bell } from './waiting.ts'

const JOIN_EPOCH = 0
const LEAVE_EPOCH = -1
const HEARTBEAT_TIMEOUT_MS = 10_000
const LEAVE_TIMEOUT_MS = 5000
const PURPOSE = 'heartbeats'

type Assignment = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

export class NewMembership implements Membership {
  readonly #cluster: Cluster
  readonly #options: JoinOptions
  readonly #timeouts: { sessionTimeoutMs: number; rebalanceTimeoutMs: number }
  readonly #host: Host
  readonly #memberId: string
  readonly #reconciler: Reconciler
  readonly #bell: Bell
  readonly #renewal: Bell
  readonly #ending = new AbortController()
  readonly #ended: Promise<void>
  #epoch = JOIN_EPOCH
  #intervalMs = 0
  #heardAtMs = 0
  /** Of the topics that are held or will be, as the coordinator named them. */
  readonly #topicIds = new Map<string, string>()
  #isUrgent = false
  #beating: Promise<void> = Promise.resolve()

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
    this.#memberId = cluster.world.random.uuid()
    this.#bell = new Bell(cluster.world.timers)
    this.#renewal = new Bell(cluster.world.timers)
    this.#reconciler = new Reconciler(host, {
      isOver: () => this.#ending.signal.aborted || cluster.isClosed,
      onStep: () => this.#beatSoon(),
    })
    this.#ended = new Promise((resolve) => {
      this.#ending.signal.addEventListener('abort', () => resolve())
    })
  }

  get identity(): GroupIdentity | undefined {
    if (this.#epoch <= JOIN_EPOCH) return undefined
    return { group: this.#options.group, memberId: this.#memberId, generation: this.#epoch }
  }

  async join(): Promise<void> {
    const { clock } = this.#cluster.world
    const what = `Joining group ${this.#options.group}`
    const deadlineMs = clock.monotonicMs() + this.#cluster.options.requestTimeoutMs
    await this.#cluster.persist(what, deadlineMs, async () => {
      const answer = await this.#beat()
      if (answer.errorCode !== Code.NONE) throw this.#refusal(what, answer)
      await this.#heard(answer)
    })
    this.#beating = this.#run()
  }

  renewed(): Promise<void> {
    return this.#renewal.heard()
  }

  async leave(): Promise<void> {
    this.#ending.abort()
    this.#renewal.ring()
    await this.#beating
    if (this.#epoch <= JOIN_EPOCH) return
    this.#epoch = LEAVE_EPOCH
    const deadlineMs = this.#cluster.world.clock.monotonicMs() + LEAVE_TIMEOUT_MS
    try {
      await this.#cluster.persist('Leaving the group', deadlineMs, () => this.#beat())
    } catch (error) {
      this.#host.warn(
        `Group ${this.#options.group} was not told that a member left: it waits for its session to end.`,
        error,
      )
    }
  }

  async #run(): Promise<void> {
    const { clock, timers } = this.#cluster.world
    // Whoever waits for the member gets it before it hears what it holds.
    await timers.yield()
    this.#reconciler.run()
    let failures = 0
    while (!this.#ending.signal.aborted) {
      const pauseMs = failures === 0 ? this.#intervalMs : this.#cluster.backoffMs(failures)
      if (!this.#isUrgent || failures > 0) {
        await this.#bell.heard({ ms: pauseMs, signal: this.#ending.signal })
      }
      if (this.#ending.signal.aborted) return
      this.#isUrgent = false
      try {
        failures = (await this.#next()) ? 0 : failures + 1
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
      if (clock.monotonicMs() - this.#heardAtMs > this.#timeouts.sessionTimeoutMs)
        await this.#lose()
    }
  }

  /** @returns whether the coordinator took the heartbeat */
  async #next(): Promise<boolean> {
    const { group } = this.#options
    const answer = await this.#beat()
    switch (answer.errorCode) {
      case Code.NONE:
        await this.#heard(answer)
        this.#reconciler.run()
        return true
      case Code.UNKNOWN_MEMBER_ID:
      case Code.FENCED_MEMBER_EPOCH:
        await this.#lose()
        return true
      default:
        if (!isOfAnotherCoordinator(answer.errorCode)) {
          throw this.#refusal(`Staying in group ${group}`, answer)
        }
        this.#cluster.forgetCoordinator('group', group)
        return false
    }
  }

  #beat() {
    const { group, topics } = this.#options
    const joinsOrLeaves = this.#epoch <= JOIN_EPOCH
    const held = joinsOrLeaves ? [] : this.#host.held
    const byId = Map.groupBy(held, ({ topic }) => this.#topicIds.get(topic))
    const topicPartitions = [...byId].flatMap(([topicId, ofTopic]) =>
      topicId === undefined
        ? []
        : [{ topicId, partitions: ofTopic.map(({ partition }) => partition) }],
    )
    return askCoordinator(this.#cluster, 'group', group, (nodeId) =>
      this.#cluster.send(
        newGroupApis.consumerGroupHeartbeat,
        { nodeId, purpose: PURPOSE, timeoutMs: HEARTBEAT_TIMEOUT_MS },
        group,
        this.#memberId,
        this.#epoch,
        null,
        null,
        this.#timeouts.rebalanceTimeoutMs,
        [...topics],
        null,
        null,
        topicPartitions,
      ),
    )
  }

  async #heard(answer: {
    memberEpoch: number
    heartbeatIntervalMs: number
    assignment: { topicPartitions: Assignment } | null
  }): Promise<void> {
    this.#heardAtMs = this.#cluster.world.clock.monotonicMs()
    this.#intervalMs = answer.heartbeatIntervalMs
    this.#epoch = answer.memberEpoch
    this.#renewal.ring()
    if (answer.assignment === null) return
    this.#reconciler.want(await this.#named(answer.assignment.topicPartitions))
  }

  /** A topic that nobody knows by now is gone again; the coordinator will say so. */
  async #named(assignment: Assignment): Promise<readonly TopicPartition[]> {
    if (assignment.some(({ topicId }) => this.#cluster.topicOfId(topicId) === undefined)) {
      await this.#cluster.refresh(this.#options.topics)
    }
    return assignment.flatMap(({ topicId, partitions }) => {
      const topic = this.#cluster.topicOfId(topicId)?.name
      if (topic !== undefined) this.#topicIds.set(topic, topicId)
      return topic === undefined ? [] : partitions.map((partition) => ({ topic, partition }))
    })
  }

  #beatSoon(): void {
    this.#isUrgent = true
    this.#bell.ring()
  }

  /** Resolves when the member may come back: first it gives up what it was giving up. */
  async #lose(): Promise<void> {
    this.#epoch = JOIN_EPOCH
    this.#heardAtMs = this.#cluster.world.clock.monotonicMs()
    this.#reconciler.forget()
    this.#renewal.ring()
    await Promise.race([this.#reconciler.settled(), this.#ended])
    this.#isUrgent = true
  }

  #refusal(
    what: string,
    answer: { errorCode: number; errorMessage?: string | null | undefined },
  ): KafkaError {
    return refusal(what, answer.errorCode, answer.errorMessage)
  }
}
