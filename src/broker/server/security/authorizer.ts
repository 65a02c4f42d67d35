// Who may do what: decides by the catalogue's access rules, as Kafka's StandardAuthorizer does. Super
// users may do everything; a name that no rule is about is closed, or open to everybody when
// `allow.everyone.if.no.acl.found` says so; else what rules allow and none denies.
// Invariant: an answer is that of the rules of the moment. What a connection remembers of earlier
// answers is dropped when a rule comes or goes, or when somebody else logs in on it.

import type { Clock } from '../../../host/clock.ts'
import { CLUSTER_NAME } from '../../catalog/acl.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import {
  type AclOperation,
  AclResource,
  aclOperationName,
  aclResourceName,
} from '../../wire/acl-codes.ts'
import type { JsonLog } from '../json-log.ts'
import type { Access } from './access.ts'
import { AclIndex, bit, EVERY_OPERATION, type Operations } from './acl-index.ts'
import { hostOfAddress } from './client-host.ts'
import { DenialLog } from './denial-log.ts'
import { type Principal, principalText } from './principal.ts'
import { supportedOperations } from './supported-operations.ts'

export interface AuthorizerSettings {
  /** `User:admin`. */
  readonly superUsers: ReadonlySet<string>
  readonly allowsWithoutAcl: boolean
}

/** What the authorizer knows of a connection. */
export interface Client {
  readonly remoteAddress: string
  /** Who is at the other end, from now until it logs in again. */
  readonly principal: Principal
}

/** Names of one type whose answers a connection remembers. */
const MAX_REMEMBERED = 1_000

export class Authorizer {
  readonly #index = new AclIndex()
  readonly #settings: AuthorizerSettings
  readonly #denials: DenialLog
  readonly #callers = new WeakMap<Client, Caller>()
  readonly #listeners = new Set<() => void>()
  #version = 0

  constructor(options: {
    catalog: Pick<Catalog, 'acls' | 'onChange'>
    settings: AuthorizerSettings
    log: JsonLog
    clock: Clock
  }) {
    this.#settings = options.settings
    this.#denials = new DenialLog(options.log, options.clock)
    for (const acl of options.catalog.acls()) this.#index.add(acl)
    options.catalog.onChange((change) => {
      if (change.kind === 'acl-created') this.#index.add(change.acl)
      else if (change.kind === 'acl-removed') this.#index.remove(change.acl)
      else return
      this.#version++
      for (const listener of this.#listeners) listener()
    })
  }

  /** Calls when a rule came or went: who waits asks again. @returns how to stop listening */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @param api the name of what is asked for, for the log */
  accessOf(connection: Client, api: string): Access {
    let caller = this.#callers.get(connection)
    if (caller === undefined) {
      caller = new Caller(connection, this)
      this.#callers.set(connection, caller)
    }
    return new RequestAccess(caller, this.#denials, api)
  }

  /** Changes with every rule that comes or goes. */
  get version(): number {
    return this.#version
  }

  isSuperUser(principal: string): boolean {
    return this.#settings.superUsers.has(principal)
  }

  allowedOn(asker: Asker, resourceType: number, resourceName: string): Operations {
    const rights = this.#index.rightsOn(asker, resourceType, resourceName)
    if (!rights.hasRules) return this.#settings.allowsWithoutAcl ? EVERY_OPERATION : 0
    return rights.allowed & ~rights.denied
  }

  allowsSomewhere(asker: Asker, operation: AclOperation, resourceType: AclResource): boolean {
    // Kafka asks this first, for a name that probably no rule is about.
    if ((this.allowedOn(asker, resourceType, 'hardcode') & bit(operation)) !== 0) return true
    return this.#index.allowsSomewhere(asker, resourceType, operation)
  }
}

interface Asker {
  readonly principal: string
  readonly host: string
}

/** One connection, with the answers that it got. */
class Caller implements Asker {
  readonly #connection: Client
  readonly #authorizer: Authorizer
  readonly host: string
  principal = ''
  /** Whom the answers below are about. */
  #principal: Principal | undefined
  #version = -1
  #isSuperUser = false
  readonly #answers = new Map<number, Map<string, Operations>>()
  readonly #somewhere = new Map<number, boolean>()

  constructor(connection: Client, authorizer: Authorizer) {
    this.#connection = connection
    this.#authorizer = authorizer
    this.host = hostOfAddress(connection.remoteAddress)
  }

  allowedOn(resourceType: AclResource, resourceName: string): Operations {
    this.#refresh()
    if (this.#isSuperUser) return EVERY_OPERATION
    let names = this.#answers.get(resourceType)
    if (names === undefined) {
      names = new Map()
      this.#answers.set(resourceType, names)
    }
    let allowed = names.get(resourceName)
    if (allowed === undefined) {
      allowed = this.#authorizer.allowedOn(this, resourceType, resourceName)
      if (names.size >= MAX_REMEMBERED) names.clear()
      names.set(resourceName, allowed)
    }
    return allowed
  }

  allowsSomewhere(operation: AclOperation, resourceType: AclResource): boolean {
    this.#refresh()
    if (this.#isSuperUser) return true
    const key = resourceType * 256 + operation
    let isAllowed = this.#somewhere.get(key)
    if (isAllowed === undefined) {
      isAllowed = this.#authorizer.allowsSomewhere(this, operation, resourceType)
      this.#somewhere.set(key, isAllowed)
    }
    return isAllowed
  }

  #refresh(): void {
    const { principal } = this.#connection
    const { version } = this.#authorizer
    if (version === this.#version && principal === this.#principal) return
    this.#version = version
    if (principal !== this.#principal) {
      this.#principal = principal
      this.principal = principalText(principal)
      this.#isSuperUser = this.#authorizer.isSuperUser(this.principal)
    }
    this.#answers.clear()
    this.#somewhere.clear()
  }
}

/** What one request may do. */
class RequestAccess implements Access {
  readonly #caller: Caller
  readonly #denials: DenialLog
  readonly #api: string

  constructor(caller: Caller, denials: DenialLog, api: string) {
    this.#caller = caller
    this.#denials = denials
    this.#api = api
  }

  may(operation: AclOperation, resourceType: AclResource, resourceName: string): boolean {
    if (this.mayQuietly(operation, resourceType, resourceName)) return true
    this.#note(operation, resourceType, resourceName)
    return false
  }

  mayQuietly(operation: AclOperation, resourceType: AclResource, resourceName: string): boolean {
    return (this.#caller.allowedOn(resourceType, resourceName) & bit(operation)) !== 0
  }

  mayOnCluster(operation: AclOperation): boolean {
    return this.may(operation, AclResource.CLUSTER, CLUSTER_NAME)
  }

  maySomewhere(operation: AclOperation, resourceType: AclResource): boolean {
    if (this.#caller.allowsSomewhere(operation, resourceType)) return true
    this.#note(operation, resourceType, 'any')
    return false
  }

  operationsOn(resourceType: AclResource, resourceName: string): number {
    return this.#caller.allowedOn(resourceType, resourceName) & supportedOperations(resourceType)
  }

  #note(operation: AclOperation, resourceType: AclResource, resourceName: string): void {
    const { principal, host } = this.#caller
    this.#denials.note({
      principal,
      host,
      operation: aclOperationName(operation),
      resourceType: aclResourceName(resourceType),
      resourceName,
      api: this.#api,
    })
  }
}
