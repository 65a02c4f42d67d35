// What the verbs of access rules take: who, on what, what, and where the rules are kept. Names of
// operations are Kafka's, in any case: `read`, `describe-configs`.

import { type Command, InvalidArgumentError } from 'commander'
import { type Acl, type AclFilter, CLUSTER_NAME } from '../broker/catalog/acl.ts'
import {
  AclOperation,
  AclPattern,
  AclPermission,
  AclResource,
  aclOperationName,
  aclOperationOf,
  aclPatternName,
  aclPermissionName,
  aclResourceName,
} from '../broker/wire/acl-codes.ts'
import { usageError } from './exit-code.ts'
import { collect } from './key-values.ts'
import type { Column } from './output.ts'

export interface ResourceOptions {
  topic?: string[]
  group?: string[]
  transactionalId?: string[]
  user?: string[]
  cluster?: boolean
}

export interface RuleOptions extends ResourceOptions {
  operation?: number[]
  prefixed?: boolean
  host?: string[]
  deny?: boolean
  producer?: boolean
  consumer?: boolean
}

export interface FilterOptions {
  principal?: string
  topic?: string
  group?: string
  transactionalId?: string
  user?: string
  cluster?: boolean
  operation?: number
  host?: string
  allow?: boolean
  deny?: boolean
  prefixed?: boolean
  applying?: boolean
}

export interface AclRow {
  readonly resource: string
  readonly pattern: string
  readonly name: string
  readonly principal: string
  readonly host: string
  readonly operation: string
  readonly permission: string
}

export const aclColumns: readonly Column<AclRow>[] = [
  { title: 'RESOURCE', value: (row) => row.resource },
  { title: 'PATTERN', value: (row) => row.pattern },
  { title: 'NAME', value: (row) => row.name },
  { title: 'PRINCIPAL', value: (row) => row.principal },
  { title: 'HOST', value: (row) => row.host },
  { title: 'OPERATION', value: (row) => row.operation },
  { title: 'PERMISSION', value: (row) => row.permission },
]

/** As lists show it: by resource, then by whom. */
export function aclRows(acls: readonly Acl[]): AclRow[] {
  const rows = acls.map((acl) => ({
    resource: aclResourceName(acl.resourceType),
    pattern: aclPatternName(acl.patternType),
    name: acl.resourceName,
    principal: acl.principal,
    host: acl.host,
    operation: aclOperationName(acl.operation),
    permission: aclPermissionName(acl.permissionType),
  }))
  const order = (row: AclRow) => Object.values(row).join('\0')
  return rows.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

export function addRuleOptions(command: Command): Command {
  return command
    .option('-t, --topic <topic>', 'on this topic, may be repeated; * for all', collect)
    .option('-g, --group <group>', 'on this consumer group, may be repeated', collect)
    .option('--transactional-id <id>', 'on this transactional id, may be repeated', collect)
    .option('--user <user>', 'on this user, may be repeated', collect)
    .option('--cluster', 'on the cluster itself')
    .option('--prefixed', 'on every name that begins so')
    .option('-o, --operation <operation>', 'what is allowed, may be repeated', collectOperation)
    .option('--producer', 'what a producer needs on its topics, and on its transactional id')
    .option('--consumer', 'what a consumer needs on its topics and on its group')
    .option('--host <address>', 'only from this address, may be repeated', collect)
    .option('--deny', 'deny it: that wins over whatever is allowed')
}

export function addFilterOptions(command: Command): Command {
  return command
    .option('--principal <principal>', 'for whom: alice, or User:alice')
    .option('-t, --topic <topic>', 'on this topic')
    .option('-g, --group <group>', 'on this consumer group')
    .option('--transactional-id <id>', 'on this transactional id')
    .option('--user <user>', 'on this user')
    .option('--cluster', 'on the cluster itself')
    .option('--prefixed', 'only those for every name that begins so')
    .option('--applying', 'all that apply to the name: also by its beginning, and by *')
    .option('-o, --operation <operation>', 'for this operation', parseOperation)
    .option('--host <address>', 'for this address, or * for those that name none')
    .option('--allow', 'only those that allow')
    .option('--deny', 'only those that deny')
}

/** `alice` is User:alice; kinds of principals are written out. */
export function principalOf(text: string): string {
  return text.includes(':') ? text : `User:${text}`
}

/** @throws CliError (usage) when it says neither what nor on what */
export function rulesOf(principals: readonly string[], options: RuleOptions): Acl[] {
  const rights = [...chosenRights(options), ...conveniences(options)]
  if (rights.length === 0) {
    throw usageError(
      'Say what is allowed on what: --operation read --topic orders, --producer, --consumer.',
    )
  }
  const permissionType = options.deny === true ? AclPermission.DENY : AclPermission.ALLOW
  return principals.flatMap((principal) =>
    (options.host ?? ['*']).flatMap((host) =>
      rights.map((right) => ({
        ...right,
        patternType: patternOf(right, options),
        principal: principalOf(principal),
        host,
        permissionType,
      })),
    ),
  )
}

type Right = Pick<Acl, 'resourceType' | 'resourceName' | 'operation'>

/** There is one cluster: it has no names that begin alike. */
function patternOf({ resourceType }: Right, { prefixed }: RuleOptions): number {
  const isPrefixed = prefixed === true && resourceType !== AclResource.CLUSTER
  return isPrefixed ? AclPattern.PREFIXED : AclPattern.LITERAL
}

function chosenRights(options: RuleOptions): Right[] {
  return (options.operation ?? []).flatMap((operation) => {
    const resources = resourcesOf(options)
    if (resources.length === 0) {
      throw usageError('Say on what: --topic, --group, --transactional-id, --user or --cluster.')
    }
    return resources.map((resource) => ({ ...resource, operation }))
  })
}

function resourcesOf(options: ResourceOptions) {
  const named = (resourceType: number, names: readonly string[] = []) =>
    names.map((resourceName) => ({ resourceType, resourceName }))
  return [
    ...named(AclResource.TOPIC, options.topic),
    ...named(AclResource.GROUP, options.group),
    ...named(AclResource.TRANSACTIONAL_ID, options.transactionalId),
    ...named(AclResource.USER, options.user),
    ...named(AclResource.CLUSTER, options.cluster === true ? [CLUSTER_NAME] : []),
  ]
}

/** As kafka-acls.sh has them. */
function conveniences({ producer, consumer, ...options }: RuleOptions): Right[] {
  const { READ, WRITE, CREATE, DESCRIBE } = AclOperation
  const rights: Right[] = []
  const add = (resources: ResourceOptions, ...operations: number[]) => {
    for (const resource of resourcesOf(resources)) {
      for (const operation of operations) rights.push({ ...resource, operation })
    }
  }
  const { topic = [], group = [], transactionalId = [] } = options
  if (producer === true) {
    if (topic.length === 0) throw usageError('A producer needs a topic: --topic.')
    add({ topic }, WRITE, DESCRIBE, CREATE)
    add({ transactionalId }, WRITE, DESCRIBE)
  }
  if (consumer === true) {
    if (topic.length === 0 || group.length === 0) {
      throw usageError('A consumer needs a topic and a group: --topic, --group.')
    }
    add({ topic }, READ, DESCRIBE)
    add({ group }, READ)
  }
  return rights
}

/** @throws CliError (usage) when it names several resources, or both permissions */
export function filterOf(options: FilterOptions): AclFilter {
  const resources = [
    [AclResource.TOPIC, options.topic],
    [AclResource.GROUP, options.group],
    [AclResource.TRANSACTIONAL_ID, options.transactionalId],
    [AclResource.USER, options.user],
    [AclResource.CLUSTER, options.cluster === true ? CLUSTER_NAME : undefined],
  ] as const
  const named = resources.filter(([, name]) => name !== undefined)
  if (named.length > 1) throw usageError('Name one resource, or none for all.')
  if (options.allow === true && options.deny === true) throw usageError('--allow or --deny.')
  const [resourceType, resourceName] = named[0] ?? [AclResource.ANY, undefined]
  const { principal, host, operation = AclOperation.ANY, allow, deny } = options
  return {
    resourceType,
    resourceName: resourceName ?? null,
    patternType: filterPattern(options),
    principal: principal === undefined ? null : principalOf(principal),
    host: host ?? null,
    operation,
    permissionType: allow ? AclPermission.ALLOW : deny ? AclPermission.DENY : AclPermission.ANY,
  }
}

function filterPattern({ applying, prefixed }: FilterOptions): number {
  if (applying === true && prefixed === true) throw usageError('--applying or --prefixed.')
  if (applying === true) return AclPattern.MATCH
  return prefixed === true ? AclPattern.PREFIXED : AclPattern.ANY
}

function parseOperation(text: string): number {
  const operation = aclOperationOf(text.toUpperCase().replaceAll('-', '_'))
  if (operation !== undefined && operation > AclOperation.ANY) return operation
  const names = Object.keys(AclOperation)
    .slice(2)
    .map((name) => name.toLowerCase())
  throw new InvalidArgumentError(`It is one of ${names.join(', ')}.`)
}

function collectOperation(text: string, previous: readonly number[] | undefined): number[] {
  return [...(previous ?? []), parseOperation(text)]
}
