// For tests of consumer groups: a group with topics, a clock and timers that the test moves, and the
// records that were written, from which the group can be read back.

import { ConsumerGroup } from './consumer-group.ts'
import * as decisions from './decide.ts'
import type {
  ConsumerGroupSettings,
  HeartbeatReply,
  HeartbeatRequest,
  Outcome,
  Surroundings,
} from './input.ts'
import { type ConsumerGroupRecord, keyOf } from './records.ts'
import type { TopicFacts, TopicsView } from './topics-view.ts'

export const GROUP_ID = 'orders'

const SETTINGS: ConsumerGroupSettings = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  assignmentIntervalMs: 0,
  maxMembers: 100,
  assignors: ['uniform', 'range'],
}

/** The id of a topic is its name in capitals, and how often it was made. */
export class Topics implements TopicsView {
  version = 0
  readonly #topics = new Map<string, TopicFacts>()
  #made = 0

  set(name: string, partitions: number): void {
    const id = this.#topics.get(name)?.id ?? `${name.toUpperCase()}${++this.#made}`
    this.#topics.set(name, { id, name, partitions })
    this.version += 1
  }

  remove(name: string): void {
    this.#topics.delete(name)
    this.version += 1
  }

  names(): string[] {
    return [...this.#topics.keys()]
  }

  byName(name: string): TopicFacts | undefined {
    return this.#topics.get(name)
  }

  byId(id: string): TopicFacts | undefined {
    return [...this.#topics.values()].find((topic) => topic.id === id)
  }
}

export class Scenario {
  readonly topics = new Topics()
  readonly settings: ConsumerGroupSettings
  group = new ConsumerGroup(GROUP_ID)
  nowMs = 1_700_000_000_000
  readonly written = new Map<string, ConsumerGroupRecord>()
  readonly #timers = new Map<string, number>()
  /** Told of each member that was put out by a timer. */
  readonly expired: string[] = []

  constructor(settings: Partial<ConsumerGroupSettings> = {}) {
    this.settings = { ...SETTINGS, ...settings }
  }

  heartbeat(request: Partial<HeartbeatRequest> & { readonly memberId: string }): HeartbeatReply {
    const whole: HeartbeatRequest = {
      groupId: GROUP_ID,
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      ...request,
    }
    const outcome = decisions.heartbeat(this.group, whole, this.surroundings(whole))
    this.#carryOut(outcome)
    return outcome.reply
  }

  join(memberId: string, topics: readonly string[], more: Partial<HeartbeatRequest> = {}) {
    const joining = {
      rebalanceTimeoutMs: 30_000,
      topicPartitions: [],
      subscribedTopicNames: topics,
    }
    return this.heartbeat({ memberId, ...joining, ...more })
  }

  /** Timers that come due meanwhile fire. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a - b)
      if (next === undefined || next[1] > untilMs) break
      this.nowMs = next[1]
      this.#fire(next[0])
    }
    this.nowMs = untilMs
  }

  /** As after a crash: the group is what its records say. */
  restart(): void {
    this.group = this.replayed()
    this.#timers.clear()
    this.#carryOut(decisions.loaded(this.group, this.surroundings()))
  }

  replayed(): ConsumerGroup {
    const group = new ConsumerGroup(GROUP_ID)
    for (const record of this.written.values()) group.apply(record)
    return group
  }

  /** Expressions match by the engine of the language: what is read of them is not tested here. */
  surroundings(request?: HeartbeatRequest): Surroundings {
    const regexes = new Set(this.group.subscribedRegexes.keys())
    if (request?.subscribedTopicRegex) regexes.add(request.subscribedTopicRegex)
    const resolved = new Map<string, readonly string[] | 'invalid'>()
    for (const regex of regexes) resolved.set(regex, this.#match(regex))
    const { nowMs, settings, topics } = this
    return { nowMs, settings, topics, resolved }
  }

  #match(regex: string): readonly string[] | 'invalid' {
    if (regex === 'bad(') return 'invalid'
    const whole = new RegExp(`^(?:${regex})$`)
    return this.topics
      .names()
      .filter((name) => whole.test(name))
      .sort()
  }

  #fire(timer: string): void {
    this.#timers.delete(timer)
    const [kind, memberId = ''] = timer.split(' ')
    const expire = kind === 'session' ? decisions.sessionExpired : decisions.rebalanceExpired
    const wasThere = this.group.members.has(memberId)
    this.#carryOut(expire(this.group, memberId, this.surroundings()))
    if (wasThere && !this.group.members.has(memberId)) this.expired.push(memberId)
  }

  #carryOut({ records, timers }: Outcome): void {
    for (const record of records) {
      this.written.delete(keyOf(record))
      if (record.value !== null) this.written.set(keyOf(record), record)
    }
    for (const { timer, memberId, afterMs } of timers) {
      const name = `${timer} ${memberId}`
      if (afterMs === null) this.#timers.delete(name)
      else this.#timers.set(name, this.nowMs + afterMs)
    }
  }
}
