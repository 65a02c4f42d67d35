// Hundreds of random histories of one group: clients that behave and clients that don't, lost answers,
// topics that come, grow and go, time, crashes with replay of what was written. After each step no
// partition is in two hands, and the records make the group as it is; when everybody behaves again the
// group converges. A failure prints its seed: SEED=n node --test <this file>

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { HeartbeatReply, HeartbeatRequest } from './input.ts'
import { Scenario } from './scenario.ts'
import type { TopicPartitionList } from './topic-partitions.ts'

const HISTORIES = 300
const STEPS = 150
const TOPIC_NAMES = ['t', 'u', 'v']
const SUBSCRIPTIONS: Partial<HeartbeatRequest>[] = [
  { subscribedTopicNames: ['t'] },
  { subscribedTopicNames: ['t', 'u'] },
  { subscribedTopicNames: ['u', 'v'] },
  { subscribedTopicNames: [] },
  { subscribedTopicNames: ['t'], subscribedTopicRegex: '[uv]' },
]

/** mulberry32: small, seeded, good enough to shuffle with. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/** A consumer: what it has in its hands, and what it was told to have. */
class Client {
  memberId: string
  readonly instanceId: string | null
  epoch = 0
  hands: TopicPartitionList = []
  told: TopicPartitionList = []
  subscription: Partial<HeartbeatRequest>
  /** An answer was lost. */
  isWaiting = false
  /** It says everything, as clients do after a request that failed. */
  mustSayAll = true

  constructor(
    memberId: string,
    instanceId: string | null,
    subscription: Partial<HeartbeatRequest>,
  ) {
    this.memberId = memberId
    this.instanceId = instanceId
    this.subscription = subscription
  }

  request(): Partial<HeartbeatRequest> & { memberId: string } {
    const { memberId, instanceId, epoch: memberEpoch, hands: topicPartitions } = this
    const who = { memberId, instanceId, memberEpoch, topicPartitions }
    if (!this.mustSayAll) return who
    const regex = { subscribedTopicRegex: '' }
    return { ...who, rebalanceTimeoutMs: 20_000, ...regex, ...this.subscription }
  }

  hear({ errorCode, memberEpoch, assignment }: HeartbeatReply): void {
    if (errorCode !== ErrorCode.NONE) {
      this.startAnew()
      return
    }
    this.mustSayAll = false
    this.isWaiting = false
    this.epoch = memberEpoch
    if (assignment !== null) this.told = assignment
  }

  /**
   * It gives up what it must, and takes what it may; but nothing while an answer is out that might
   * take it away: the group believes what the request said.
   */
  obey(): void {
    const may = this.isWaiting ? this.hands : this.told
    this.hands = may.map(({ topicId, partitions }) => {
      const told = this.told.find((topic) => topic.topicId === topicId)?.partitions ?? []
      return { topicId, partitions: partitions.filter((partition) => told.includes(partition)) }
    })
  }

  drop(): void {
    this.hands = []
    this.told = []
  }

  startAnew(): void {
    this.drop()
    this.epoch = 0
    this.mustSayAll = true
    this.isWaiting = false
  }
}

class History {
  readonly random: (bound: number) => number
  readonly scenario: Scenario
  readonly clients = new Map<string, Client>()
  readonly seen: Set<string>
  #lastMember = 0

  constructor(seed: number, seen: Set<string>) {
    this.random = randomFrom(seed)
    this.seen = seen
    const assignmentIntervalMs = this.random(2) * 3_000
    this.scenario = new Scenario({ assignmentIntervalMs, maxMembers: 6 })
    this.scenario.topics.set('t', 4)
  }

  step(): void {
    const actions = [
      () => this.arrive(),
      () => this.beat(),
      () => this.beat(),
      () => this.beat(),
      () => this.beat(),
      () => this.loseAnswer(),
      () => this.anyClient()?.obey(),
      () => this.anyClient()?.obey(),
      () => this.anyClient()?.obey(),
      () => this.changeMind(),
      () => this.depart(),
      () => this.changeTopics(),
      () => this.pass(this.random(6_000)),
      () => (this.random(6) === 0 ? this.pass(this.random(50_000)) : undefined),
      () => (this.random(4) === 0 ? this.crash() : undefined),
    ]
    actions[this.random(actions.length)]!()
    this.check()
  }

  arrive(): void {
    this.#lastMember += 1
    const instanceId = this.random(3) === 0 ? `i${this.random(2)}` : null
    const memberId = `m${this.#lastMember}`
    const subscription = SUBSCRIPTIONS[this.random(SUBSCRIPTIONS.length)]!
    const client = new Client(memberId, instanceId, subscription)
    const reply = this.scenario.heartbeat(client.request())
    this.seen.add(`join ${reply.errorCode}`)
    if (reply.errorCode !== ErrorCode.NONE) return
    client.hear(reply)
    this.clients.set(memberId, client)
  }

  beat(client = this.anyClient()): void {
    if (client === undefined) return
    const reply = this.scenario.heartbeat(client.request())
    this.seen.add(`beat ${reply.errorCode}`)
    this.seen.add(`state ${this.scenario.group.members.get(client.memberId)?.state}`)
    client.hear(reply)
    // Somebody else has its instance id: it gives up.
    if (reply.errorCode === ErrorCode.FENCED_INSTANCE_ID) this.clients.delete(client.memberId)
    if (reply.errorCode === ErrorCode.UNRELEASED_INSTANCE_ID) this.clients.delete(client.memberId)
    if (reply.errorCode === ErrorCode.GROUP_MAX_SIZE_REACHED) this.clients.delete(client.memberId)
  }

  loseAnswer(): void {
    const client = this.anyClient()
    if (client === undefined) return
    this.scenario.heartbeat(client.request())
    client.mustSayAll = true
    client.isWaiting = true
  }

  changeMind(): void {
    const client = this.anyClient()
    if (client === undefined || client.epoch === 0) return
    client.subscription = SUBSCRIPTIONS[this.random(SUBSCRIPTIONS.length)]!
    client.mustSayAll = true
  }

  depart(): void {
    const client = this.anyClient()
    if (client === undefined) return
    this.clients.delete(client.memberId)
    const manner = this.random(3)
    if (manner === 0) return // It falls silent: from now on it counts as gone with its session.
    const isStatic = client.instanceId !== null && manner === 1
    const { memberId, instanceId } = client
    const reply = this.scenario.heartbeat({ memberId, instanceId, memberEpoch: isStatic ? -2 : -1 })
    this.seen.add(`leave ${isStatic} ${reply.errorCode}`)
  }

  changeTopics(): void {
    const name = TOPIC_NAMES[this.random(TOPIC_NAMES.length)]!
    const { topics } = this.scenario
    const before = topics.byName(name)?.partitions ?? 0
    if (this.random(4) === 0) topics.remove(name)
    else if (before < 8) topics.set(name, before + 1 + this.random(3))
  }

  /** A client knows when its session is over, and when it was too slow to give up. */
  pass(ms: number): void {
    this.scenario.advance(ms)
    for (const memberId of this.scenario.expired.splice(0)) {
      this.seen.add('expired')
      this.clients.get(memberId)?.drop()
    }
  }

  crash(): void {
    this.seen.add('crash')
    this.scenario.restart()
  }

  /** Everybody behaves, and time goes by, until nothing changes any more. */
  settle(): void {
    for (let round = 0; round < 30; round++) {
      this.pass(5_000)
      for (const client of [...this.clients.values()]) {
        this.beat(client)
        this.check()
        client.obey()
        this.check()
      }
    }
  }

  anyClient(): Client | undefined {
    const all = [...this.clients.values()]
    return all[this.random(Math.max(all.length, 1))]
  }

  check(): void {
    const hands = new Map<string, string>()
    for (const { memberId, hands: inHand } of this.clients.values()) {
      for (const { topicId, partitions } of inHand) {
        for (const partition of partitions) {
          const place = `${topicId} ${partition}`
          assert.equal(hands.get(place), undefined, `${place} is in two hands`)
          hands.set(place, memberId)
        }
      }
    }
    assert.deepEqual(factsOf(this.scenario.replayed()), factsOf(this.scenario.group))
  }

  checkSettled(): void {
    const { group, topics } = this.scenario
    assert.ok(['Stable', 'Empty'].includes(group.state), group.state)
    assert.deepEqual([...group.members.keys()].sort(), [...this.clients.keys()].sort())
    const wanted = new Set<string>()
    for (const name of group.subscribedTopics.keys()) {
      const topic = topics.byName(name)
      for (let index = 0; index < (topic?.partitions ?? 0); index++) wanted.add(`${name} ${index}`)
    }
    const had = [...this.clients.values()].flatMap(({ hands }) =>
      hands.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => `${topics.byId(topicId)?.name} ${partition}`),
      ),
    )
    assert.deepEqual(had.sort(), [...wanted].sort())
  }
}

function factsOf(group: ConsumerGroup): unknown {
  return {
    epoch: group.epoch,
    metadataHash: group.metadataHash,
    assignmentEpoch: group.assignmentEpoch,
    members: new Map([...group.members].sort()),
    targets: new Map([...group.targets].sort()),
    regexes: group.regexes,
    topics: new Map([...group.subscribedTopics].sort()),
    state: group.state,
    disputed: group.disputed,
  }
}

describe('a consumer group under random histories', () => {
  it('never has a partition in two hands, and converges when its members behave', () => {
    const seen = new Set<string>()
    const only = process.env['SEED']
    const seeds = only === undefined ? Array.from({ length: HISTORIES }, (_, at) => at) : [+only]
    for (const seed of seeds) {
      try {
        const history = new History(seed, seen)
        for (let step = 0; step < STEPS; step++) history.step()
        history.settle()
        history.checkSettled()
      } catch (error) {
        throw new Error(`SEED=${seed}`, { cause: error })
      }
    }

    if (only !== undefined) return
    for (const what of ['join 0', 'join 81', 'join 111', 'beat 0', 'beat 25', 'beat 110']) {
      assert.ok(seen.has(what), `${what} never happened`)
    }
    for (const what of [
      'state unrevoked',
      'state unreleased',
      'expired',
      'crash',
      'leave true 0',
    ]) {
      assert.ok(seen.has(what), `${what} never happened`)
    }
  })
})
