// Who takes part in a run: writers, transactions, loops, readers, groups, on three topics and, now and
// then, a compacted one. The same in both worlds; a seed says how many there are and how they behave.

import assert from 'node:assert/strict'
import { createTopics } from '../../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode, errorName } from '../../../src/broker/wire/error-codes.ts'
import type { SeededRandom } from '../../simulation/seeded-random.ts'
import { Admin } from './actors/admin.ts'
import type { Actor, Arena } from './actors/arena.ts'
import { ClassicMembership } from './actors/classic-membership.ts'
import { ConsumerMembership } from './actors/consumer-membership.ts'
import { Deserter } from './actors/deserter.ts'
import type { FinalTask, Joining, Wish } from './actors/finale.ts'
import { Follower } from './actors/follower.ts'
import { GroupProcessor } from './actors/group-processor.ts'
import { Member } from './actors/member.ts'
import type { GroupTimes, Membership } from './actors/membership.ts'
import { Processor } from './actors/processor.ts'
import { type Place, placeOf, type Session } from './actors/session.ts'
import { TopicMaker } from './actors/topic-maker.ts'
import { type TransactionalActor, TransactionalWriter } from './actors/transactional-writer.ts'
import { Writer } from './actors/writer.ts'
import { type Subscription, wants } from './operations.ts'

const REST_MS = 5

/** What the members of a group speak: that of all clients, or that of KIP-848. */
export type GroupProtocol = 'classic' | 'consumer'

/** Of the members of the reading group: all the same, now this and now that, by expressions too. */
export type Wishes = 'same' | 'changing' | 'expressions'

export interface CastSettings {
  readonly writers: number
  readonly transactionalWriters: number
  readonly processors: number
  /** Members of one group that share the input, instead of the others. */
  readonly sharedLoops: number
  readonly loopProtocol: GroupProtocol
  /** Of the compacted topic; 0 = there is none. */
  readonly keys: number
  readonly followers: number
  readonly members: number
  readonly memberProtocol: GroupProtocol
  readonly wishes: Wishes
  /** Of the members of every group. */
  readonly staticShare: number
  readonly admins: number
  /** They need a calendar that does not jump: only time ends what they begin. */
  readonly deserters: number
  readonly partitions: number
  readonly maxInFlight: number
  readonly recordsPerBatch: number
  readonly thinkMs: number
  readonly abortChance: number
  readonly zombieChance: number
  readonly oversleepChance: number
  readonly resumeChance: number
  readonly transactionTimeoutMs: number
  /** Of transactional producers that speak the classic protocol. */
  readonly classicShare: number
  readonly groupTimes: GroupTimes
}

/** A group that several share, each with some of its partitions. */
interface SharedGroup {
  readonly group: string
  readonly protocol: GroupProtocol
  readonly places: readonly Place[]
  readonly subscriptions: readonly [Subscription, ...Subscription[]]
  readonly times: GroupTimes
  /** Its first ones. */
  readonly staticMembers: number
}

function membershipOf(index: number, name: string, shared: SharedGroup): Membership {
  const [first, ...others] = shared.subscriptions
  const mine = shared.subscriptions[index % shared.subscriptions.length]!
  const isStatic = index < shared.staticMembers
  const options = {
    ...shared,
    name,
    // They begin with different ones.
    subscriptions: mine === first ? shared.subscriptions : ([mine, first, ...others] as const),
    instance: isStatic ? `${shared.group} ${name}` : undefined,
  }
  if (shared.protocol === 'consumer') return new ConsumerMembership(options)
  return new ClassicMembership(options)
}

/** @param guests chooses what came to this cast later, so that a seed goes on meaning the rest of it */
export function chooseCast(random: SeededRandom, guests: SeededRandom): CastSettings {
  const all: CastSettings = {
    keys: random.pick([0, 0, 0, 3, 12]),
    writers: random.pick([1, 2, 4]),
    transactionalWriters: random.pick([1, 2, 3]),
    followers: random.pick([1, 2, 3]),
    members: random.pick([0, 2, 3]),
    admins: random.pick([0, 1]),
    deserters: random.pick([0, 0, 1]),
    partitions: random.pick([1, 2, 3]),
    maxInFlight: random.pick([1, 3, 5]),
    recordsPerBatch: random.pick([1, 3, 6]),
    thinkMs: random.pick([1, 3, 10]),
    abortChance: random.pick([0.1, 0.3]),
    zombieChance: random.pick([0, 0.1, 0.3]),
    oversleepChance: random.pick([0, 0, 0.05]),
    resumeChance: random.pick([0, 0.5, 1]),
    transactionTimeoutMs: 200,
    classicShare: random.pick([0, 0.5, 1]),
    groupTimes: random.pick([
      { sessionTimeoutMs: 100, rebalanceTimeoutMs: 300 },
      { sessionTimeoutMs: 500, rebalanceTimeoutMs: 1_000 },
    ]),
    memberProtocol: random.pick(['classic', 'consumer']),
    ...chooseLoops(random),
    staticShare: guests.pick([0, 0, 0.5, 1]),
    wishes: guests.pick(['same', 'changing', 'expressions']),
  }
  if (all.keys === 0) return all
  // Whoever works on the compacted topic takes the place of others, so that a run takes no longer.
  const { writers, transactionalWriters, followers } = all
  return {
    ...all,
    writers: Math.ceil(writers / 2),
    transactionalWriters: Math.max(1, transactionalWriters - 1),
    followers: Math.max(1, followers - 1),
  }
}

/** Either kind of loops, so that a run takes no longer. */
function chooseLoops(random: SeededRandom) {
  const loopProtocol = random.pick(['classic', 'consumer'] as const)
  const [processors, sharedLoops] = random.pick([
    [0, 0],
    [1, 0],
    [2, 0],
    [0, 2],
    [0, 3],
  ] as const)
  return { processors, sharedLoops, loopProtocol }
}

interface Topic {
  readonly name: string
  readonly partitions: number
  readonly config: Readonly<Record<string, string>>
}

/** Whatever can be compacted is, at once. */
const COMPACTED = {
  'cleanup.policy': 'compact',
  'internal.segment.bytes': '2000',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '20',
}

export class Cast {
  readonly #actors: readonly Actor[]
  readonly #topics: readonly Topic[]
  readonly #places: readonly Place[]
  readonly #transactional: readonly TransactionalActor[]
  readonly #followers: readonly Follower[]
  readonly #members: readonly Member[]
  readonly #groups: readonly SharedGroup[]
  readonly #admins: readonly Admin[]
  readonly #makers: readonly TopicMaker[]
  readonly #prefix: string
  readonly #wishes: Wishes

  /** @param prefix of all names, so that one broker can serve one run after the other */
  constructor(settings: CastSettings, random: SeededRandom, prefix = '') {
    const { partitions, wishes, staticShare } = settings
    this.#prefix = prefix
    this.#wishes = wishes
    const places = (topic: string) =>
      Array.from({ length: partitions }, (_, index) => placeOf(`${prefix}${topic}`, index))
    const [plain, input, output] = [places('plain'), places('input'), places('output')]
    const compacted = settings.keys === 0 ? [] : places('compacted').slice(0, 2)
    this.#topics = [plain, input, output, compacted]
      .filter((all) => all.length > 0)
      .map((all) => ({
        name: all[0]!.topic,
        partitions: all.length,
        config: all === compacted ? COMPACTED : {},
      }))
    this.#places = [...plain, ...input, ...output, ...compacted]
    const many = <Made>(count: number, make: (index: number) => Made) =>
      Array.from({ length: count }, (_, index) => make(index))
    const clientOf = (name: string) => ({
      name,
      transactionalId: `${prefix}${name}`,
      isV2: !random.chance(settings.classicShare),
      timeoutMs: settings.transactionTimeoutMs,
    })
    const hasLoops = settings.processors > 0 || settings.sharedLoops > 0
    const writers = many(settings.writers, (index) => {
      const targets = hasLoops && index % 2 === 0 ? input : plain
      return new Writer(`w${index}`, targets[(index >> 1) % partitions]!, settings)
    })
    const { groupTimes: times } = settings
    const { sessionTimeoutMs } = times
    const loopers: SharedGroup = {
      ...{ group: `${prefix}loops`, protocol: settings.loopProtocol, places: input, times },
      subscriptions: [{ topics: topicsOf(input) }],
      staticMembers: Math.ceil(staticShare * settings.sharedLoops),
    }
    const { keys } = settings
    const keyedWriters = compacted.map((place, index) => {
      return new Writer(`k${index}`, place, settings, keys)
    })
    const transactional: TransactionalActor[] = [
      ...many(settings.transactionalWriters, (index) => {
        return new TransactionalWriter(clientOf(`t${index}`), output, settings)
      }),
      ...many(Math.min(1, compacted.length), () => {
        return new TransactionalWriter(clientOf('tk'), compacted, settings, keys)
      }),
      ...many(Math.min(settings.processors, partitions), (index) => {
        const loop = { group: `${prefix}loop${index}`, input: input[index]!, outputs: output }
        return new Processor(clientOf(`l${index}`), loop, settings)
      }),
      ...many(settings.sharedLoops, (index) => {
        const name = `s${index}`
        const membership = membershipOf(index, name, loopers)
        const loop = { membership, outputs: output, sessionTimeoutMs }
        return new GroupProcessor(clientOf(name), loop, settings)
      }),
    ]
    this.#transactional = transactional
    const isolated = many(settings.followers, (index) => {
      const isolation = index % 2 === 0 ? 'read_committed' : 'read_uncommitted'
      return new Follower(`${prefix}f${index}`, [...output, ...plain], isolation)
    })
    this.#followers = [
      ...isolated,
      ...many(Math.min(1, compacted.length), () => {
        return new Follower(`${prefix}again`, compacted, 'read_committed', true)
      }),
    ]
    const isOfConsumers = settings.memberProtocol === 'consumer'
    const hasChoice = isOfConsumers || wishes === 'changing'
    const read = hasChoice ? [...output, ...input] : output
    const readers: SharedGroup = {
      ...{ group: `${prefix}group`, protocol: settings.memberProtocol, times },
      places: read,
      subscriptions: this.#subscriptions(topicsOf(read), isOfConsumers),
      staticMembers: Math.ceil(staticShare * settings.members),
    }
    this.#groups = [
      ...(settings.members === 0 ? [] : [readers]),
      ...(settings.sharedLoops === 0 ? [] : [loopers]),
    ]
    this.#members = many(settings.members, (index) => {
      const name = `m${index}`
      return new Member(name, membershipOf(index, name, readers))
    })
    const hasExpressions = readers.subscriptions.some((one) => one.expression !== undefined)
    this.#makers = many(hasExpressions && settings.members > 0 ? 1 : 0, (index) => {
      return new TopicMaker(`made${index}`, this.#made)
    })
    this.#admins = many(settings.admins, (index) => new Admin(`a${index}`, prefix, plain))
    this.#actors = [
      ...writers,
      ...keyedWriters,
      ...transactional,
      ...this.#followers,
      ...this.#members,
      ...this.#admins,
      ...this.#makers,
      ...many(settings.deserters, (index) => {
        const { transactionTimeoutMs } = settings
        return new Deserter(`d${index}`, prefix, output[0]!, transactionTimeoutMs)
      }),
    ]
  }

  /** Makes the topics that are not there yet, however long the disk is full. */
  async found(session: Session, arena: Arena): Promise<void> {
    for (const { name, partitions: numPartitions, config } of this.#topics) {
      const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
      const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs }
      const make = async () => {
        const answer = await session.ask(createTopics, { topics: [topic], timeoutMs: 10_000 })
        return answer.topics[0]!.errorCode
      }
      let errorCode = await make()
      while (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
        await arena.pass(REST_MS)
        errorCode = await make()
      }
      const isThere = errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS
      assert.ok(isThere, `${name} is not made: ${errorName(errorCode)}`)
    }
  }

  /** Everybody at work. @returns when all are done, and until then who is not */
  live(arena: Arena): { readonly done: Promise<void>; readonly lazy: ReadonlySet<string> } {
    const lazy = new Set(this.#actors.map(({ name }) => name))
    const work = this.#actors.map(async (actor) => {
      await actor.live(arena)
      lazy.delete(actor.name)
    })
    return { done: Promise.all(work).then(() => undefined), lazy }
  }

  get finalTask(): FinalTask {
    return {
      places: [
        ...this.#places,
        ...[...this.#admins, ...this.#makers].flatMap(({ places }) => places),
      ],
      transactionalIds: this.#transactional.map(({ transactionalId }) => transactionalId),
      groups: [
        ...this.#followers.map(({ group, places }) => ({ group, places })),
        ...this.#transactional
          .filter((actor) => actor instanceof Processor)
          .map(({ loop }) => ({ group: loop.group, places: [loop.input] })),
        ...this.#groups.map(({ group, places }) => {
          return { group, places: [...places, ...this.#madeFor(group)] }
        }),
      ],
      joins: this.#groups
        .filter(({ protocol, staticMembers }) => protocol === 'consumer' || staticMembers > 0)
        .map((shared) => this.#joining(shared)),
    }
  }

  /** Of all topics that are made meanwhile. */
  get #made(): string {
    return `${this.#prefix}made`
  }

  #madeFor(group: string): Place[] {
    const isOfReaders = group === this.#groups[0]?.group && this.#members.length > 0
    return isOfReaders ? this.#makers.flatMap(({ places }) => places) : []
  }

  /** The first one wants all that is there from the beginning. */
  #subscriptions(
    topics: readonly string[],
    isOfConsumers: boolean,
  ): readonly [Subscription, ...Subscription[]] {
    const all = { topics }
    const each = topics.map((topic) => ({ topics: [topic] }))
    if (this.#wishes === 'changing') return [all, ...each]
    if (this.#wishes === 'same' || !isOfConsumers) return [all]
    const anyMade = `${literally(this.#made)}[a-z0-9]*`
    const anyOf = (...some: string[]) => ({ topics: [], expression: some.join('|') })
    return [
      all,
      anyOf(...topics.map(literally), anyMade),
      anyOf(anyMade),
      { topics: topics.slice(1), expression: anyMade },
      ...each,
    ]
  }

  /** Whoever comes last wants one thing, and another one, and is given just that. */
  #joining(shared: SharedGroup): Joining {
    const places = [...shared.places, ...this.#madeFor(shared.group)]
    const wishes = shared.subscriptions.map((subscription): Wish => {
      return { subscription, places: places.filter(({ topic }) => wants(subscription, topic)) }
    })
    const [all, byExpression] = wishes
    const late = placeOf(`${this.#made}late`, 0)
    const isLateWanted = byExpression?.subscription && wants(byExpression.subscription, late.topic)
    const last = isLateWanted
      ? [{ topicToMake: late.topic, places: [...byExpression.places, late] }]
      : []
    const membership = membershipOf(0, 'the end', {
      ...shared,
      ...{ subscriptions: [shared.subscriptions[0]], staticMembers: 0 },
    })
    return { membership, wishes: [all!, ...wishes.slice(1, 2), ...last] }
  }
}

function topicsOf(places: readonly Place[]): string[] {
  return [...new Set(places.map(({ topic }) => topic))]
}

function literally(name: string): string {
  return name.replaceAll('.', '\\.')
}
