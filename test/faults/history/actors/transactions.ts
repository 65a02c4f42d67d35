// A transactional producer, classic or of transactions v2, that writes down what it does. A request
// whose answer was lost can be asked again as it was; a producer that is refused has to begin anew,
// which aborts what it left open and fences whoever still goes on with it.

import { buildBatch } from '../../../../src/broker/batch/builder.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Source, TransactionName } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import { memberOf } from './follower.ts'
import { recordsOf } from './records.ts'
import type { Claim, Place, PlaceAndOffset, Session, TransactionalProducer } from './session.ts'
import { isTransient } from './transient.ts'

const BUSY_MS = 5

/** The producer holds its id no longer, or its transaction is over. */
export class Refused extends TryAgain {}

/** Who stages offsets is no member of the group by now; the transaction is there to be aborted. */
export class NoMember extends TryAgain {
  readonly errorCode: number

  constructor(errorCode: number) {
    super()
    this.errorCode = errorCode
  }
}

export interface ClientOptions {
  readonly name: string
  readonly transactionalId: string
  readonly isV2: boolean
  readonly timeoutMs: number
}

/** What all clients of one transactional id share, those that were fenced too. */
interface Shared {
  incarnations: number
  transactions: number
  sends: number
  values: number
}

export class TransactionalClient {
  readonly #options: ClientOptions
  readonly #shared: Shared
  #incarnation = 0
  #producer: TransactionalProducer | undefined
  readonly #sequences = new Map<string, number>()
  #open: TransactionName | undefined
  /** Asks again for what was not answered. */
  #underWay: ((session: Session, arena: Arena) => Promise<void>) | undefined

  constructor(
    options: ClientOptions,
    shared: Shared = { incarnations: 0, transactions: 0, sends: 0, values: 0 },
  ) {
    this.#options = options
    this.#shared = shared
  }

  get transactionalId(): string {
    return this.#options.transactionalId
  }

  get needsInit(): boolean {
    return this.#producer === undefined
  }

  /** Something was begun whose end is not known. */
  get isOpen(): boolean {
    return this.#open !== undefined || this.#underWay !== undefined
  }

  get hasUnderWay(): boolean {
    return this.#underWay !== undefined
  }

  /** One that sleeps from here on, and will not have heard of anything that happens meanwhile. */
  leaveZombie(): TransactionalClient {
    const options = { ...this.#options, name: `${this.#options.name} (zombie)` }
    const zombie = new TransactionalClient(options, this.#shared)
    zombie.#incarnation = this.#incarnation
    zombie.#producer = this.#producer
    zombie.#open = this.#open
    for (const [place, sequence] of this.#sequences) zombie.#sequences.set(place, sequence)
    return zombie
  }

  /** Gives up what it has; `init` comes next. */
  abandon(): void {
    this.#producer = undefined
    this.#open = undefined
    this.#underWay = undefined
  }

  /** Nothing was sent for it. */
  forgetBegin(): void {
    this.#open = undefined
  }

  async resume(session: Session, arena: Arena): Promise<void> {
    arena.tally.count('asked again')
    await this.#underWay?.(session, arena)
  }

  /** @param goOn names what it had (KIP-360), if it had anything */
  async init(session: Session, arena: Arena, { goOn = false } = {}): Promise<void> {
    const { name, transactionalId, timeoutMs, isV2 } = this.#options
    const had = goOn ? this.#producer : undefined
    this.abandon()
    const incarnation = ++this.#shared.incarnations
    const operation = arena.history.invoke(name, { kind: 'init', transactionalId, incarnation })
    for (;;) {
      const { errorCode, producer } = await session.initProducer(transactionalId, {
        timeoutMs,
        goOn: had,
      })
      if (errorCode === ErrorCode.NONE) {
        operation.ok()
        this.#incarnation = incarnation
        this.#become({ ...producer, transactionalId, isV2 })
        return
      }
      const isBusy = errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || isTransient(errorCode)
      if (!isBusy) {
        operation.fail(errorName(errorCode))
        throw new Refused()
      }
      await arena.pass(BUSY_MS * (1 + arena.random.fraction()))
    }
  }

  begin(): void {
    const { transactionalId } = this.#options
    const name = `${transactionalId}#${this.#shared.transactions++}`
    this.#open = { name, transactionalId, incarnation: this.#incarnation }
  }

  /** A name that no other value has. */
  newValue(): string {
    return `${this.#options.transactionalId}.${this.#shared.values++}`
  }

  /** @throws Refused; ClientError or TryAgain when it is to be resumed */
  async send(
    session: Session,
    arena: Arena,
    {
      place,
      values,
      keys,
      sources,
    }: {
      place: Place
      values: readonly string[]
      keys?: readonly string[] | undefined
      sources?: readonly Source[]
    },
  ): Promise<void> {
    const { producer, transaction } = this.#current()
    const baseSequence = this.#sequences.get(place.name) ?? 0
    this.#sequences.set(place.name, baseSequence + values.length)
    const timestamp = arena.nowMs()
    const bytes = buildBatch({
      records: recordsOf(values, { timestamp, keys }),
      ...{ producerId: producer.id, producerEpoch: producer.epoch, baseSequence },
      isTransactional: true,
    })
    const operation = arena.history.invoke(this.#options.name, {
      ...{ kind: 'send', partition: place.name, values, keys, transaction },
      stream: `${producer.transactionalId}/${this.#incarnation}`,
      number: this.#shared.sends++,
      ...(sources !== undefined && { sources }),
    })
    await this.#ask(session, arena, operation, async (current) => {
      if (!producer.isV2) {
        const errorCode = await current.addPartition(producer, place)
        if (errorCode !== ErrorCode.NONE) return { errorCode }
      }
      const { errorCode, baseOffset } = await current.produce(place, bytes, {
        transactional: producer,
      })
      return { errorCode, answer: { baseOffset } }
    })
    arena.tally.count('acknowledged', values.length)
  }

  async stage(
    session: Session,
    arena: Arena,
    { group, at, claim }: { group: string; at: PlaceAndOffset; claim?: Claim | undefined },
  ): Promise<void> {
    const { producer, transaction } = this.#current()
    const { name: partition, offset } = at
    const by = claim && memberOf(claim)
    const action = { kind: 'stage', transaction, group, partition, offset, by } as const
    const operation = arena.history.invoke(this.#options.name, action)
    await this.#ask(session, arena, operation, async (current) => {
      if (!producer.isV2) {
        const errorCode = await current.addOffsets(producer, group)
        if (errorCode !== ErrorCode.NONE) return { errorCode }
      }
      return { errorCode: await current.stageOffset(producer, group, at, claim) }
    })
  }

  async end(session: Session, arena: Arena, isCommit: boolean): Promise<void> {
    const { producer, transaction } = this.#current()
    const action = { kind: 'end', transaction, isCommit } as const
    const operation = arena.history.invoke(this.#options.name, action)
    await this.#ask(session, arena, operation, async (current) => {
      const { errorCode, producer: next } = await current.endTransaction(producer, isCommit)
      if (errorCode === ErrorCode.NONE) {
        this.#open = undefined
        this.#become(next)
      }
      return { errorCode }
    })
    arena.tally.count(isCommit ? 'committed' : 'aborted')
  }

  /** Asks until there is an answer that stands. Whatever interrupts it can be resumed. */
  async #ask<Answer>(
    session: Session,
    arena: Arena,
    operation: { ok(answer?: Answer): void; fail(error: string): void; info(error: string): void },
    request: (session: Session) => Promise<{ errorCode: number; answer?: Answer }>,
  ): Promise<void> {
    let isUnsure = false
    const go = async (current: Session, currentArena: Arena): Promise<void> => {
      for (;;) {
        const wasUnsure = isUnsure
        isUnsure = true
        const { errorCode, answer } = await request(current)
        if (errorCode === ErrorCode.NONE) {
          this.#underWay = undefined
          operation.ok(answer)
          return
        }
        if (isTransient(errorCode)) throw new TryAgain()
        isUnsure = wasUnsure
        if (errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) {
          if (isUnsure) operation.info(errorName(errorCode))
          else operation.fail(errorName(errorCode))
          if (OF_MEMBERS.has(errorCode)) {
            this.#underWay = undefined
            throw new NoMember(errorCode)
          }
          this.abandon()
          throw new Refused()
        }
        await currentArena.pass(BUSY_MS * (1 + currentArena.random.fraction()))
      }
    }
    this.#underWay = go
    await go(session, arena)
  }

  #current() {
    const [producer, transaction] = [this.#producer, this.#open]
    if (producer === undefined || transaction === undefined) throw new Error('begin comes first')
    return { producer, transaction }
  }

  #become(producer: TransactionalProducer): void {
    const { id, epoch } = this.#producer ?? {}
    if (producer.id !== id || producer.epoch !== epoch) this.#sequences.clear()
    this.#producer = producer
  }
}

/** Said of who stages, not of the producer. */
const OF_MEMBERS: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
])
