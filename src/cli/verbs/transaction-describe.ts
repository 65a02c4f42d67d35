// `millrace transaction describe`: who holds a transactional id, and what its transaction has touched.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { describeTransaction, type TransactionDescription } from '../client/transactions.ts'
import type { Column, Output } from '../output.ts'
import type { Examples, Session } from '../session.ts'

interface Row extends Omit<TransactionDescription, 'partitions'> {
  /** null when the transaction has no partition. */
  readonly topic: string | null
  readonly partition: number | null
}

const partitionColumns: readonly Column<Row>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
]

const pipeColumns: readonly Column<Row>[] = [
  { title: 'TRANSACTIONAL ID', value: (row) => row.transactionalId },
  { title: 'STATE', value: (row) => row.state },
  { title: 'PRODUCER', value: (row) => row.producerId, align: 'right' },
  { title: 'EPOCH', value: (row) => row.producerEpoch, align: 'right' },
  ...partitionColumns,
]

export const examples: Examples = [
  ['millrace transaction describe payments-0', 'state, producer, partitions'],
  ['millrace transaction describe payments-0 --json', 'the same for a script'],
]

export function define(command: Command, session: Session): void {
  command.argument('<transactional-id...>', 'transactional ids of producers')
  addBrokerOptions(command).action((ids: string[], options: BrokerOptions) =>
    withCluster(session, options, async (cluster, output) => {
      const descriptions: TransactionDescription[] = []
      for (const id of ids) descriptions.push(await describeTransaction(cluster, id))
      await output.documents(descriptions, {
        columns: pipeColumns,
        rows: rowsOf,
        show: (description) => printForPeople(output, description),
      })
    }),
  )
}

function rowsOf({ partitions, ...rest }: TransactionDescription): Row[] {
  if (partitions.length === 0) return [{ ...rest, topic: null, partition: null }]
  return partitions.map((place) => ({ ...rest, ...place }))
}

async function printForPeople(output: Output, description: TransactionDescription): Promise<void> {
  const { transactionalId, state, producerId, producerEpoch, timeoutMs, startedMs } = description
  const since = startedMs < 0 ? '' : `, since ${new Date(startedMs).toISOString()}`
  const facts = `${state}, producer ${producerId} epoch ${producerEpoch}, timeout ${timeoutMs} ms${since}`
  await output.data(`${output.paint('bold', transactionalId)}  ${output.paint('dim', facts)}\n`)
  if (description.partitions.length === 0) return
  await output.data('\n')
  await output.rows(partitionColumns, rowsOf(description))
}
