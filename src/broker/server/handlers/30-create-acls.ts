// Versions   1-3
// Behaviour  Makes access rules, each judged by itself (42 for one that cannot be), and answers when they
//            are durable and hold. One that is there already is a success. Takes ALTER on the cluster
//            (31). 54 when access is not controlled. More than 10,000 in one request: 44 for each.
// Differs    A rule beyond millrace.max.acls is refused with 44. Name, principal and host have at most
// from Kafka 4,096 characters together. A rule of ANY type, pattern, operation or permission is 42 by
//            itself, where Kafka fails the request as a whole (-1).

import { createAcls } from '../../protocol/30-create-acls.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { NO_AUTHORIZER } from '../security/acl-requests.ts'

const takes = asks('ALTER CLUSTER')

export const handler = defineHandler(
  createAcls,
  takes,
  async ({ creations }, { access, broker }) => {
    const acls = creations.map(({ resourcePatternType: patternType, ...rest }) => ({
      ...rest,
      patternType,
    }))
    const all = (errorCode: ErrorCode, errorMessage: string | null) => ({
      results: acls.map(() => ({ errorCode, errorMessage })),
    })
    if (!access.mayOnCluster(AclOperation.ALTER)) {
      return all(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, null)
    }
    if (broker.authorizer === undefined) return all(NO_AUTHORIZER.errorCode, NO_AUTHORIZER.message)
    const outcomes = await broker.catalog.createAcls(acls)
    return {
      results: outcomes.map((outcome) => ({
        errorCode: outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE,
        errorMessage: outcome.kind === 'refused' ? outcome.message : null,
      })),
    }
  },
)
