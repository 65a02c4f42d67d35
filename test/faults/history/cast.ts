// Who takes part in a run: writers, transactions, loops, readers, groups, on three topics. The same in
// both worlds; a seed says how many there are and how they behave.

import assert from 'node:assert/strict'
import { createTopics } from '../../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode, errorName } from '../../../src/broker/wire/error-codes.ts'
import type { SeededRandom } from '../../simulation/seeded-random.ts'
import { Admin } from './actors/admin.ts'
import type { Actor, Arena } from './actors/arena.ts'
import { Deserter } from './actors/deserter.ts'
import type { FinalTask } from './actors/finale.ts'
import { Follower } from './actors/follower.ts'
import { type GroupTimes, Member } from './actors/member.ts'
import { Processor } from './actors/processor.ts'
import { type Place, placeOf, type Session } from './actors/session.ts'
import { type TransactionalActor, TransactionalWriter } from './actors/transactional-writer.ts'
import { Writer } from './actors/writer.ts'

const REST_MS = 5

export interface CastSettings {
  readonly writers: number
  readonly transactionalWriters: number
  readonly processors: number
  readonly followers: number
  readonly members: number
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

export function chooseCast(random: SeededRandom): CastSettings {
  return {
    writers: random.pick([1, 2, 4]),
    transactionalWriters: random.pick([1, 2, 3]),
    processors: random.pick([0, 1, 2]),
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
    groupTimes: { sessionTimeoutMs: 500, rebalanceTimeoutMs: 1_000 },
  }
}

export class Cast {
  readonly #actors: readonly Actor[]
  readonly #topics: ReadonlyMap<string, number>
  readonly #places: readonly Place[]
  readonly #transactional: readonly TransactionalActor[]
  readonly #followers: readonly Follower[]
  readonly #members: readonly Member[]
  readonly #admins: readonly Admin[]

  /** @param prefix of all names, so that one broker can serve one run after the other */
  constructor(settings: CastSettings, random: SeededRandom, prefix = '') {
    const { partitions } = settings
    const places = (topic: string) =>
      Array.from({ length: partitions }, (_, index) => placeOf(`${prefix}${topic}`, index))
    const [plain, input, output] = [places('plain'), places('input'), places('output')]
    this.#topics = new Map([plain, input, output].map(([first]) => [first!.topic, partitions]))
    this.#places = [...plain, ...input, ...output]
    const many = <Made>(count: number, make: (index: number) => Made) =>
      Array.from({ length: count }, (_, index) => make(index))
    const clientOf = (name: string) => ({
      name,
      transactionalId: `${prefix}${name}`,
      isV2: !random.chance(settings.classicShare),
      timeoutMs: settings.transactionTimeoutMs,
    })
    const writers = many(settings.writers, (index) => {
      const targets = settings.processors > 0 && index % 2 === 0 ? input : plain
      return new Writer(`w${index}`, targets[(index >> 1) % partitions]!, settings)
    })
    const transactional: TransactionalActor[] = [
      ...many(settings.transactionalWriters, (index) => {
        return new TransactionalWriter(clientOf(`t${index}`), output, settings)
      }),
      ...many(Math.min(settings.processors, partitions), (index) => {
        const loop = { group: `${prefix}loop${index}`, input: input[index]!, outputs: output }
        return new Processor(clientOf(`l${index}`), loop, settings)
      }),
    ]
    this.#transactional = transactional
    this.#followers = many(settings.followers, (index) => {
      const isolation = index % 2 === 0 ? 'read_committed' : 'read_uncommitted'
      return new Follower(`${prefix}f${index}`, [...output, ...plain], isolation)
    })
    this.#members = many(settings.members, (index) => {
      return new Member(`m${index}`, `${prefix}group`, output, settings.groupTimes)
    })
    this.#admins = many(settings.admins, (index) => new Admin(`a${index}`, prefix, plain))
    this.#actors = [
      ...writers,
      ...transactional,
      ...this.#followers,
      ...this.#members,
      ...this.#admins,
      ...many(settings.deserters, (index) => {
        const { transactionTimeoutMs } = settings
        return new Deserter(`d${index}`, prefix, output[0]!, transactionTimeoutMs)
      }),
    ]
  }

  /** Makes the topics that are not there yet, however long the disk is full. */
  async found(session: Session, arena: Arena): Promise<void> {
    for (const [name, numPartitions] of this.#topics) {
      const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
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
    const [member] = this.#members
    return {
      places: [...this.#places, ...this.#admins.flatMap(({ places }) => places)],
      transactionalIds: this.#transactional.map(({ transactionalId }) => transactionalId),
      groups: [
        ...this.#followers.map(({ group, places }) => ({ group, places })),
        ...this.#transactional
          .filter((actor) => actor instanceof Processor)
          .map(({ loop }) => ({ group: loop.group, places: [loop.input] })),
        ...(member === undefined ? [] : [{ group: member.group, places: member.places }]),
      ],
    }
  }
}
