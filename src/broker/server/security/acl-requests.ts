// What the three APIs of access rules share: filters as requests write them, and the answer of a broker
// that controls no access.

import type { AclFilter } from '../../catalog/acl.ts'
import { refuse } from '../../catalog/refusal.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

interface WireFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

export function aclFilterOf(wire: WireFilter): AclFilter {
  return {
    resourceType: wire.resourceTypeFilter,
    resourceName: wire.resourceNameFilter,
    patternType: wire.patternTypeFilter,
    principal: wire.principalFilter,
    host: wire.hostFilter,
    operation: wire.operation,
    permissionType: wire.permissionType,
  }
}

export const NO_AUTHORIZER = refuse(
  ErrorCode.SECURITY_DISABLED,
  'Access is not controlled here: set authorizer.class.name, or let clients log in.',
)
