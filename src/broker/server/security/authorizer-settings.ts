// Whether access is controlled, by what configuration, and how: when an authorizer is named, and as soon
// as a listener knows who comes by it, since a name that changes nothing would protect nothing.

import type { BrokerSettings } from '../../catalog/broker-settings.ts'
import { anyListenerNames } from '../../catalog/listener-security.ts'
import type { AuthorizerSettings } from './authorizer.ts'

/** undefined: everybody may do everything. */
export function authorizerSettings(settings: BrokerSettings): AuthorizerSettings | undefined {
  const { config } = settings
  if (config.authorizerClassName === '' && !anyListenerNames(settings)) return undefined
  const superUsers = config.superUsers.split(';').map((name) => name.trim())
  return {
    superUsers: new Set(superUsers.filter((name) => name !== '')),
    allowsWithoutAcl: config.allowEveryoneIfNoAclFound,
  }
}
