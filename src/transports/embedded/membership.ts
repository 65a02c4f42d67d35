// The coordinator's side of a member: heartbeats on a timer of their own, and the way from what the
// member holds to what the group wants it to hold (KIP-848): first give up, then take what is free.
// Invariant: what is held is what the coordinator believes to be in this member's hands, or less; a
// partition counts as given up only once the application has let go of it.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { GroupClaim } from '../../broker/local/local-groups.ts'
import {
  JOINING_EPOCH,
  type LocalHeartbeatReply,
  type LocalPartition,
} from '../../broker/local/local-groups.ts'
import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import type { Timer } from '../../host/clock.ts'
import { FencedMemberError } from '../../sdk/transport/errors.ts'
import type { TopicPartition } from '../../sdk/transport/group-member.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { isFencedMember, isRefusal } from './refusals.ts'

export interface MembershipOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly clientId: string
  readonly rebalanceTimeoutMs: number
}

/** What the member does when partitions come and go. */
export interface Holder {
  /** Finds out where reading begins: nothing is told to anybody yet. */
  locate(partitions: readonly LocalPartition[]): Promise<() => void>
  /** Resolves when the application has let go. */
  revoke(partitions: readonly LocalPartition[]): Promise<void>
  lose(partitions: readonly LocalPartition[]): void
  fail(error: Error): void
}

/** A heartbeat costs next to nothing here, so that partitions move soon. */
const LONGEST_HEARTBEAT_MS = 200
const RETRY_MS = 50

export class Membership {
  readonly #client: LocalClient
  readonly #options: MembershipOptions
  readonly #holder: Holder
  readonly #memberId: string
  readonly #held = new Map<string, LocalPartition>()
  #target: readonly LocalPartition[] = []
  #epoch = JOINING_EPOCH
  /** Counts how often the member was put out: what began before is void. */
  #life = 0
  #state: 'in' | 'leaving' | 'out' = 'in'
  #mustSayAll = true
  #timer: Timer | undefined
  #isBeating = false
  #isDue = false
  #reconciling: Promise<void> | undefined
  readonly #joined = Promise.withResolvers<void>()

  constructor(client: LocalClient, options: MembershipOptions, holder: Holder) {
    this.#client = client
    this.#options = options
    this.#holder = holder
    this.#memberId = client.world.random.uuid()
  }

  /** @throws BrokerRefusedError when the group does not take this member */
  join(): Promise<void> {
    this.#beat()
    return this.#joined.promise
  }

  /** @throws FencedMemberError unless all of these are held, in the present generation */
  claim(partitions: readonly TopicPartition[]): {
    readonly claim: GroupClaim
    readonly held: readonly LocalPartition[]
  } {
    const held = partitions.map((place) => this.#held.get(keyOf(place)))
    if (this.#epoch <= JOINING_EPOCH || !held.every((place) => place !== undefined)) {
      throw new FencedMemberError(this.#options.group)
    }
    return { claim: this.#claim(), held }
  }

  /** Gives up all, and leaves; waits at most the rebalance timeout for the application. */
  async leave(): Promise<void> {
    if (this.#state !== 'in') return
    this.#state = 'leaving'
    const revoking = (async () => {
      await this.#reconciling
      if (this.#held.size > 0) await this.#holder.revoke([...this.#held.values()])
    })()
    await this.#atMost(revoking, this.#options.rebalanceTimeoutMs)
    this.#stop()
    // Without it the session times out: nobody needs to hear of a failure.
    await this.#client.groups.leave({ ...this.#claim(), clientId: this.#options.clientId })
  }

  /** The application or the broker cannot go on. */
  fail(error: Error): void {
    if (this.#state === 'out') return
    this.#stop()
    this.#holder.fail(error)
    this.#joined.reject(error)
    this.#joined.promise.catch(() => undefined)
    void this.#client.groups.leave({ ...this.#claim(), clientId: this.#options.clientId })
  }

  #stop(): void {
    this.#state = 'out'
    this.#timer?.cancel()
    this.#held.clear()
    this.#target = []
  }

  /** Now, or as soon as the one under way is answered. */
  #beat(): void {
    this.#timer?.cancel()
    if (this.#isBeating) {
      this.#isDue = true
      return
    }
    this.#isBeating = true
    void this.#heartbeat()
      .catch((error: unknown) => this.fail(asError(error)))
      .finally(() => {
        this.#isBeating = false
        if (this.#isDue) {
          this.#isDue = false
          if (this.#state !== 'out') this.#beat()
        }
      })
  }

  async #heartbeat(): Promise<void> {
    const { topics, rebalanceTimeoutMs, clientId } = this.#options
    const life = this.#life
    const reply = await this.#client.groups.heartbeat({
      ...this.#claim(),
      clientId,
      subscription: this.#mustSayAll ? { topics, rebalanceTimeoutMs } : undefined,
      owned: [...this.#held.values()],
    })
    if (this.#state === 'out' || life !== this.#life) return
    if (isRefusal(reply)) this.#refused(reply)
    else this.#accepted(reply)
  }

  #accepted({ memberEpoch, heartbeatIntervalMs, assignment }: LocalHeartbeatReply): void {
    this.#epoch = memberEpoch
    this.#mustSayAll = false
    if (assignment !== undefined) this.#target = assignment
    this.#joined.resolve()
    // Nothing is told before whoever waits for `join` has the member.
    void this.#client.world.timers.yield().then(() => this.#reconcile())
    this.#beatAfter(Math.min(heartbeatIntervalMs, LONGEST_HEARTBEAT_MS))
  }

  #refused(refusal: LocalRefusal): void {
    // What was decided may not have been kept: everything is said and told anew.
    this.#mustSayAll = true
    if (refusal.isRetriable) this.#beatAfter(RETRY_MS)
    else if (isFencedMember(refusal) && this.#epoch !== JOINING_EPOCH) this.#lose()
    else this.fail(new BrokerRefusedError(`Joining group ${this.#options.group}`, refusal))
  }

  #beatAfter(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#client.world.timers.after(delayMs, () => this.#beat())
  }

  /** Put out: somebody else has, or may have, what was held. Comes back once that is let go of. */
  #lose(): void {
    this.#life += 1
    this.#epoch = JOINING_EPOCH
    this.#target = []
    const lost = [...this.#held.values()]
    this.#held.clear()
    if (lost.length > 0) this.#holder.lose(lost)
    void (this.#reconciling ?? Promise.resolve()).then(() => {
      if (this.#state === 'in') this.#beat()
    })
  }

  /** One at a time; heartbeats go on meanwhile. */
  #reconcile(): void {
    if (this.#reconciling !== undefined || this.#state !== 'in') return
    this.#reconciling = this.#reconcileAll(this.#life)
      .catch((error: unknown) => this.fail(asError(error)))
      .finally(() => {
        this.#reconciling = undefined
      })
  }

  async #reconcileAll(life: number): Promise<void> {
    const isOver = () => this.#state !== 'in' || life !== this.#life
    for (;;) {
      const target = new Set(this.#target.map(keyOf))
      const revoked = [...this.#held.values()].filter((place) => !target.has(keyOf(place)))
      if (revoked.length > 0) {
        await this.#holder.revoke(revoked)
        if (isOver()) return
        for (const place of revoked) this.#held.delete(keyOf(place))
        this.#beat()
        continue
      }
      const added = this.#target.filter((place) => !this.#held.has(keyOf(place)))
      if (added.length === 0) return
      const assign = await this.#holder.locate(added)
      if (isOver()) return
      // The group may want something else by now: then it is asked anew what is to be had.
      const wanted = new Set(this.#target.map(keyOf))
      if (!added.every((place) => wanted.has(keyOf(place)))) continue
      for (const place of added) this.#held.set(keyOf(place), place)
      assign()
      this.#beat()
    }
  }

  #claim(): GroupClaim {
    return { groupId: this.#options.group, memberId: this.#memberId, memberEpoch: this.#epoch }
  }

  #atMost(work: Promise<unknown>, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#client.world.timers.after(limitMs, resolve)
      work.then(() => resolve(), reject).finally(() => timer.cancel())
    })
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
