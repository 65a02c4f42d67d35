// Reads partitions by assignment, on and on and never back, and commits how far it is for a group
// without members.

import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Isolation } from '../operations.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import { pollOnce } from './polling.ts'
import type { Place, Session } from './session.ts'

const POLL_MS = 15
/** Small, so that a position is often in the middle of what there is. */
const MAX_BYTES = 1_000
const COMMIT_CHANCE = 0.3

export class Follower extends Actor {
  readonly group: string
  readonly places: readonly Place[]
  readonly #isolation: Isolation
  readonly #positions = new Map<Place, number>()
  #assignment = 0

  constructor(name: string, places: readonly Place[], isolation: Isolation) {
    super(name)
    this.group = `of ${name}`
    this.places = places
    this.#isolation = isolation
  }

  readonly isDone = true

  protected async work(session: Session, arena: Arena): Promise<void> {
    while (!arena.isEnding) {
      for (const place of this.places) {
        if (arena.isEnding) return
        await this.#poll(session, arena, place)
      }
    }
  }

  async #poll(session: Session, arena: Arena, place: Place): Promise<void> {
    const fromOffset = this.#positions.get(place) ?? 0
    const { errorCode, nextOffset, records } = await pollOnce(session, arena, {
      ...{ reader: this.name, assignment: this.#assignment, isolation: this.#isolation },
      ...{ place, fromOffset, maxWaitMs: POLL_MS, maxBytes: MAX_BYTES },
    })
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const earliest = await session.offsetAt(place, -2)
      if (earliest.errorCode !== ErrorCode.NONE) throw new TryAgain()
      this.#positions.set(place, earliest.offset)
      this.#assignment++
      return
    }
    if (errorCode !== ErrorCode.NONE) throw new TryAgain()
    this.#positions.set(place, nextOffset)
    if (records.length > 0 && arena.random.chance(COMMIT_CHANCE)) {
      await commitOnce(session, arena, {
        who: this.name,
        group: this.group,
        place,
        offset: nextOffset,
      })
    }
  }
}

/** @returns the error code */
export async function commitOnce(
  session: Session,
  arena: Arena,
  commit: {
    who: string
    group: string
    place: Place
    offset: number
    membership?: { memberId: string; generationId: number }
  },
): Promise<number> {
  const { who, group, place, offset, membership } = commit
  const action = { kind: 'commit', group, partition: place.name, offset } as const
  const operation = arena.history.invoke(who, action)
  const errorCode = await session.commitOffset(group, { ...place, offset }, membership)
  if (errorCode === ErrorCode.NONE) {
    operation.ok()
    arena.tally.count('commits')
  } else if (DEFINITE.has(errorCode)) operation.fail(errorName(errorCode))
  else operation.info(errorName(errorCode))
  return errorCode
}

/** It was judged, and nothing was written. */
const DEFINITE: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
])
