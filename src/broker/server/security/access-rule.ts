// What an API asks of the authorizer, said by its handler beside its code, so that none can be
// forgotten: a handler cannot be defined without it, the compatibility page shows it, and a test holds
// it against what the handler does ask.

import type { AclOperation, AclResource } from '../../wire/acl-codes.ts'

type OperationName = Exclude<keyof typeof AclOperation, 'UNKNOWN' | 'ANY' | 'ALL'>
type ResourceName = Exclude<keyof typeof AclResource, 'UNKNOWN' | 'ANY'>

/** `READ TOPIC`: on each topic that is named. */
export type Ask = `${OperationName} ${ResourceName}`

export interface AccessRule {
  /** Empty: the API is open to everybody. */
  readonly asks: readonly Ask[]
}

/** All that a handler may ask, the first most often. */
export function asks(first: Ask, ...more: readonly Ask[]): AccessRule {
  return { asks: [first, ...more] }
}

/** What clients need before anybody can know who they are. */
export const OPEN: AccessRule = { asks: [] }
