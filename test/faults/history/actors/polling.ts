// One fetch, one look at what a group has committed, each written down.

import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Isolation, StoredValue } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { Claim, Place, Session } from './session.ts'
import { isTransient } from './transient.ts'

const UNSTABLE_MS = 5

export interface PollRequest {
  readonly reader: string
  readonly group?: string
  readonly assignment: number
  readonly isolation: Isolation
  readonly place: Place
  readonly fromOffset: number
  readonly maxWaitMs: number
  readonly maxBytes?: number
  /** Of what comes, only so many are taken. */
  readonly maxRecords?: number
  readonly isFinal?: boolean
}

export interface PollAnswer {
  readonly errorCode: number
  readonly records: readonly StoredValue[]
  readonly nextOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
}

export async function pollOnce(
  session: Session,
  arena: Arena,
  request: PollRequest,
): Promise<PollAnswer> {
  const { reader, group, assignment, isolation, place, fromOffset, isFinal } = request
  const operation = arena.history.invoke(reader, {
    ...{ kind: 'poll', reader, assignment, isolation, partition: place.name, fromOffset },
    ...(group !== undefined && { group }),
    ...(isFinal !== undefined && { isFinal }),
  })
  const { maxWaitMs, maxBytes } = request
  const fetched = await session.fetch(place, {
    ...{ fromOffset, isolation, maxWaitMs },
    ...(maxBytes !== undefined && { maxBytes }),
  })
  if (fetched.errorCode !== ErrorCode.NONE) {
    operation.fail(errorName(fetched.errorCode))
    return fetched
  }
  const records = fetched.records.slice(0, request.maxRecords)
  const isCut = records.length < fetched.records.length
  const nextOffset = isCut ? records.at(-1)!.offset + 1 : fetched.nextOffset
  const { highWatermark, lastStableOffset, logStartOffset } = fetched
  const ends = { highWatermark, lastStableOffset, logStartOffset }
  operation.ok({ records, nextOffset, ...ends })
  arena.tally.count('polls')
  arena.tally.count('read', records.length)
  return { errorCode: ErrorCode.NONE, records, nextOffset, ...ends }
}

export interface CommittedQuestion {
  readonly who: string
  readonly group: string
  readonly place: Place
  /** The member that asks, where the group wants to know. */
  readonly as?: Claim | undefined
  readonly isFinal?: boolean
  /** Of answers that it is not stable yet; then somebody else has to come and end a transaction. */
  readonly patience?: number
}

/** Where a group is; waits for transactions that may still change it. @returns -1 = nowhere yet */
export async function askCommitted(
  session: Session,
  arena: Arena,
  { who, group, place, as, isFinal, patience = 20 }: CommittedQuestion,
): Promise<number> {
  for (let times = 0; times < patience; times++) {
    const operation = arena.history.invoke(who, {
      ...{ kind: 'committed', group, partition: place.name },
      ...(isFinal !== undefined && { isFinal }),
    })
    const { topic, partition } = place
    const { errorCode, offsets } = await session.committedOffsets(group, topic, [partition], as)
    if (errorCode === ErrorCode.NONE) {
      const offset = offsets.get(place.partition)!
      operation.ok({ offset })
      return offset
    }
    operation.fail(errorName(errorCode))
    if (errorCode !== ErrorCode.UNSTABLE_OFFSET_COMMIT && !isTransient(errorCode)) break
    await arena.pass(UNSTABLE_MS)
  }
  throw new TryAgain()
}
