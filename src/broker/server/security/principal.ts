// Who is at the other end of a connection, as Kafka writes it: `User:alice`. ACLs, quotas and the
// log name principals in this form. Source: Kafka's KafkaPrincipal.

export interface Principal {
  /** `User` for all that listeners make; ACLs know no other type. */
  readonly type: string
  readonly name: string
}

/** Whoever came by a listener that asks nobody for a name. */
export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' }

/** `User:alice`, as access rules and `super.users` write it. */
export function principalText({ type, name }: Principal): string {
  return `${type}:${name}`
}
