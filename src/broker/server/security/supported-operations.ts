// The operations that a type of resource has, as answers carry them: bit n stands for operation n.
// Source: KIP-430, Kafka's AclEntry.supportedOperations.

import { AclOperation, AclResource } from '../../wire/acl-codes.ts'

/** The answer when the client did not ask. */
export const OPERATIONS_NOT_ASKED = -(2 ** 31)

const { READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION } = AclOperation
const { DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE } = AclOperation

const byType: ReadonlyMap<AclResource, number> = new Map<AclResource, number>([
  [
    AclResource.TOPIC,
    bits(READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
  ],
  [AclResource.GROUP, bits(READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS)],
  [
    AclResource.CLUSTER,
    bits(
      CREATE,
      ALTER,
      DESCRIBE,
      CLUSTER_ACTION,
      DESCRIBE_CONFIGS,
      ALTER_CONFIGS,
      IDEMPOTENT_WRITE,
    ),
  ],
  [AclResource.TRANSACTIONAL_ID, bits(DESCRIBE, WRITE)],
])

export function supportedOperations(resourceType: AclResource): number {
  return byType.get(resourceType) ?? 0
}

function bits(...operations: number[]): number {
  return operations.reduce((field, operation) => field | (1 << operation), 0)
}
