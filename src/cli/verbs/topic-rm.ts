// `millrace topic rm`: deletes topics with all their records, after asking.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { deleteTopic } from '../client/topics.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

type Options = BrokerOptions & ConfirmOptions

interface Row {
  readonly topic: string
  readonly partitions: number
  readonly result: 'deleted' | 'would be deleted'
}

const columns: readonly Column<Row>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITIONS', value: (row) => row.partitions, align: 'right' },
  { title: 'RESULT', value: (row) => row.result },
]

export const examples: Examples = [
  ['millrace topic rm orders', 'asks first'],
  ['millrace topic rm orders carts --yes', 'for scripts'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic...>', 'names of topics')
    .option('--dry-run', 'show what would be deleted')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((topics: string[], options: Options) =>
    remove(session, topics, options),
  )
}

async function remove(session: Session, names: string[], options: Options): Promise<void> {
  await withCluster(session, options, async (cluster, output) => {
    // Every name is looked up before the first is deleted: a typo deletes nothing.
    const rows: Row[] = []
    for (const topic of names) {
      const { partitions } = await cluster.topic(topic)
      rows.push({ topic, partitions: partitions.length, result: 'would be deleted' })
    }
    const question = `Delete ${names.length === 1 ? `topic ${names[0]}` : count(names.length, 'topic')} with all records?`
    if (await confirm(session.terminal, options, question)) {
      for (const [index, row] of rows.entries()) {
        await deleteTopic(cluster, row.topic)
        rows[index] = { ...row, result: 'deleted' }
      }
    } else if (options.dryRun !== true) {
      await output.note('Nothing was deleted.')
      return
    }
    await output.rows(columns, rows)
  })
}
