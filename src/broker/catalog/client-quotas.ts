// Client quotas as the catalogue keeps them: whom a quota is for, and how much. Source: KIP-55 (users
// and clients), KIP-612 (addresses), KIP-599 (mutations).
// An entity names a user, a client id, both of them, or an address; a name of null is the default:
// whoever has no quota of its own.

export const quotaEntityTypes = ['client-id', 'ip', 'user'] as const
export type QuotaEntityType = (typeof quotaEntityTypes)[number]

export type QuotaEntity = Readonly<Partial<Record<QuotaEntityType, string | null>>>

interface QuotaKeyTraits {
  readonly type: 'int' | 'long' | 'double'
  readonly isFor: 'clients' | 'addresses'
}

export const quotaKeys = {
  producer_byte_rate: { type: 'long', isFor: 'clients' },
  consumer_byte_rate: { type: 'long', isFor: 'clients' },
  request_percentage: { type: 'double', isFor: 'clients' },
  controller_mutation_rate: { type: 'double', isFor: 'clients' },
  connection_creation_rate: { type: 'int', isFor: 'addresses' },
} as const satisfies Record<string, QuotaKeyTraits>

export type QuotaKey = keyof typeof quotaKeys

export type QuotaValues = Readonly<Partial<Record<QuotaKey, number>>>

export interface ClientQuota {
  readonly entity: QuotaEntity
  readonly values: QuotaValues
}

export function isQuotaKey(name: string): name is QuotaKey {
  return Object.hasOwn(quotaKeys, name)
}

export function isQuotaEntityType(type: string): type is QuotaEntityType {
  return quotaEntityTypes.some((known) => known === type)
}

/** One text for one entity: its parts in the order of their names. */
export function quotaEntityText(entity: QuotaEntity): string {
  const parts = quotaEntityTypes.filter((type) => entity[type] !== undefined)
  return JSON.stringify(Object.fromEntries(parts.map((type) => [type, entity[type]])))
}

/** undefined when it is no text of `quotaEntityText`. */
export function parseQuotaEntity(text: string): QuotaEntity | undefined {
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const parts = Object.entries(parsed)
  const isEntity = parts.every(([type, name]: [string, unknown]) => {
    return isQuotaEntityType(type) && (name === null || typeof name === 'string')
  })
  return isEntity && parts.length > 0 ? Object.fromEntries(parts) : undefined
}
