// Kafka's numbers for access control: what may be done (operations), to what (resource types), how a
// name is meant (pattern types), and whether it is allowed. One byte each on the wire.
// Source: AclOperation, ResourceType, PatternType and AclPermissionType of kafka-clients 4.3.1.

export const AclOperation = {
  UNKNOWN: 0,
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const
export type AclOperation = (typeof AclOperation)[keyof typeof AclOperation]

export const AclResource = {
  UNKNOWN: 0,
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const
export type AclResource = (typeof AclResource)[keyof typeof AclResource]

export const AclPattern = { UNKNOWN: 0, ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const
export type AclPattern = (typeof AclPattern)[keyof typeof AclPattern]

export const AclPermission = { UNKNOWN: 0, ANY: 1, DENY: 2, ALLOW: 3 } as const
export type AclPermission = (typeof AclPermission)[keyof typeof AclPermission]

/** Kafka's name of a code; one that does not exist is `UNKNOWN`, as it is to Kafka. */
export const aclOperationName = namesOf(AclOperation)
export const aclResourceName = namesOf(AclResource)
export const aclPatternName = namesOf(AclPattern)
export const aclPermissionName = namesOf(AclPermission)

/** The code of a name as `aclOperationName` gives it; undefined for another text. */
export const aclOperationOf = codesOf(AclOperation)
export const aclResourceOf = codesOf(AclResource)
export const aclPatternOf = codesOf(AclPattern)
export const aclPermissionOf = codesOf(AclPermission)

function namesOf<Code extends number>(codes: Readonly<Record<string, Code>>) {
  const names = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name]))
  return (code: number): string => names.get(code) ?? 'UNKNOWN'
}

function codesOf<Code extends number>(codes: Readonly<Record<string, Code>>) {
  const byName = new Map(Object.entries(codes))
  return (name: string): Code | undefined => byName.get(name)
}
