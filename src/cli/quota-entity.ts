// Whom a quota is for, as options of the quota verbs: by name, or for everybody without one.

import type { Command } from 'commander'
import type { QuotaEntity } from './client/quotas.ts'
import { usageError } from './exit-code.ts'

export interface QuotaEntityOptions {
  user?: string
  anyUser?: true
  clientId?: string
  anyClientId?: true
  ip?: string
  anyIp?: true
}

export function addQuotaEntityOptions(command: Command): Command {
  return command
    .option('--user <name>', 'a user')
    .option('--any-user', 'every user without a quota of its own')
    .option('--client-id <id>', 'clients that call themselves so')
    .option('--any-client-id', 'every client id without a quota of its own')
    .option('--ip <address>', 'an address')
    .option('--any-ip', 'every address without a quota of its own')
}

/** @throws CliError (usage) for a name and "any" of one type */
export function quotaEntityOf(options: QuotaEntityOptions): QuotaEntity {
  const entity: Record<string, string | null> = {}
  const add = (type: string, name: string | undefined, isAny: true | undefined) => {
    if (name !== undefined && isAny === true) {
      throw usageError(`--${type} and --any-${type} exclude each other: give one of them.`)
    }
    if (name !== undefined) entity[type] = name
    if (isAny === true) entity[type] = null
  }
  add('user', options.user, options.anyUser)
  add('client-id', options.clientId, options.anyClientId)
  add('ip', options.ip, options.anyIp)
  return entity
}

/** `user alice, any client id`. @throws CliError (usage) when nobody is named */
export function describeQuotaEntity(entity: QuotaEntity): string {
  const parts = Object.entries(entity)
  if (parts.length === 0) {
    throw usageError('Whom is it for? Give --user, --client-id or --ip, or --any-user and so on.')
  }
  return parts.map(([type, name]) => (name === null ? `any ${type}` : `${type} ${name}`)).join(', ')
}
