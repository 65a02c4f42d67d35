// All access rules that there are, each once, and how the catalogue's log writes them: a rule is its own
// key, so that making it twice is making it once, and an operator can read it.
//
//   key                                                                        value
//   acl/["TOPIC","LITERAL","orders","User:alice","*","READ","ALLOW"]           {}, absent = removed

import {
  aclOperationName,
  aclOperationOf,
  aclPatternName,
  aclPatternOf,
  aclPermissionName,
  aclPermissionOf,
  aclResourceName,
  aclResourceOf,
} from '../wire/acl-codes.ts'
import type { Acl } from './acl.ts'

export class AclSet {
  readonly #acls = new Map<string, Acl>()

  get size(): number {
    return this.#acls.size
  }

  has(acl: Acl): boolean {
    return this.#acls.has(aclText(acl))
  }

  /** In the order in which they were made. */
  values(): Iterable<Acl> {
    return this.#acls.values()
  }

  add(acl: Acl): void {
    this.#acls.set(aclText(acl), acl)
  }

  remove(acl: Acl): void {
    this.#acls.delete(aclText(acl))
  }
}

/** Two rules are the same exactly when their texts are. */
export function aclText(acl: Acl): string {
  return JSON.stringify([
    aclResourceName(acl.resourceType),
    aclPatternName(acl.patternType),
    acl.resourceName,
    acl.principal,
    acl.host,
    aclOperationName(acl.operation),
    aclPermissionName(acl.permissionType),
  ])
}

/** undefined for what `aclText` did not write. */
export function parseAclText(text: string): Acl | undefined {
  const fields = parseTexts(text)
  if (fields?.length !== 7) return undefined
  const [resource, pattern, resourceName, principal, host, operation, permission] = fields
  const resourceType = aclResourceOf(resource!)
  const patternType = aclPatternOf(pattern!)
  const operationCode = aclOperationOf(operation!)
  const permissionType = aclPermissionOf(permission!)
  if (resourceType === undefined || patternType === undefined) return undefined
  if (operationCode === undefined || permissionType === undefined) return undefined
  return {
    resourceType,
    resourceName: resourceName!,
    patternType,
    principal: principal!,
    host: host!,
    operation: operationCode,
    permissionType,
  }
}

function parseTexts(text: string): string[] | undefined {
  try {
    const fields: unknown = JSON.parse(text)
    if (!Array.isArray(fields)) return undefined
    const texts = fields.filter((field): field is string => typeof field === 'string')
    return texts.length === fields.length ? texts : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
