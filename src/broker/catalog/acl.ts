// One access rule (ACL), what a filter finds, and which rules cannot be. Pure. Numbers are those of
// wire/acl-codes.ts. Sources: KIP-290 (patterns), KIP-140 (the admin API), Kafka's AclBinding,
// ResourcePatternFilter, AccessControlEntryFilter and AclControlManager.validateNewAcl.

import { AclOperation, AclPattern, AclPermission, AclResource } from '../wire/acl-codes.ts'

export interface Acl {
  readonly resourceType: number
  /** A name, the start of names for PREFIXED, or `*` for every name. */
  readonly resourceName: string
  /** LITERAL or PREFIXED. */
  readonly patternType: number
  /** `User:alice`, or `User:*` for everybody. */
  readonly principal: string
  /** An address, or `*` for every one. */
  readonly host: string
  readonly operation: number
  /** ALLOW or DENY. */
  readonly permissionType: number
}

/** null and ANY stand for whatever there is; the pattern type MATCH for all that apply to a name. */
export interface AclFilter {
  readonly resourceType: number
  readonly resourceName: string | null
  readonly patternType: number
  readonly principal: string | null
  readonly host: string | null
  readonly operation: number
  readonly permissionType: number
}

/** Of resources, principals and hosts: everything. */
export const WILDCARD = '*'
export const EVERYBODY = 'User:*'
/** The only resource of the type CLUSTER. */
export const CLUSTER_NAME = 'kafka-cluster'
/** Characters of name, principal and host together. */
export const MAX_ACL_CHARACTERS = 4096

/** Why no such rule can be made, or undefined. */
export function explainWrongAcl(acl: Acl): string | undefined {
  if (!isOf(AclResource, acl.resourceType)) return `There is no resource type ${acl.resourceType}.`
  if (acl.patternType !== AclPattern.LITERAL && acl.patternType !== AclPattern.PREFIXED) {
    return `A rule is for a LITERAL name or a PREFIXED one, not for pattern type ${acl.patternType}.`
  }
  if (!isOf(AclOperation, acl.operation)) return `There is no operation ${acl.operation}.`
  if (acl.permissionType !== AclPermission.ALLOW && acl.permissionType !== AclPermission.DENY) {
    return `A rule is ALLOW or DENY, not permission type ${acl.permissionType}.`
  }
  if (acl.resourceName === '') return 'A rule needs the name of a resource.'
  if (acl.resourceType === AclResource.CLUSTER && acl.resourceName !== CLUSTER_NAME) {
    return `The only name of a resource of type CLUSTER is ${CLUSTER_NAME}.`
  }
  if (!/^[^:]+:/s.test(acl.principal)) {
    return `A principal is written like User:alice, not '${acl.principal.slice(0, 100)}'.`
  }
  const characters = acl.resourceName.length + acl.principal.length + acl.host.length
  if (characters > MAX_ACL_CHARACTERS) {
    return `Name, principal and host of a rule have at most ${MAX_ACL_CHARACTERS} characters together.`
  }
  return undefined
}

/** A code of the table that stands for one thing. */
function isOf(codes: Readonly<Record<string, number>>, code: number): boolean {
  return code > codes['ANY']! && Object.values(codes).includes(code)
}

/** Whether a filter holds numbers that this release does not know: it would find what is not meant. */
export function isUnknownFilter(filter: AclFilter): boolean {
  return (
    !isKnown(AclResource, filter.resourceType) ||
    !isKnown(AclPattern, filter.patternType) ||
    !isKnown(AclOperation, filter.operation) ||
    !isKnown(AclPermission, filter.permissionType)
  )
}

function isKnown(codes: Readonly<Record<string, number>>, code: number): boolean {
  return code !== codes['UNKNOWN'] && Object.values(codes).includes(code)
}

export function matchesFilter(acl: Acl, filter: AclFilter): boolean {
  return (
    (filter.resourceType === AclResource.ANY || filter.resourceType === acl.resourceType) &&
    matchesPattern(acl, filter) &&
    (filter.principal === null || filter.principal === acl.principal) &&
    (filter.host === null || filter.host === acl.host) &&
    (filter.operation === AclOperation.ANY || filter.operation === acl.operation) &&
    (filter.permissionType === AclPermission.ANY || filter.permissionType === acl.permissionType)
  )
}

function matchesPattern(acl: Acl, { resourceName, patternType }: AclFilter): boolean {
  const { ANY, MATCH, PREFIXED } = AclPattern
  if (patternType !== ANY && patternType !== MATCH && patternType !== acl.patternType) return false
  if (resourceName === null) return true
  if (patternType !== MATCH) return resourceName === acl.resourceName
  if (acl.patternType === PREFIXED) return resourceName.startsWith(acl.resourceName)
  return resourceName === acl.resourceName || acl.resourceName === WILDCARD
}
