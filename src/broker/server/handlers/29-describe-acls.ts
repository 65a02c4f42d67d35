// Versions   1-3
// Behaviour  The access rules that a filter finds, by the resource pattern that they are about. The
//            pattern type MATCH finds all that apply to a name. Takes DESCRIBE on the cluster (31). 54
//            when access is not controlled. A filter with numbers that stand for nothing finds nothing.
// Differs    In nothing that is known.

import { type Acl, isUnknownFilter, matchesFilter } from '../../catalog/acl.ts'
import { describeAcls } from '../../protocol/29-describe-acls.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { aclFilterOf, NO_AUTHORIZER } from '../security/acl-requests.ts'

const takes = asks('DESCRIBE CLUSTER')

export const handler = defineHandler(describeAcls, takes, (request, { access, broker }) => {
  const filter = aclFilterOf(request)
  if (!access.mayOnCluster(AclOperation.DESCRIBE)) {
    return refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, null)
  }
  if (broker.authorizer === undefined) return refuse(NO_AUTHORIZER.errorCode, NO_AUTHORIZER.message)
  const acls = isUnknownFilter(filter) ? [] : [...broker.catalog.acls()]
  const found = acls.filter((acl) => matchesFilter(acl, filter))
  return { errorCode: ErrorCode.NONE, errorMessage: null, resources: byResource(found) }
})

function refuse(errorCode: ErrorCode, errorMessage: string | null) {
  return { errorCode, errorMessage, resources: [] }
}

function byResource(acls: readonly Acl[]) {
  const resources = new Map<string, { of: Acl; acls: Acl[] }>()
  for (const acl of acls) {
    const pattern = `${acl.resourceType} ${acl.patternType} ${acl.resourceName}`
    const resource = resources.get(pattern)
    if (resource === undefined) resources.set(pattern, { of: acl, acls: [acl] })
    else resource.acls.push(acl)
  }
  return [...resources.values()].map(({ of, acls: rules }) => ({
    resourceType: of.resourceType,
    resourceName: of.resourceName,
    patternType: of.patternType,
    acls: rules,
  }))
}
