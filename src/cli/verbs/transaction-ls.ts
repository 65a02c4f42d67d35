// `millrace transaction ls`: the transactional ids that a cluster knows, or with --topic what is open in
// a topic's partitions, also where no coordinator knows of it.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Cluster } from '../client/cluster.ts'
import {
  listAllTransactions,
  type OpenTransaction,
  openTransactions,
  type TransactionListing,
} from '../client/transactions.ts'
import { collect } from '../key-values.ts'
import type { Column, Output } from '../output.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions {
  state?: string[]
  topic?: string
}

/** A transaction that is open in a partition; null where no coordinator knows of it. */
type Open = OpenTransaction & { readonly transactionalId: string | null }

const columns: readonly Column<TransactionListing>[] = [
  { title: 'TRANSACTIONAL ID', value: (row) => row.transactionalId },
  { title: 'STATE', value: (row) => row.state },
  { title: 'PRODUCER', value: (row) => row.producerId, align: 'right' },
]

const openColumns: readonly Column<Open>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
  { title: 'PRODUCER', value: (row) => row.producerId, align: 'right' },
  { title: 'EPOCH', value: (row) => row.producerEpoch, align: 'right' },
  { title: 'OPEN SINCE OFFSET', value: (row) => row.firstOffset, align: 'right' },
  { title: 'LAST RECORD', value: (row) => new Date(row.lastTimestamp).toISOString() },
  {
    title: 'TRANSACTIONAL ID',
    value: (row) => row.transactionalId,
    show: (row) => row.transactionalId ?? 'unknown: it hangs',
  },
]

export const examples: Examples = [
  ['millrace transaction ls', 'transactional ids and their states'],
  ['millrace transaction ls --state Ongoing', 'only those with an open transaction'],
  ['millrace transaction ls --topic orders', 'what holds readers of committed data back'],
]

export function define(command: Command, session: Session): void {
  command
    .option('--state <state>', 'only ids in this state, may be repeated', collect)
    .option('-t, --topic <topic>', 'what is open in the partitions of this topic')
  addBrokerOptions(command).action((options: Options) =>
    withCluster(session, options, async (cluster, output) => {
      const { topic, state } = options
      const count =
        topic === undefined
          ? await show(output, columns, await listAllTransactions(cluster, state))
          : await show(output, openColumns, await openIn(cluster, topic))
      if (count === 0 && output.format === 'table') await output.note('No transaction.')
    }),
  )
}

async function show<Row>(output: Output, titles: readonly Column<Row>[], rows: readonly Row[]) {
  await output.rows(titles, rows)
  return rows.length
}

async function openIn(cluster: Cluster, topic: string): Promise<Open[]> {
  const { partitions } = await cluster.topic(topic)
  const lists = partitions.map(({ partition }) => openTransactions(cluster, { topic, partition }))
  const open = (await Promise.all(lists)).flat()
  const known = open.length === 0 ? [] : await listAllTransactions(cluster)
  const owners = new Map(known.map((one) => [one.producerId, one]))
  return open.map((one) => {
    const owner = owners.get(one.producerId)
    const isOpen =
      owner !== undefined &&
      !['Empty', 'Dead'].includes(owner.state) &&
      !owner.state.startsWith('Complete')
    return { ...one, transactionalId: isOpen ? owner.transactionalId : null }
  })
}
