// Whether access is controlled, by what configuration, and how.

import type { BrokerConfig } from '../../catalog/broker-config-keys.ts'
import type { AuthorizerSettings } from './authorizer.ts'

/** undefined: everybody may do everything. */
export function authorizerSettings(config: BrokerConfig): AuthorizerSettings | undefined {
  if (config.authorizerClassName === '') return undefined
  const superUsers = config.superUsers.split(';').map((name) => name.trim())
  return {
    superUsers: new Set(superUsers.filter((name) => name !== '')),
    allowsWithoutAcl: config.allowEveryoneIfNoAclFound,
  }
}
