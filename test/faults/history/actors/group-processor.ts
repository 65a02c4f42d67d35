// A read-process-write loop that shares its input with others: a member of a group, which says whom it
// commits as with the offsets in its transaction. What it processed counts only if it still was that
// member then; whoever is given the partition next waits until the transaction before is over.
// Source: KIP-447.

import { ErrorCode } from '../../../../src/broker/wire/error-codes.ts'
import type { Source } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import { type Hold, isStale, type Membership } from './membership.ts'
import { askCommitted, pollOnce } from './polling.ts'
import type { Claim, Place, Session } from './session.ts'
import { type Habits, TransactionalActor } from './transactional-writer.ts'
import { type ClientOptions, NoMember, type TransactionalClient } from './transactions.ts'

export interface SharedLoop {
  readonly membership: Membership
  readonly outputs: readonly Place[]
  /** After so long without a sign of life the group goes on without it. */
  readonly sessionTimeoutMs: number
}

const POLL_MS = 10
const MAX_RECORDS = 5
const MORE_CHANCE = 0.5
const WANDER_CHANCE = 0.04
const STALE_CHANCE = 0.5
/** Of silence, on average, before its offsets are staged and before the end of the transaction. */
const SILENCE_MS = 5

export class GroupProcessor extends TransactionalActor {
  protected override readonly mayCommitParts = false
  readonly #loop: SharedLoop
  #losses = 0
  #last: { claim: Claim; hold: Hold } | undefined

  constructor(options: ClientOptions, loop: SharedLoop, habits: Habits) {
    super(options, habits)
    this.#loop = loop
  }

  protected override async work(session: Session, arena: Arena): Promise<void> {
    this.#loop.membership.reconnected()
    await super.work(session, arena)
    await this.#loop.membership.leave(session, arena)
  }

  protected lost(): void {
    this.#losses++
    for (const hold of this.#loop.membership.held) hold.offset = undefined
  }

  protected async fill(session: Session, arena: Arena): Promise<boolean> {
    const { membership } = this.#loop
    if (arena.random.chance(WANDER_CHANCE)) await membership.wander(session, arena)
    if (!(await membership.goOn(session, arena))) return false
    await this.#stale(session, arena)
    let isFilled = false
    for (const hold of membership.held) {
      if (isFilled && !arena.random.chance(MORE_CHANCE)) break
      isFilled = (await this.#process(session, arena, hold)) || isFilled
    }
    return isFilled
  }

  protected async haunt(
    zombie: TransactionalClient,
    session: Session,
    arena: Arena,
  ): Promise<void> {
    const { group, claim, held } = this.#loop.membership
    const [hold] = held
    if (hold === undefined || arena.random.chance(0.3)) return
    await zombie.stage(session, arena, { group, at: { ...hold.place, offset: 0 }, claim })
  }

  /** @returns whether there was anything to do */
  async #process(session: Session, arena: Arena, hold: Hold): Promise<boolean> {
    const { membership, outputs } = this.#loop
    const { group, claim, asker } = membership
    const { place: input } = hold
    const about = { who: this.name, group, place: input, as: asker }
    hold.offset ??= Math.max(0, await askCommitted(session, arena, about))
    const { errorCode, records } = await pollOnce(session, arena, {
      ...{ reader: this.name, group, assignment: membership.assignment + this.#losses },
      ...{ isolation: 'read_committed', place: input, fromOffset: hold.offset },
      ...{ maxWaitMs: POLL_MS, maxRecords: MAX_RECORDS },
    })
    if (errorCode !== ErrorCode.NONE) throw new TryAgain()
    const last = records.at(-1)
    if (last === undefined) return false
    const sources = records.map(({ offset }): Source => ({ group, partition: input.name, offset }))
    const values = records.map(() => this.client.newValue())
    const place = arena.random.pick(outputs)
    await this.client.send(session, arena, { place, values, sources })
    await this.#maybeFallSilent(arena)
    const offset = last.offset + 1
    await this.#stage(session, arena, { at: { ...input, offset }, claim })
    await this.#maybeFallSilent(arena)
    arena.tally.count('shared loops: processed', records.length)
    hold.offset = offset
    if (claim !== undefined) this.#last ??= { claim, hold }
    return true
  }

  /** For longer than a session. */
  async #maybeFallSilent({ random, tally, pass }: Arena): Promise<void> {
    const { sessionTimeoutMs } = this.#loop
    if (!random.chance(SILENCE_MS / sessionTimeoutMs)) return
    tally.count('shared loops: fell silent')
    await pass(sessionTimeoutMs * (1 + 0.3 * random.fraction()))
  }

  /** As the member that it was when it held something; in a transaction of its own. */
  async #stale(session: Session, arena: Arena): Promise<void> {
    const last = this.#last
    if (last === undefined || !isStale(last, this.#loop.membership)) return
    this.#last = undefined
    if (!arena.random.chance(STALE_CHANCE)) return
    await this.#stage(session, arena, { at: { ...last.hold.place, offset: 0 }, claim: last.claim })
  }

  async #stage(
    session: Session,
    arena: Arena,
    { at, claim }: { at: Place & { offset: number }; claim: Claim | undefined },
  ): Promise<void> {
    const { group } = this.#loop.membership
    try {
      await this.client.stage(session, arena, { group, at, claim })
    } catch (error) {
      if (error instanceof NoMember) {
        arena.tally.count('shared loops: refused as members')
        this.#loop.membership.hear(error.errorCode)
      }
      throw error
    }
  }
}
