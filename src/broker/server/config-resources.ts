// Resources of configurations as requests number them, and which of them exist here.
// Source: org.apache.kafka.common.config.ConfigResource.

import type { ConfigResource } from '../catalog/config-resource.ts'
import type { ResourceType } from '../catalog/decide-configs.ts'
import { type Refusal, refuse } from '../catalog/refusal.ts'
import { type AclOperation, AclResource } from '../wire/acl-codes.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { Access } from './security/access.ts'

export const ResourceCode = {
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const

const typeByCode: ReadonlyMap<number, ResourceType> = new Map([
  [ResourceCode.TOPIC, 'topic'],
  [ResourceCode.BROKER, 'broker'],
  [ResourceCode.CLIENT_METRICS, 'client-metrics'],
  [ResourceCode.GROUP, 'group'],
])

/** What a request names, or why there is no such thing. */
export function resourceOf(wire: {
  readonly resourceType: number
  readonly resourceName: string
}): { kind: 'resource'; resource: ConfigResource } | Refusal {
  const type = typeByCode.get(wire.resourceType)
  if (type !== undefined) {
    return { kind: 'resource', resource: { type, name: wire.resourceName } }
  }
  if (wire.resourceType === ResourceCode.BROKER_LOGGER) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Loggers cannot be configured here.')
  }
  return refuse(
    ErrorCode.INVALID_REQUEST,
    `Configurations of resource type ${wire.resourceType} do not exist.`,
  )
}

/** One text per resource, to find those that are named twice. */
export function resourceKey(wire: {
  readonly resourceType: number
  readonly resourceName: string
}): string {
  return `${wire.resourceType} ${wire.resourceName}`
}

/** Why a configuration may not be looked at, or altered; brokers and client metrics are the cluster's. */
export function explainForbidden(
  operation: AclOperation,
  { resourceType, resourceName }: { readonly resourceType: number; readonly resourceName: string },
  access: Access,
): Refusal | undefined {
  switch (resourceType) {
    case ResourceCode.TOPIC:
      if (access.may(operation, AclResource.TOPIC, resourceName)) return undefined
      return refuse(ErrorCode.TOPIC_AUTHORIZATION_FAILED, 'This topic is not yours to configure.')
    case ResourceCode.GROUP:
      if (access.may(operation, AclResource.GROUP, resourceName)) return undefined
      return refuse(ErrorCode.GROUP_AUTHORIZATION_FAILED, 'This group is not yours to configure.')
    default:
      if (access.mayOnCluster(operation)) return undefined
      return refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 'This is for who runs the cluster.')
  }
}
