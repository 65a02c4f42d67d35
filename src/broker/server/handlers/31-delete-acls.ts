// Versions   1-3
// Behaviour  Removes the access rules that each filter finds, and answers when they are gone, durably. A
//            fetch that waits is asked again at once. Takes ALTER on the cluster (31). 54 when access is
//            not controlled. Filters that find more than 10,000 rules: 44, and nothing is removed.
//            A filter with numbers that stand for nothing is 42.
// Differs    In nothing that is known.

import { deleteAcls } from '../../protocol/31-delete-acls.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { aclFilterOf, NO_AUTHORIZER } from '../security/acl-requests.ts'

const takes = asks('ALTER CLUSTER')

export const handler = defineHandler(deleteAcls, takes, async (request, { access, broker }) => {
  const filters = request.filters.map(aclFilterOf)
  const all = (errorCode: ErrorCode, errorMessage: string | null) => ({
    filterResults: filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] })),
  })
  if (!access.mayOnCluster(AclOperation.ALTER)) {
    return all(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, null)
  }
  if (broker.authorizer === undefined) return all(NO_AUTHORIZER.errorCode, NO_AUTHORIZER.message)
  const outcomes = await broker.catalog.removeAcls(filters)
  return {
    filterResults: outcomes.map((outcome) => ({
      errorCode: outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE,
      errorMessage: outcome.kind === 'refused' ? outcome.message : null,
      matchingAcls: (outcome.kind === 'refused' ? [] : outcome.acls).map((acl) => ({
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        ...acl,
      })),
    })),
  }
})
