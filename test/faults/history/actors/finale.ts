// With all faults off: whatever is open is ended, everything is read to its end by readers of both
// kinds, and every group is asked where it is. What does not move although the broker answers is
// stuck; how long that takes does not matter, only how often it answered.

import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Isolation } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { Membership } from './membership.ts'
import { askCommitted, pollOnce } from './polling.ts'
import type { Place, Session } from './session.ts'

export interface FinalTask {
  readonly places: readonly Place[]
  readonly transactionalIds: readonly string[]
  readonly groups: readonly { readonly group: string; readonly places: readonly Place[] }[]
  /** Groups that whoever comes last must be given all of. */
  readonly joins: readonly { readonly membership: Membership; readonly places: readonly Place[] }[]
}

/** Answers without any progress that are enough to call it stuck. */
const PATIENCE = 300
/** Who left without a word has a session that is to end first. */
const JOIN_PATIENCE = 3 * PATIENCE
const REST_MS = 10
const POLL_MS = 20

export async function readEverything(
  session: Session,
  arena: Arena,
  { places, transactionalIds, groups, joins }: FinalTask,
): Promise<void> {
  const stuck = (what: string, place?: Place) =>
    arena.history.note('the end', {
      ...{ kind: 'stuck', what },
      ...(place !== undefined && { partition: place.name }),
    })
  for (const transactionalId of transactionalIds) {
    const error = await endWhatIsOpen(session, arena, transactionalId)
    if (error !== undefined) stuck(`${transactionalId} cannot be taken over: ${error}`)
  }
  for (const place of places) {
    for (const isolation of ['read_uncommitted', 'read_committed'] as const) {
      const why = await readToTheEnd(session, arena, place, isolation)
      if (why !== undefined) stuck(`${place.name} cannot be read to its end: ${why}`, place)
    }
  }
  for (const { membership, places: all } of joins) {
    if (await holdsAll(session, arena, membership, all.length)) continue
    stuck(`${membership.group} does not give all its partitions to its only member`)
  }
  const whereIsIt = async (group: string, place: Place) => {
    try {
      const about = { who: 'the end', group, place, isFinal: true, patience: PATIENCE }
      await askCommitted(session, arena, about)
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error
      stuck(`nobody says where ${group} is in ${place.name}`, place)
    }
  }
  for (const { group, places: read } of groups) {
    for (const place of read) {
      await whereIsIt(group, place)
    }
  }
}

async function holdsAll(
  session: Session,
  arena: Arena,
  membership: Membership,
  count: number,
): Promise<boolean> {
  for (let times = 0; times < JOIN_PATIENCE; times++) {
    try {
      await membership.goOn(session, arena)
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error
    }
    if ([...membership.held].length === count) {
      await membership.leave(session, arena)
      return true
    }
    await arena.pass(REST_MS)
  }
  return false
}

async function endWhatIsOpen(
  session: Session,
  arena: Arena,
  transactionalId: string,
): Promise<string | undefined> {
  let error = 0
  for (let times = 0; times < PATIENCE; times++) {
    const { errorCode } = await session.initProducer(transactionalId)
    if (errorCode === ErrorCode.NONE) return undefined
    error = errorCode
    await arena.pass(REST_MS)
  }
  return errorName(error)
}

/** @returns why not */
async function readToTheEnd(
  session: Session,
  arena: Arena,
  place: Place,
  isolation: Isolation,
): Promise<string | undefined> {
  const earliest = await session.offsetAt(place, -2)
  if (earliest.errorCode !== ErrorCode.NONE) return errorName(earliest.errorCode)
  let position = earliest.offset
  let highest = ''
  for (let times = 0; times < PATIENCE; ) {
    const answer = await pollOnce(session, arena, {
      ...{ reader: `the end (${isolation})`, assignment: 0, isolation, place, isFinal: true },
      ...{ fromOffset: position, maxWaitMs: POLL_MS, maxBytes: 500_000 },
    })
    const { errorCode, nextOffset, highWatermark, lastStableOffset } = answer
    if (errorCode !== ErrorCode.NONE) return errorName(errorCode)
    if (lastStableOffset === highWatermark && nextOffset >= highWatermark) return undefined
    const seen = `${nextOffset} ${lastStableOffset} ${highWatermark}`
    times = seen === highest ? times + 1 : 0
    highest = seen
    position = nextOffset
    await arena.pass(REST_MS)
  }
  return `position ${position}, and position, last stable offset and high watermark stay ${highest}`
}
