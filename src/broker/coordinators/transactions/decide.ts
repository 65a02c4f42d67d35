// The door of the room: what an input means for a transactional id. Pure: time, settings and new
// producer ids come in as arguments, everything that follows goes out as data.
// Source: KIP-98, KIP-360, KIP-588 (which error fences), KIP-890.

import { ErrorCode } from '../../wire/error-codes.ts'
import { answer, go, refuse } from './decisions.ts'
import { abortAndFence, end } from './end.ts'
import { init } from './init-producer-id.ts'
import type { AddRequest, Decision, TransactionInput, TransactionSettings } from './input.ts'
import { claimError, withPartitions } from './partitions.ts'
import {
  isEnding,
  isExpired,
  isTimedOut,
  NO_ID,
  NO_PARTITIONS,
  type Transaction,
} from './transaction.ts'

/**
 * @param transaction undefined when nothing is known of the id
 * @param nowMs calendar time: timeouts go on while the broker is down
 */
export function decide(
  transaction: Transaction | undefined,
  input: TransactionInput,
  settings: TransactionSettings,
  nowMs: number,
): Decision {
  switch (input.kind) {
    case 'init':
      return init(transaction, input, settings, nowMs)
    case 'add':
      return add(transaction, input, nowMs)
    case 'end':
      return end(transaction, input, nowMs)
    case 'markers-written':
      return complete(transaction, nowMs)
    case 'check-timeout':
      if (transaction === undefined || !isTimedOut(transaction, nowMs)) return answer(transaction)
      return go(abortAndFence(transaction, nowMs))
    case 'check-expiry':
      if (transaction === undefined || !isExpired(transaction, nowMs, input.expirationMs)) {
        return answer(transaction)
      }
      return { ...answer(undefined), record: 'tombstone' }
  }
}

function add(transaction: Transaction | undefined, request: AddRequest, nowMs: number): Decision {
  if (transaction === undefined) return refuse(undefined, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  const errorCode = claimError(transaction, request)
  if (errorCode !== ErrorCode.NONE) return refuse(transaction, errorCode)
  const partitions = withPartitions(transaction.partitions, request.partitions)
  const isOngoing = transaction.state === 'Ongoing'
  if (isOngoing && partitions === transaction.partitions) return answer(transaction)
  return go({
    ...transaction,
    state: 'Ongoing',
    partitions,
    startedMs: isOngoing ? transaction.startedMs : nowMs,
    updatedMs: nowMs,
    clientVersion: request.clientVersion,
  })
}

function complete(transaction: Transaction | undefined, nowMs: number): Decision {
  if (transaction === undefined || !isEnding(transaction)) return answer(transaction)
  const { state, producerId, nextProducerId } = transaction
  const rotated =
    nextProducerId === NO_ID
      ? undefined
      : { producerId: nextProducerId, previousProducerId: producerId, producerEpoch: 0 }
  return go({
    ...transaction,
    state: state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    ...rotated,
    nextProducerId: NO_ID,
    partitions: NO_PARTITIONS,
    updatedMs: nowMs,
  })
}
