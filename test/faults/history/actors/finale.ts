// With all faults off: whatever is open is ended, everything is read to its end by readers of both
// kinds, and every group is asked where it is. What does not move although the broker answers is
// stuck; how long that takes does not matter, only how often it answered.

import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Isolation, Subscription } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { Membership } from './membership.ts'
import { askCommitted, pollOnce } from './polling.ts'
import type { Place, Session } from './session.ts'
import { makeTopic } from './topic-maker.ts'

export interface FinalTask {
  readonly places: readonly Place[]
  readonly transactionalIds: readonly string[]
  readonly groups: readonly { readonly group: string; readonly places: readonly Place[] }[]
  /** Groups that whoever comes last must be given all of. */
  readonly joins: readonly Joining[]
}

export interface Joining {
  readonly membership: Membership
  /** What it wants, one after the other. */
  readonly wishes: readonly Wish[]
}

export interface Wish {
  /** As before where there is none. */
  readonly subscription?: Subscription
  /** That is made once it wants it. */
  readonly topicToMake?: string
  /** All of these, and nothing else. */
  readonly places: readonly Place[]
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
  for (const { membership, wishes } of joins) {
    for (const { subscription, topicToMake, places: wanted } of wishes) {
      if (subscription !== undefined) membership.subscribe(subscription)
      if (topicToMake !== undefined && !(await isMade(session, arena, topicToMake))) {
        stuck(`${topicToMake} cannot be made`)
      }
      if (await holdsAll(session, arena, membership, wanted)) continue
      const names = wanted.map(({ name }) => name).join(', ')
      const has = [...membership.held].map(({ place }) => place.name).join(', ')
      stuck(`${membership.group} gives its only member ${has || 'nothing'} instead of ${names}`)
    }
    await membership.leave(session, arena)
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
  wanted: readonly Place[],
): Promise<boolean> {
  const names = new Set(wanted.map(({ name }) => name))
  for (let times = 0; times < JOIN_PATIENCE; times++) {
    try {
      await membership.goOn(session, arena)
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error
    }
    const held = [...membership.held]
    if (held.length === names.size && held.every(({ place }) => names.has(place.name))) return true
    await arena.pass(REST_MS)
  }
  return false
}

async function isMade(session: Session, arena: Arena, topic: string): Promise<boolean> {
  for (let times = 0; times < PATIENCE; times++) {
    try {
      await makeTopic(session, topic)
      return true
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error
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
