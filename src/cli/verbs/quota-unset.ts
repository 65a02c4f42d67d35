// `millrace quota unset`: removes quotas; what is less specific counts again.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { alterQuotas } from '../client/quotas.ts'
import {
  addQuotaEntityOptions,
  describeQuotaEntity,
  type QuotaEntityOptions,
  quotaEntityOf,
} from '../quota-entity.ts'
import type { Examples, Session } from '../session.ts'

type Options = BrokerOptions & QuotaEntityOptions & { dryRun?: boolean }

export const examples: Examples = [
  ['millrace quota unset producer_byte_rate --user alice', 'what is less specific counts again'],
]

export function define(command: Command, session: Session): void {
  addQuotaEntityOptions(
    command
      .argument('<key...>', 'what to unset')
      .option('--dry-run', 'let the broker check it only'),
  )
  addBrokerOptions(command).action((keys: string[], options: Options) => {
    const entity = quotaEntityOf(options)
    const whom = describeQuotaEntity(entity)
    const validateOnly = options.dryRun === true
    return withCluster(session, options, async (cluster, output) => {
      await alterQuotas(cluster, { entity, unset: keys, validateOnly })
      const verb = validateOnly ? 'Could unset' : 'Unset'
      await output.note(`${verb} ${keys.join(', ')} of ${whom}.`)
      if (output.format === 'json' || output.format === 'jsonl') {
        await output.json({ entity, unset: keys, isDryRun: validateOnly })
      }
    })
  })
}
