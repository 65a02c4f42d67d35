// Versions   0-1.
// Behaviour  The quotas whose entities match every component: this name, the default, or any. Strict
//            leaves out entities that name more. An unknown entity type is 35, a filter that cannot be
//            42, both with null entries. Takes DESCRIBE_CONFIGS on the cluster (31).
// Differs    In nothing that is known.

import { isQuotaKey, quotaEntityTypes } from '../../catalog/client-quotas.ts'
import { matchesQuotaFilter, readQuotaFilter } from '../../catalog/quota-filter.ts'
import {
  type DescribeClientQuotasResponse,
  describeClientQuotas,
} from '../../protocol/48-describe-client-quotas.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

type Entries = NonNullable<DescribeClientQuotasResponse['entries']>

const takes = asks('DESCRIBE_CONFIGS CLUSTER')

export const handler = defineHandler(describeClientQuotas, takes, (request, { access, broker }) => {
  if (!access.mayOnCluster(AclOperation.DESCRIBE_CONFIGS)) {
    const errorCode = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    return { errorCode, errorMessage: null, entries: null }
  }
  const filter = readQuotaFilter(request.components, request.strict)
  if ('kind' in filter) {
    return { errorCode: filter.errorCode, errorMessage: filter.message, entries: null }
  }
  const entries: Entries[number][] = []
  for (const { entity, values } of broker.catalog.clientQuotas().values()) {
    if (!matchesQuotaFilter(filter, entity)) continue
    entries.push({
      entity: quotaEntityTypes.flatMap((entityType) => {
        const entityName = entity[entityType]
        return entityName === undefined ? [] : [{ entityType, entityName }]
      }),
      values: Object.entries(values).flatMap(([key, value]) => {
        return isQuotaKey(key) ? [{ key, value }] : []
      }),
    })
  }
  return { errorCode: ErrorCode.NONE, errorMessage: null, entries }
})
