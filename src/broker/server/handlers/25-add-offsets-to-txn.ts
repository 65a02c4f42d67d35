// Versions   0-4
// Behaviour  Makes the partition that keeps a group's offsets part of a transaction, so that
//            TxnOffsetCommit may stage offsets there. Who was fenced hears 90, before v2 47.
// Differs    In nothing that is known.
// from Kafka

import { addOffsetsToTxn } from '../../protocol/25-add-offsets-to-txn.ts'
import { defineHandler } from '../handler.ts'
import { fencedError } from '../transaction-errors.ts'

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2

export const handler = defineHandler(addOffsetsToTxn, async (request, { apiVersion, broker }) => {
  const { errorCode } = await broker.transactions.addOffsets({ ...request, clientVersion: 0 })
  return {
    throttleTimeMs: 0,
    errorCode: fencedError(errorCode, apiVersion, FIRST_VERSION_WITH_PRODUCER_FENCED),
  }
})
