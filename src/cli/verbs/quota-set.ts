// `millrace quota set`: sets quotas of a user, a client id, both together, or an address.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { alterQuotas } from '../client/quotas.ts'
import { usageError } from '../exit-code.ts'
import { parseKeyValues } from '../key-values.ts'
import {
  addQuotaEntityOptions,
  describeQuotaEntity,
  type QuotaEntityOptions,
  quotaEntityOf,
} from '../quota-entity.ts'
import type { Examples, Session } from '../session.ts'

type Options = BrokerOptions & QuotaEntityOptions & { dryRun?: boolean }

export const examples: Examples = [
  ['millrace quota set producer_byte_rate=1048576 --user alice', '1 MiB a second for a user'],
  ['millrace quota set consumer_byte_rate=65536 --any-client-id', 'for each client id by itself'],
  ['millrace quota set connection_creation_rate=10 --any-ip', 'connections a second'],
]

export function define(command: Command, session: Session): void {
  addQuotaEntityOptions(
    command
      .argument('<key=value...>', 'what to set')
      .option('--dry-run', 'let the broker check it only'),
  )
  addBrokerOptions(command).action((pairs: string[], options: Options) => {
    const set: Record<string, number> = {}
    for (const [key, text] of Object.entries(parseKeyValues(pairs))) {
      set[key] = Number(text)
      if (text.trim() === '' || Number.isNaN(set[key])) {
        throw usageError(`'${text}' is no number for ${key}.`)
      }
    }
    const entity = quotaEntityOf(options)
    const whom = describeQuotaEntity(entity)
    const validateOnly = options.dryRun === true
    return withCluster(session, options, async (cluster, output) => {
      await alterQuotas(cluster, { entity, set, validateOnly })
      const keys = Object.keys(set).join(', ')
      await output.note(`${validateOnly ? 'Could set' : 'Set'} ${keys} of ${whom}.`)
      if (output.format === 'json' || output.format === 'jsonl') {
        await output.json({ entity, set, isDryRun: validateOnly })
      }
    })
  })
}
