// Versions   0-1.
// Behaviour  Names of what has configurations: topics, the broker, and the groups and client metrics
//            subscriptions on which something is set. v0 asks for client metrics only; in v1 no type
//            means every type, and one that does not exist is 35. Takes DESCRIBE_CONFIGS on the cluster
//            (31).
// Differs    Loggers are not listed: they cannot be configured here.

import { NODE_ID } from '../../catalog/decide-topic.ts'
import { listConfigResources } from '../../protocol/74-list-config-resources.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { ResourceCode } from '../config-resources.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const everyCode: readonly number[] = Object.values(ResourceCode)

const takes = asks('DESCRIBE_CONFIGS CLUSTER')

export const handler = defineHandler(listConfigResources, takes, (request, context) => {
  if (!context.access.mayOnCluster(AclOperation.DESCRIBE_CONFIGS)) {
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, configResources: [] }
  }
  const asked = context.apiVersion === 0 ? [ResourceCode.CLIENT_METRICS] : request.resourceTypes
  if (asked.some((code) => !everyCode.includes(code))) {
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] }
  }
  const codes = asked.length === 0 ? everyCode : everyCode.filter((code) => asked.includes(code))
  const configResources = codes.flatMap((resourceType) =>
    namesOf(resourceType, context).map((resourceName) => ({ resourceName, resourceType })),
  )
  return { errorCode: ErrorCode.NONE, configResources }
})

function namesOf(code: number, { broker }: HandlerContext): readonly string[] {
  switch (code) {
    case ResourceCode.TOPIC:
      return [...broker.catalog.topics()].map(({ name }) => name)
    case ResourceCode.BROKER:
      return [String(NODE_ID)]
    case ResourceCode.CLIENT_METRICS:
      return broker.catalog.configNames('client-metrics')
    case ResourceCode.GROUP:
      return broker.catalog.configNames('group')
    default:
      return []
  }
}
