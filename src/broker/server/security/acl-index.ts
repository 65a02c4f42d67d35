// Access rules, kept so that the question of the hot path is cheap: what may this principal, from this
// host, do to this name? Pure. A rule applies by its literal name, by `*`, or by a prefix: only
// prefixes of lengths that some rule has are looked for, so the cost does not grow with the rules.
//
// Rules, as in Kafka's StandardAuthorizerData: DENY wins over ALLOW; ALLOW of READ, WRITE, DELETE or
// ALTER allows DESCRIBE too, ALLOW of ALTER_CONFIGS allows DESCRIBE_CONFIGS too; DENY implies nothing;
// ALL is every operation.

import { type Acl, EVERYBODY, WILDCARD } from '../../catalog/acl.ts'
import { aclText } from '../../catalog/acl-set.ts'
import { AclOperation, AclPattern, AclPermission } from '../../wire/acl-codes.ts'
import { canonicalHost } from './client-host.ts'

/** Bit n stands for operation n. */
export type Operations = number

export interface Rights {
  readonly allowed: Operations
  readonly denied: Operations
  /** Some rule, of whomever, is about this name. */
  readonly hasRules: boolean
}

export interface Asker {
  /** `User:alice`. */
  readonly principal: string
  /** As `canonicalHost` writes it. */
  readonly host: string
}

interface Rule {
  readonly acl: Acl
  readonly host: string
  readonly operations: Operations
  readonly isDeny: boolean
}

/** By principal, by the text of the rule: there are few of either for one name. */
type RulesOfName = Map<string, Map<string, Rule>>

interface RulesOfType {
  readonly literal: Map<string, RulesOfName>
  readonly prefixed: Map<string, RulesOfName>
  /** How many prefixes there are of each length. */
  readonly prefixLengths: Map<number, number>
}

export const EVERY_OPERATION: Operations = -1

export class AclIndex {
  readonly #types = new Map<number, RulesOfType>()

  add(acl: Acl): void {
    const type = this.#ofType(acl.resourceType)
    const names = namesOf(type, acl)
    let name = names.get(acl.resourceName)
    if (name === undefined) {
      name = new Map()
      names.set(acl.resourceName, name)
      if (names === type.prefixed) count(type.prefixLengths, acl.resourceName.length, 1)
    }
    let rules = name.get(acl.principal)
    if (rules === undefined) {
      rules = new Map()
      name.set(acl.principal, rules)
    }
    rules.set(aclText(acl), toRule(acl))
  }

  remove(acl: Acl): void {
    const type = this.#ofType(acl.resourceType)
    const names = namesOf(type, acl)
    const name = names.get(acl.resourceName)
    const rules = name?.get(acl.principal)
    if (name === undefined || rules === undefined || !rules.delete(aclText(acl))) return
    if (rules.size > 0) return
    name.delete(acl.principal)
    if (name.size > 0) return
    names.delete(acl.resourceName)
    if (names === type.prefixed) count(type.prefixLengths, acl.resourceName.length, -1)
  }

  rightsOn(asker: Asker, resourceType: number, resourceName: string): Rights {
    const rights = { allowed: 0, denied: 0, hasRules: false }
    const type = this.#types.get(resourceType)
    if (type === undefined) return rights
    gather(type.literal.get(resourceName), asker, rights)
    if (resourceName !== WILDCARD) gather(type.literal.get(WILDCARD), asker, rights)
    for (const length of type.prefixLengths.keys()) {
      if (length > resourceName.length) continue
      gather(type.prefixed.get(resourceName.slice(0, length)), asker, rights)
    }
    return rights
  }

  /**
   * Is there a name of this type on which a rule allows the operation, and none denies it? A rule for
   * another operation allows nothing here. Source: the default of Kafka's
   * Authorizer.authorizeByResourceType.
   */
  allowsSomewhere(asker: Asker, resourceType: number, operation: AclOperation): boolean {
    const type = this.#types.get(resourceType)
    if (type === undefined) return false
    const has = (name: RulesOfName | undefined, isDeny: boolean) =>
      name !== undefined && hasRule(name, asker, operation, isDeny)
    const everything = type.literal.get(WILDCARD)
    if (has(everything, true)) return false
    if (has(everything, false)) return true
    const isDeniedFrom = (prefix: string) => has(type.prefixed.get(prefix), true)
    const lengths = [...type.prefixLengths.keys()]
    const isDenied = (name: string) =>
      lengths.some((length) => length <= name.length && isDeniedFrom(name.slice(0, length)))
    for (const [name, rules] of type.literal) {
      if (has(rules, false) && !has(rules, true) && !isDenied(name)) return true
    }
    for (const [name, rules] of type.prefixed) {
      if (has(rules, false) && !isDenied(name)) return true
    }
    return false
  }

  #ofType(resourceType: number): RulesOfType {
    let type = this.#types.get(resourceType)
    if (type === undefined) {
      type = { literal: new Map(), prefixed: new Map(), prefixLengths: new Map() }
      this.#types.set(resourceType, type)
    }
    return type
  }
}

function namesOf(type: RulesOfType, acl: Acl): Map<string, RulesOfName> {
  return acl.patternType === AclPattern.PREFIXED ? type.prefixed : type.literal
}

function count(counts: Map<number, number>, key: number, by: number): void {
  const next = (counts.get(key) ?? 0) + by
  if (next === 0) counts.delete(key)
  else counts.set(key, next)
}

function gather(
  name: RulesOfName | undefined,
  asker: Asker,
  rights: { allowed: Operations; denied: Operations; hasRules: boolean },
): void {
  if (name === undefined) return
  rights.hasRules = true
  for (const rule of rulesFor(name, asker)) {
    if (rule.isDeny) rights.denied |= rule.operations
    else rights.allowed |= rule.operations
  }
}

function hasRule(name: RulesOfName, asker: Asker, operation: AclOperation, isDeny: boolean) {
  for (const rule of rulesFor(name, asker)) {
    const isAbout = rule.acl.operation === operation || rule.acl.operation === AclOperation.ALL
    if (isAbout && rule.isDeny === isDeny) return true
  }
  return false
}

function* rulesFor(name: RulesOfName, { principal, host }: Asker): Generator<Rule> {
  for (const who of principal === EVERYBODY ? [EVERYBODY] : [principal, EVERYBODY]) {
    for (const rule of name.get(who)?.values() ?? []) {
      if (rule.host === WILDCARD || rule.host === host) yield rule
    }
  }
}

function toRule(acl: Acl): Rule {
  const isDeny = acl.permissionType === AclPermission.DENY
  const operations = isDeny ? operationsDenied(acl.operation) : operationsAllowed(acl.operation)
  const host = acl.host === WILDCARD ? WILDCARD : canonicalHost(acl.host)
  return { acl, host, operations, isDeny }
}

function operationsDenied(operation: number): Operations {
  return operation === AclOperation.ALL ? EVERY_OPERATION : bit(operation)
}

function operationsAllowed(operation: number): Operations {
  switch (operation) {
    case AclOperation.READ:
    case AclOperation.WRITE:
    case AclOperation.DELETE:
    case AclOperation.ALTER:
      return bit(operation) | bit(AclOperation.DESCRIBE)
    case AclOperation.ALTER_CONFIGS:
      return bit(operation) | bit(AclOperation.DESCRIBE_CONFIGS)
    default:
      return operationsDenied(operation)
  }
}

export function bit(operation: number): Operations {
  return 1 << operation
}
