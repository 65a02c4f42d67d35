// Writes transactions over several partitions, and commits or aborts them. Now and then it sleeps past
// its timeout, or is taken for dead: another one takes its transactional id over, and when it wakes up
// it goes on as if nothing had happened.

import { Actor, type Arena, TryAgain } from './arena.ts'
import { chooseKeys } from './records.ts'
import type { Place, Session } from './session.ts'
import { type ClientOptions, NoMember, Refused, TransactionalClient } from './transactions.ts'

export interface Habits {
  readonly thinkMs: number
  readonly abortChance: number
  readonly zombieChance: number
  readonly oversleepChance: number
  /** Of asking again when an answer was lost, rather than beginning anew. */
  readonly resumeChance: number
}

export abstract class TransactionalActor extends Actor {
  protected readonly client: TransactionalClient
  protected readonly habits: Habits
  readonly #timeoutMs: number
  #zombie: TransactionalClient | undefined

  constructor(options: ClientOptions, habits: Habits) {
    super(options.name)
    this.client = new TransactionalClient(options)
    this.habits = habits
    this.#timeoutMs = options.timeoutMs
  }

  get transactionalId(): string {
    return this.client.transactionalId
  }

  get isDone(): boolean {
    return !this.client.isOpen
  }

  /** May what was sent so far be committed without the rest? */
  protected abstract readonly mayCommitParts: boolean
  /** Sends what belongs to one transaction. @returns false when there was nothing to do */
  protected abstract fill(session: Session, arena: Arena): Promise<boolean>
  /** What was begun is over, and how is not known. */
  protected abstract lost(): void
  /** What a zombie tries before its commit. */
  protected abstract haunt(
    zombie: TransactionalClient,
    session: Session,
    arena: Arena,
  ): Promise<void>

  protected async work(session: Session, arena: Arena): Promise<void> {
    const { random } = arena
    await this.#goOn(session, arena)
    while (!arena.isEnding) {
      if (this.client.needsInit) await this.client.init(session, arena)
      await this.#transaction(session, arena)
      if (this.#zombie !== undefined && random.chance(0.5)) await this.#wake(session, arena)
      await arena.pass(2 * random.fraction() * this.habits.thinkMs)
    }
  }

  /** After a lost connection: what was under way is asked again, or given up. */
  async #goOn(session: Session, arena: Arena): Promise<void> {
    const { client, habits } = this
    if (client.needsInit || !client.isOpen) return
    try {
      if (client.hasUnderWay && arena.random.chance(habits.resumeChance)) {
        await client.resume(session, arena)
        if (client.isOpen) {
          await client.end(session, arena, this.mayCommitParts && arena.random.chance(0.5))
        }
        return
      }
    } finally {
      this.lost()
    }
    await client.init(session, arena, { goOn: arena.random.chance(0.5) })
  }

  async #transaction(session: Session, arena: Arena): Promise<void> {
    const { client, habits } = this
    const { random } = arena
    client.begin()
    try {
      if (!(await this.fill(session, arena))) {
        client.forgetBegin()
        return
      }
      if (this.#zombie === undefined && random.chance(habits.zombieChance)) {
        this.#zombie = client.leaveZombie()
        arena.tally.count('zombies')
        this.lost()
        await client.init(session, arena)
        return
      }
      if (random.chance(habits.oversleepChance)) {
        arena.tally.count('overslept')
        await arena.pass(1.5 * this.#timeoutMs)
      }
      const isCommit = !random.chance(habits.abortChance)
      if (!isCommit) this.lost()
      await client.end(session, arena, isCommit)
    } catch (error) {
      this.lost()
      if (!(error instanceof NoMember)) throw error
      await client.end(session, arena, false)
    }
  }

  async #wake(session: Session, arena: Arena): Promise<void> {
    const zombie = this.#zombie!
    this.#zombie = undefined
    try {
      await this.haunt(zombie, session, arena)
      await zombie.end(session, arena, true)
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error
      if (error instanceof Refused) arena.tally.count('zombies refused')
    }
  }
}

export class TransactionalWriter extends TransactionalActor {
  protected override readonly mayCommitParts = true
  readonly #places: readonly Place[]
  readonly #keys: number

  /** @param keys how many the topic has; 0 = it has none */
  constructor(options: ClientOptions, places: readonly Place[], habits: Habits, keys = 0) {
    super(options, habits)
    this.#places = places
    this.#keys = keys
  }

  protected async fill(session: Session, arena: Arena): Promise<boolean> {
    const places = this.#places.filter(() => arena.random.chance(0.6))
    for (const place of places.length === 0 ? this.#places.slice(0, 1) : places) {
      const names = Array.from({ length: 1 + arena.random.below(3) }, () => this.client.newValue())
      const keyed = chooseKeys(arena.random, names, this.#keys)
      await this.client.send(session, arena, { place, ...keyed })
    }
    return true
  }

  protected lost(): void {
    // Nothing depends on it.
  }

  protected async haunt(
    zombie: TransactionalClient,
    session: Session,
    arena: Arena,
  ): Promise<void> {
    if (arena.random.chance(0.3)) return // straight to its commit
    const keyed = chooseKeys(arena.random, [zombie.newValue()], this.#keys)
    await zombie.send(session, arena, { place: arena.random.pick(this.#places), ...keyed })
  }
}
