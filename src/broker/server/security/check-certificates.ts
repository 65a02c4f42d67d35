// Before new settings of a listener's certificate are stored: could it be used? What cannot is
// refused as a whole, so that the next start finds a certificate too.

import { TlsError } from '../../../host/tls.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { ConfigResource } from '../../catalog/config-resource.ts'
import type { ConfigDecision } from '../../catalog/decide-configs.ts'
import { splitListenerKey } from '../../catalog/listener-keys.ts'
import { planTls } from '../../catalog/listener-security.ts'
import { planListeners } from '../../catalog/listeners.ts'
import { refuseConfig } from '../../catalog/refusal.ts'
import { ConfigError } from '../../catalog/static-settings.ts'
import { checkTlsPlan } from './tls-certificates.ts'

export async function checkCertificates(
  resource: ConfigResource,
  decision: ConfigDecision,
  { settings, config }: Pick<Catalog, 'settings' | 'config'>,
): Promise<ConfigDecision> {
  if (resource.type !== 'broker' || decision.kind === 'refused') return decision
  const { texts } = decision
  if (!Object.keys(texts).some((key) => splitListenerKey(key) !== undefined)) return decision
  const which = resource.name === '' ? 'forEveryBroker' : 'forThisBroker'
  const altered = settings.withAltered({ [which]: texts })
  try {
    for (const listener of planListeners(config)) {
      const plan = planTls(altered, listener)
      if (plan !== undefined) await checkTlsPlan(plan)
    }
    return decision
  } catch (error) {
    if (error instanceof ConfigError) return refuseConfig(error.message)
    if (error instanceof TlsError) return refuseConfig(`The certificate: ${error.message}.`)
    throw error
  }
}
