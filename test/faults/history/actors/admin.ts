// The administrator: deletes records, and makes, widens, fills and deletes topics of its own. A topic
// whose creation or deletion was not answered is left alone from then on.

import { buildBatch } from '../../../../src/broker/batch/builder.ts'
import { createTopics } from '../../../../src/broker/protocol/19-create-topics.ts'
import { deleteTopics } from '../../../../src/broker/protocol/20-delete-topics.ts'
import { deleteRecords } from '../../../../src/broker/protocol/21-delete-records.ts'
import { createPartitions } from '../../../../src/broker/protocol/37-create-partitions.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import type { Place, Session } from './session.ts'

const REST_MS = 30
const TIMEOUT_MS = 10_000
const MAX_TOPICS = 3

interface OwnTopic {
  readonly topic: string
  /** The same name is used again. */
  readonly incarnation: number
  partitions: number
}

export class Admin extends Actor {
  readonly #prefix: string
  readonly #deletable: readonly Place[]
  readonly #topics: OwnTopic[] = []
  readonly #names: string[] = []
  #made = 0
  #values = 0

  constructor(name: string, prefix: string, deletable: readonly Place[]) {
    super(name)
    this.#prefix = prefix
    this.#deletable = deletable
  }

  readonly isDone = true

  /** Of topics that are there for sure. */
  get places(): Place[] {
    return this.#topics.flatMap((topic) =>
      Array.from({ length: topic.partitions }, (_, partition) => place(topic, partition)),
    )
  }

  protected async work(session: Session, arena: Arena): Promise<void> {
    const { random } = arena
    while (!arena.isEnding) {
      await arena.pass(2 * random.fraction() * REST_MS)
      const topic = this.#topics.length === 0 ? undefined : random.pick(this.#topics)
      const step = random.below(6)
      if (step === 0) await this.#deleteRecords(session, arena)
      else if (topic === undefined || (step === 1 && this.#topics.length < MAX_TOPICS)) {
        await this.#create(session, arena)
      } else if (step === 2) await this.#delete(session, arena, topic)
      else if (step === 3) await this.#widen(session, arena, topic)
      else await this.#write(session, arena, topic)
    }
  }

  async #create(session: Session, arena: Arena): Promise<void> {
    const isNewName = this.#names.length === 0 || arena.random.chance(0.5)
    const count = this.#made++
    const topic = isNewName ? `${this.#prefix}own${count}` : this.#names.pop()!
    const partitions = 1 + arena.random.below(2)
    const request = { name: topic, numPartitions: partitions, replicationFactor: 1 }
    const answer = await session.ask(createTopics, {
      topics: [{ ...request, assignments: [], configs: [] }],
      timeoutMs: TIMEOUT_MS,
    })
    if (session.heard(answer.topics[0]!.errorCode) !== ErrorCode.NONE) throw new TryAgain()
    this.#topics.push({ topic, incarnation: count, partitions })
    arena.tally.count('admin: topics made')
  }

  async #delete(session: Session, arena: Arena, own: OwnTopic): Promise<void> {
    this.#topics.splice(this.#topics.indexOf(own), 1)
    const answer = await session.ask(
      deleteTopics,
      { topics: [], topicNames: [own.topic], timeoutMs: TIMEOUT_MS },
      { maxVersion: 5 },
    )
    if (session.heard(answer.responses[0]!.errorCode) !== ErrorCode.NONE) throw new TryAgain()
    this.#names.push(own.topic)
    arena.tally.count('admin: topics deleted')
  }

  async #widen(session: Session, arena: Arena, own: OwnTopic): Promise<void> {
    const count = own.partitions + 1
    const answer = await session.ask(createPartitions, {
      topics: [{ name: own.topic, count, assignments: null }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    })
    const errorCode = session.heard(answer.results[0]!.errorCode)
    // The answer to the first try may have been lost.
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.INVALID_PARTITIONS) {
      throw new TryAgain()
    }
    own.partitions = count
    arena.tally.count('admin: partitions added')
  }

  async #write(session: Session, arena: Arena, own: OwnTopic): Promise<void> {
    const target = place(own, arena.random.below(own.partitions))
    const value = `${this.name}.${this.#values++}`
    const operation = arena.history.invoke(this.name, {
      ...{ kind: 'send', partition: target.name, values: [value] },
      ...{ stream: `${this.name}/plain${this.#values}`, number: this.#values },
    })
    const timestamp = arena.nowMs()
    const records = [{ timestamp, key: null, value: Buffer.from(value) }]
    // Without a sequence a late one more of these would be a duplicate, and rightly so.
    const { errorCode, baseOffset } = await session.produce(target, buildBatch({ records }), {
      mayComeAgain: false,
    })
    if (errorCode === ErrorCode.NONE) operation.ok({ baseOffset })
    else operation.info(errorName(errorCode))
  }

  async #deleteRecords(session: Session, arena: Arena): Promise<void> {
    const target = arena.random.pick(this.#deletable)
    const earliest = await session.offsetAt(target, -2)
    const latest = await session.offsetAt(target, -1)
    if (earliest.errorCode !== ErrorCode.NONE || latest.errorCode !== ErrorCode.NONE) {
      throw new TryAgain()
    }
    const span = latest.offset - earliest.offset
    const offset = earliest.offset + arena.random.below(Math.floor(span / 2) + 1)
    const { name: partition } = target
    const action = { kind: 'delete-records', partition, offset } as const
    const operation = arena.history.invoke(this.name, action)
    const partitions = [{ partitionIndex: target.partition, offset }]
    const answer = await session.ask(deleteRecords, {
      topics: [{ name: target.topic, partitions }],
      timeoutMs: TIMEOUT_MS,
    })
    const errorCode = session.heard(answer.topics[0]!.partitions[0]!.errorCode)
    if (errorCode === ErrorCode.NONE) {
      operation.ok()
      arena.tally.count('admin: records deleted')
    } else operation.info(errorName(errorCode))
  }
}

function place({ topic, incarnation }: OwnTopic, partition: number): Place {
  return { topic, partition, name: `${topic}#${incarnation}-${partition}` }
}
