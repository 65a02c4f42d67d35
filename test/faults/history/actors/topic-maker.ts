// Makes topics while others subscribe to them by expressions, and writes a little into each. Whether one
// was made is asked until it is known.

import { buildBatch } from '../../../../src/broker/batch/builder.ts'
import { createTopics } from '../../../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import { type Place, placeOf, type Session } from './session.ts'

const REST_MS = 40
const MAX_TOPICS = 4
const MAKE_CHANCE = 0.3
const TIMEOUT_MS = 10_000

export class TopicMaker extends Actor {
  readonly #prefix: string
  readonly #topics: string[] = []
  #underWay: string | undefined
  #values = 0

  constructor(name: string, prefix: string) {
    super(name)
    this.#prefix = prefix
  }

  get isDone(): boolean {
    return this.#underWay === undefined
  }

  /** Of those that are there for sure: one partition each. */
  get places(): Place[] {
    return this.#topics.map((topic) => placeOf(topic, 0))
  }

  protected async work(session: Session, arena: Arena): Promise<void> {
    const { random } = arena
    for (;;) {
      if (this.#underWay !== undefined) await this.#make(session, arena, this.#underWay)
      if (arena.isEnding) return
      await arena.pass(2 * random.fraction() * REST_MS)
      const count = this.#topics.length
      const mayMake = count < MAX_TOPICS && !arena.isEnding
      if (mayMake && (count === 0 || random.chance(MAKE_CHANCE))) {
        this.#underWay = `${this.#prefix}${count}`
      } else if (count > 0) await this.#write(session, arena)
    }
  }

  async #make(session: Session, arena: Arena, topic: string): Promise<void> {
    await makeTopic(session, topic)
    this.#underWay = undefined
    this.#topics.push(topic)
    arena.tally.count('topics made for expressions')
  }

  async #write(session: Session, arena: Arena): Promise<void> {
    const place = arena.random.pick(this.places)
    const value = `${this.name}.${this.#values++}`
    const operation = arena.history.invoke(this.name, {
      ...{ kind: 'send', partition: place.name, values: [value] },
      ...{ stream: `${this.name}/plain${this.#values}`, number: this.#values },
    })
    const records = [{ timestamp: arena.nowMs(), key: null, value: Buffer.from(value) }]
    // Without a sequence a late one more of these would be a duplicate, and rightly so.
    const { errorCode, baseOffset } = await session.produce(place, buildBatch({ records }), {
      mayComeAgain: false,
    })
    if (errorCode === ErrorCode.NONE) operation.ok({ baseOffset })
    else operation.info(errorName(errorCode))
  }
}

/** One that may be there already, of one partition. @throws TryAgain */
export async function makeTopic(session: Session, name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const answer = await session.ask(createTopics, { topics: [topic], timeoutMs: TIMEOUT_MS })
  const errorCode = session.heard(answer.topics[0]!.errorCode)
  // The answer to the first try may have been lost.
  const isThere = errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS
  if (!isThere) throw new TryAgain()
}
