// Versions   0.
// Behaviour  Always empty: with one node nothing is ever reassigned.
// Differs    In nothing that is known, for a cluster of one.

import { listPartitionReassignments } from '../../protocol/46-list-partition-reassignments.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(listPartitionReassignments, () => ({
  errorCode: ErrorCode.NONE,
  errorMessage: null,
  topics: [],
}))
