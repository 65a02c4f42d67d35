// `millrace topic config get`: each key of a topic with its value and where that comes from.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type ConfigSource, topicConfigs } from '../client/topics.ts'
import { CliError, ExitCode } from '../exit-code.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'

interface Row {
  readonly key: string
  readonly value: string | null
  readonly source: ConfigSource
}

const columns: readonly Column<Row>[] = [
  { title: 'KEY', value: (row) => row.key },
  { title: 'VALUE', value: (row) => row.value },
  { title: 'SOURCE', value: (row) => row.source },
]

export const examples: Examples = [
  ['millrace topic config get orders', 'every key, its value, its source'],
  ['millrace topic config get orders retention.ms', 'one key'],
]

export function define(command: Command, session: Session): void {
  command.argument('<topic>', 'name of a topic').argument('[key...]', 'only these keys')
  addBrokerOptions(command).action((topic: string, keys: string[], options: BrokerOptions) =>
    get(session, { topic, keys }, options),
  )
}

async function get(
  session: Session,
  { topic, keys }: { topic: string; keys: string[] },
  options: BrokerOptions,
): Promise<void> {
  await withCluster(session, options, async (cluster, output) => {
    const configs = await topicConfigs(cluster, { topic, ...(keys.length > 0 && { keys }) })
    const missing = keys.find((key) => !configs.some((config) => config.key === key))
    if (missing !== undefined) {
      const message = `Topics have no configuration ${missing}: see millrace topic config get ${topic}.`
      throw new CliError(ExitCode.NOT_FOUND, message)
    }
    const rows = configs.map(({ key, value, source }) => ({ key, value, source }))
    await output.rows(
      columns,
      rows.sort((a, b) => (a.key < b.key ? -1 : 1)),
    )
  })
}
