// A member of a consumer group: reads what it holds from where the group is, commits, wanders off,
// comes back. Now and then it commits as the member that it was when it still held something, which
// must be refused.
// Source: KIP-447 (require_stable), KIP-1251 (commits with an epoch that is not the last).

import { ErrorCode } from '../../../../src/broker/wire/error-codes.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import { commitOnce } from './follower.ts'
import { type Hold, isStale, type Membership } from './membership.ts'
import { askCommitted, pollOnce } from './polling.ts'
import type { Claim, Session } from './session.ts'

const POLL_MS = 10
const MAX_BYTES = 1_000
const WANDER_CHANCE = 0.04
const STALE_CHANCE = 0.3
/** Of committing as whom it was given the partition, where it is somebody else by now. */
const OLDER_CHANCE = 0.3

export class Member extends Actor {
  readonly #membership: Membership
  #last: { claim: Claim; hold: Hold; offset: number } | undefined

  constructor(name: string, membership: Membership) {
    super(name)
    this.#membership = membership
  }

  readonly isDone = true

  protected async work(session: Session, arena: Arena): Promise<void> {
    const membership = this.#membership
    membership.reconnected()
    while (!arena.isEnding) {
      if (!(await membership.goOn(session, arena))) continue
      await this.#stale(session, arena)
      await this.#read(session, arena)
      if (arena.random.chance(WANDER_CHANCE)) {
        await membership.wander(session, arena)
        await this.#read(session, arena) // as if nothing had happened
      }
      await arena.pass(POLL_MS * arena.random.fraction())
    }
    await membership.leave(session, arena)
  }

  async #stale(session: Session, arena: Arena): Promise<void> {
    const last = this.#last
    if (last === undefined || !isStale(last, this.#membership)) return
    this.#last = undefined
    if (!arena.random.chance(STALE_CHANCE)) return
    const { claim, hold, offset } = last
    const errorCode = await this.#commit(session, arena, { claim, hold, offset })
    if (errorCode !== ErrorCode.NONE) arena.tally.count('stale commits refused')
  }

  async #read(session: Session, arena: Arena): Promise<void> {
    const { group } = this.#membership
    for (const hold of this.#membership.held) {
      const { claim, asker, assignment } = this.#membership
      if (claim === undefined || arena.isEnding) return
      const { place } = hold
      hold.offset ??= Math.max(
        0,
        await askCommitted(session, arena, { who: this.name, group, place, as: asker }),
      )
      const polled = await pollOnce(session, arena, {
        ...{ reader: this.name, group, assignment },
        ...{ isolation: 'read_committed', place, fromOffset: hold.offset },
        ...{ maxWaitMs: POLL_MS, maxBytes: MAX_BYTES },
      })
      if (polled.errorCode !== ErrorCode.NONE) throw new TryAgain()
      hold.offset = polled.nextOffset
      if (polled.records.length === 0) continue
      const isOlder = hold.since.generationId < claim.generationId
      const isAsOlder = isOlder && arena.random.chance(OLDER_CHANCE)
      const commit = { claim: isAsOlder ? hold.since : claim, hold, offset: polled.nextOffset }
      const errorCode = await this.#commit(session, arena, commit)
      if (!this.#membership.hear(errorCode)) return
      if (isAsOlder) arena.tally.count('consumers: commits as who they were')
      this.#last ??= commit
    }
  }

  #commit(
    session: Session,
    arena: Arena,
    { claim, hold, offset }: { claim: Claim; hold: Hold; offset: number },
  ): Promise<number> {
    const { group } = this.#membership
    const { place } = hold
    return commitOnce(session, arena, { who: this.name, group, place, offset, claim })
  }
}
