// `millrace topic config unset`: gives keys of a topic back to the broker's defaults.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { alterTopicConfigs } from '../client/topics.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions {
  dryRun?: boolean
}

export const examples: Examples = [
  ['millrace topic config unset orders retention.ms', "back to the broker's default"],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic>', 'name of a topic')
    .argument('<key...>', 'what to unset')
    .option('--dry-run', 'let the broker check it only')
  addBrokerOptions(command).action((topic: string, keys: string[], options: Options) => {
    const validateOnly = options.dryRun === true
    return withCluster(session, options, async (cluster, output) => {
      await alterTopicConfigs(cluster, { topic, unset: keys, validateOnly })
      const verb = validateOnly ? 'Could unset' : 'Unset'
      await output.note(`${verb} ${keys.join(', ')} of topic ${topic}.`)
      if (output.format === 'json' || output.format === 'jsonl') {
        await output.json({ topic, unset: keys, isDryRun: validateOnly })
      }
    })
  })
}
