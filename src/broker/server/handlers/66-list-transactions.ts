// Versions   0-2
// Behaviour  Transactional ids by state and producer id, from v1 on by how long their transaction has
//            run, from v2 on by a pattern that is matched in linear time; one that is none is 128. Hidden
//            ids are left out.
// Differs    A pattern may have 1,000 characters; V8's syntax is taken where it can be linear, not RE2's.
// from Kafka

import { linearRegExp } from '../../../host/linear-regexp.ts'
import { listTransactions } from '../../protocol/66-list-transactions.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

/** Every state that Kafka knows: an id is never seen here in the last two. */
const STATES = new Set([
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
])

const takes = asks('DESCRIBE TRANSACTIONAL_ID')

export const handler = defineHandler(listTransactions, takes, (request, { access, broker }) => {
  const { stateFilters, durationFilter, transactionalIdPattern: text } = request
  const unknownStateFilters = stateFilters.filter((state) => !STATES.has(state))
  const pattern = text === null || text === '' ? null : linearRegExp(text)
  if (pattern === undefined) return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION)
  const listed = broker.transactions.list()
  if (typeof listed === 'number') return refuse(listed)
  const states = new Set(stateFilters)
  const producerIds = new Set(request.producerIdFilters)
  const nowMs = broker.host.clock.nowMs()
  const transactionStates = listed
    .filter(({ state }) => states.size === 0 || states.has(state))
    .filter(({ producerId }) => producerIds.size === 0 || producerIds.has(producerId))
    .filter(({ startedMs }) => durationFilter < 0 || nowMs - startedMs > durationFilter)
    .filter(({ transactionalId }) => pattern === null || pattern.test(transactionalId))
    .filter(({ transactionalId }) =>
      access.mayQuietly(AclOperation.DESCRIBE, AclResource.TRANSACTIONAL_ID, transactionalId),
    )
    .map(({ transactionalId, producerId, state }) => ({
      transactionalId,
      producerId,
      transactionState: state,
    }))
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates }

  function refuse(errorCode: ErrorCode) {
    return { throttleTimeMs: 0, errorCode, unknownStateFilters, transactionStates: [] }
  }
})
