// `millrace topic config set`: changes keys of a topic, all of them or none.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { alterTopicConfigs } from '../client/topics.ts'
import { parseKeyValues } from '../key-values.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions {
  dryRun?: boolean
}

export const examples: Examples = [
  ['millrace topic config set orders retention.ms=86400000', 'keep one day'],
  ['millrace topic config set orders cleanup.policy=compact --dry-run', 'would it be accepted?'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic>', 'name of a topic')
    .argument('<key=value...>', 'what to set')
    .option('--dry-run', 'let the broker check it only')
  addBrokerOptions(command).action((topic: string, pairs: string[], options: Options) => {
    const set = parseKeyValues(pairs)
    const validateOnly = options.dryRun === true
    return withCluster(session, options, async (cluster, output) => {
      await alterTopicConfigs(cluster, { topic, set, validateOnly })
      const keys = Object.keys(set).join(', ')
      await output.note(`${validateOnly ? 'Could set' : 'Set'} ${keys} of topic ${topic}.`)
      if (output.format === 'json' || output.format === 'jsonl') {
        await output.json({ topic, set, isDryRun: validateOnly })
      }
    })
  })
}
