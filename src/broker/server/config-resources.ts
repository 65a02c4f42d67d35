// Resources of configurations as requests number them, and which of them exist here.
// Source: org.apache.kafka.common.config.ConfigResource.

import type { ConfigResource } from '../catalog/catalog.ts'
import type { ResourceType } from '../catalog/decide-configs.ts'
import { type Refusal, refuse } from '../catalog/refusal.ts'
import { ErrorCode } from '../wire/error-codes.ts'

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
