// Reads partitions by assignment, on and on and hardly ever back, and commits how far it is for a group
// without members.

import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Isolation, MemberName } from '../operations.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import { pollOnce } from './polling.ts'
import type { Claim, Place, Session } from './session.ts'

const POLL_MS = 15
/** Small, so that a position is often in the middle of what there is. */
const MAX_BYTES = 1_000
const COMMIT_CHANCE = 0.3
/** Before it begins again, on average. */
const AGAIN_MS = 30
/** Of going to where records were deleted, at each poll of a partition that lost some. */
const BELOW_START_CHANCE = 0.01

export class Follower extends Actor {
  readonly group: string
  readonly places: readonly Place[]
  readonly #isolation: Isolation
  readonly #beginsAgain: boolean
  readonly #positions = new Map<Place, number>()
  /** The furthest that it ever was; it commits nothing below. */
  readonly #reached = new Map<Place, number>()
  #assignment = 0

  /** @param beginsAgain whether it reads all from the beginning when it has come to the end */
  constructor(name: string, places: readonly Place[], isolation: Isolation, beginsAgain = false) {
    super(name)
    this.#beginsAgain = beginsAgain
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
    const polled = await pollOnce(session, arena, {
      ...{ reader: this.name, assignment: this.#assignment, isolation: this.#isolation },
      ...{ place, fromOffset, maxWaitMs: POLL_MS, maxBytes: MAX_BYTES },
    })
    const { errorCode, nextOffset, records, logStartOffset } = polled
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const earliest = await session.offsetAt(place, -2)
      if (earliest.errorCode !== ErrorCode.NONE) throw new TryAgain()
      this.#seek(place, earliest.offset)
      return
    }
    if (errorCode !== ErrorCode.NONE) throw new TryAgain()
    this.#positions.set(place, nextOffset)
    await this.#maybeGoBack(arena, place, { hasCome: nextOffset > fromOffset, logStartOffset })
    const reached = this.#reached.get(place) ?? 0
    if (nextOffset <= reached || records.length === 0) return
    this.#reached.set(place, nextOffset)
    if (!arena.random.chance(COMMIT_CHANCE)) return
    const { name: who, group } = this
    await commitOnce(session, arena, { who, group, place, offset: nextOffset })
  }

  /** To what it has read before, or to what is no longer there. */
  async #maybeGoBack(
    arena: Arena,
    place: Place,
    { hasCome, logStartOffset }: { hasCome: boolean; logStartOffset: number },
  ): Promise<void> {
    if (this.#beginsAgain && !hasCome) {
      this.#seek(place, 0)
      await arena.pass(2 * arena.random.fraction() * AGAIN_MS)
    }
    if (logStartOffset > 0 && arena.random.chance(BELOW_START_CHANCE)) {
      this.#seek(place, logStartOffset - 1)
    }
  }

  #seek(place: Place, offset: number): void {
    this.#positions.set(place, offset)
    this.#assignment++
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
    claim?: Claim
  },
): Promise<number> {
  const { who, group, place, offset, claim } = commit
  const by = claim && memberOf(claim)
  const action = { kind: 'commit', group, partition: place.name, offset, by } as const
  const operation = arena.history.invoke(who, action)
  const errorCode = await session.commitOffset(group, { ...place, offset }, claim)
  if (errorCode === ErrorCode.NONE) {
    operation.ok()
    arena.tally.count('commits')
  } else if (DEFINITE.has(errorCode)) operation.fail(errorName(errorCode))
  else operation.info(errorName(errorCode))
  return errorCode
}

export function memberOf({ memberId, generationId, instanceId: instance }: Claim): MemberName {
  return { member: memberId, epoch: generationId, ...(instance !== undefined && { instance }) }
}

/** It was judged, and nothing was written. */
const DEFINITE: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
])
