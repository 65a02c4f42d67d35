// `millrace topic ls`: the topics of a cluster, internal ones on request.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions {
  all?: boolean
}

interface Row {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  readonly isInternal: boolean
}

const columns: readonly Column<Row>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITIONS', value: (row) => row.partitions, align: 'right' },
  { title: 'REPLICAS', value: (row) => row.replicas, align: 'right' },
]

export const examples: Examples = [
  ['millrace topic ls', 'your topics'],
  ['millrace topic ls --all --json', 'internal ones too, as JSON'],
]

export function define(command: Command, session: Session): void {
  command.option('-a, --all', 'internal topics too')
  addBrokerOptions(command).action((options: Options) => list(session, options))
}

async function list(session: Session, options: Options): Promise<void> {
  await withCluster(session, options, async (cluster, output) => {
    const { topics } = await cluster.describe()
    const rows = topics
      .filter(({ isInternal }) => options.all === true || !isInternal)
      .map(({ name, partitions, isInternal }) => ({
        topic: name,
        partitions: partitions.length,
        replicas: partitions[0]?.replicas.length ?? 0,
        isInternal,
      }))
      .sort((a, b) => (a.topic < b.topic ? -1 : 1))
    await output.rows(columns, rows)
    if (rows.length === 0 && output.format === 'table') {
      await output.note('No topic yet. Create one: millrace topic create orders')
    }
  })
}
