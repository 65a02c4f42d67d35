// An idempotent producer with several batches in flight on one partition. After a lost connection it
// sends again, in order and with the same sequence numbers, whatever was not acknowledged.

import { buildBatch } from '../../../../src/broker/batch/builder.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Invoked } from '../history.ts'
import type { Send } from '../operations.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import { chooseKeys, recordsOf } from './records.ts'
import type { Place, Producer, Session } from './session.ts'
import { isTransient } from './transient.ts'

export interface Pace {
  readonly maxInFlight: number
  readonly recordsPerBatch: number
  /** Between two batches, on average. */
  readonly thinkMs: number
}

interface Outgoing {
  readonly values: readonly string[]
  readonly keys: readonly string[] | undefined
  readonly baseSequence: number
  readonly timestamp: number
  readonly operation: Invoked<Send>
  attempts: number
}

export class Writer extends Actor {
  readonly #place: Place
  readonly #pace: Pace
  readonly #keys: number
  #producer: Producer | undefined
  #nextSequence = 0
  #count = 0
  #number = 0
  #incarnation = 0
  #pending: Outgoing[] = []
  /**
   * One under way was not acknowledged: nothing new is sent before it was, when it comes again. The broker
   * knows the last five batches again, which is what producers have under way at most, those they send
   * again too.
   */
  #hasFailed = false

  /** @param keys how many the topic has; 0 = it has none */
  constructor(name: string, place: Place, pace: Pace, keys = 0) {
    super(name)
    this.#place = place
    this.#pace = pace
    this.#keys = keys
  }

  get isDone(): boolean {
    return this.#pending.length === 0
  }

  protected async work(session: Session, arena: Arena): Promise<void> {
    const producer = await this.#identify(session)
    this.#hasFailed = false
    const again = this.#pending.map((batch) => this.#start(batch, { session, arena, producer }))
    for (const sent of again) await sent
    const underWay: Promise<void>[] = []
    for (;;) {
      while (!arena.isEnding && !this.#hasFailed && underWay.length < this.#pace.maxInFlight) {
        underWay.push(this.#start(this.#next(arena), { session, arena, producer }))
      }
      const first = underWay.shift()
      if (first === undefined) return
      await first
      await arena.pass(2 * arena.random.fraction() * this.#pace.thinkMs)
    }
  }

  async #identify(session: Session): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer
    const { errorCode, producer } = await session.initProducer(null)
    if (errorCode !== ErrorCode.NONE) throw new TryAgain()
    this.#producer = producer
    this.#nextSequence = 0
    this.#incarnation += 1
    return producer
  }

  #next(arena: Arena): Outgoing {
    const size = 1 + arena.random.below(this.#pace.recordsPerBatch)
    const names = Array.from({ length: size }, () => `${this.name}.${this.#count++}`)
    const { values, keys } = chooseKeys(arena.random, names, this.#keys)
    const batch: Outgoing = {
      values,
      keys,
      baseSequence: this.#nextSequence,
      timestamp: arena.nowMs(),
      operation: arena.history.invoke(this.name, {
        kind: 'send',
        partition: this.#place.name,
        values,
        keys,
        stream: `${this.name}/${this.#incarnation}`,
        number: this.#number++,
      }),
      attempts: 0,
    }
    this.#nextSequence += size
    this.#pending.push(batch)
    return batch
  }

  #start(batch: Outgoing, around: { session: Session; arena: Arena; producer: Producer }) {
    const sent = this.#send(batch, around)
    // `work` hears of it when it is that one's turn, and then sends again whatever is not acknowledged.
    sent.catch(() => {
      this.#hasFailed = true
    })
    return sent
  }

  async #send(
    batch: Outgoing,
    { session, arena, producer }: { session: Session; arena: Arena; producer: Producer },
  ): Promise<void> {
    const { values, keys, baseSequence, timestamp, operation } = batch
    if (batch.attempts > 0) arena.tally.count('resent')
    batch.attempts += 1
    const bytes = buildBatch({
      records: recordsOf(values, { timestamp, keys }),
      ...{ producerId: producer.id, producerEpoch: producer.epoch, baseSequence },
    })
    const { errorCode, baseOffset } = await session.produce(this.#place, bytes)
    if (errorCode === ErrorCode.NONE) {
      operation.ok({ baseOffset })
      this.#pending = this.#pending.filter((other) => other !== batch)
      arena.tally.count('acknowledged', values.length)
      return
    }
    // Behind one that failed every other one is out of order; the first of all never is.
    const isInOrder = this.#pending[0] === batch
    if (isInOrder && !isTransient(errorCode)) {
      const error = errorName(errorCode)
      const { name: partition } = this.#place
      arena.history.note(this.name, { kind: 'refused', partition, values, error })
      for (const { operation: open } of this.#pending) open.info(error)
      this.#pending = []
      this.#producer = undefined
    }
    throw new TryAgain()
  }
}
