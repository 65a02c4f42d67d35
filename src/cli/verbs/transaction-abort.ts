// `millrace transaction abort`: takes a transactional id away from its producer, whose transaction is
// aborted; or ends one that hangs in a partition and that no coordinator knows of.

import { type Command, InvalidArgumentError } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Cluster } from '../client/cluster.ts'
import {
  abortTransaction,
  describeTransaction,
  endHungTransaction,
  openTransactions,
} from '../client/transactions.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import { CliError, ExitCode } from '../exit-code.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions, ConfirmOptions {
  topic?: string
  partition?: number
  producer?: number
}

interface Row {
  readonly what: string
  readonly result: 'aborted' | 'would be aborted'
}

interface Plan {
  readonly what: string
  readonly question: string
  run(): Promise<void>
}

const columns: readonly Column<Row>[] = [
  { title: 'WHAT', value: (row) => row.what },
  { title: 'RESULT', value: (row) => row.result },
]

export const examples: Examples = [
  ['millrace transaction abort payments-0', 'aborts what is open, and fences the producer'],
  [
    'millrace transaction abort --topic orders --partition 0 --producer 4000',
    'ends one that hangs, as transaction ls --topic shows it',
  ],
]

export function define(command: Command, session: Session): void {
  command
    .argument('[transactional-id]', 'the transactional id of the producer')
    .option('-t, --topic <topic>', 'where a transaction hangs')
    .option('-p, --partition <partition>', 'the partition where it hangs', parseCount)
    .option('--producer <id>', 'the producer id that left it open', parseCount)
    .option('--dry-run', 'show what would be aborted')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((id: string | undefined, options: Options) =>
    withCluster(session, options, async (cluster, output) => {
      const plan = await planOf(cluster, id, options)
      const isWanted = await confirm(session.terminal, options, plan.question)
      if (!isWanted && options.dryRun !== true) return output.note('Nothing was aborted.')
      if (isWanted) await plan.run()
      const result = isWanted ? 'aborted' : 'would be aborted'
      await output.rows(columns, [{ what: plan.what, result }])
    }),
  )
}

async function planOf(cluster: Cluster, id: string | undefined, options: Options): Promise<Plan> {
  const { topic, partition, producer } = options
  if (id !== undefined) {
    const { state, producerId } = await describeTransaction(cluster, id)
    return {
      what: id,
      question: `Abort transaction ${id} (${state}) and fence its producer ${producerId}?`,
      run: () => abortTransaction(cluster, id),
    }
  }
  if (topic === undefined || partition === undefined || producer === undefined) {
    const message = 'Name a transactional id, or --topic, --partition and --producer together.'
    throw new CliError(ExitCode.USAGE, message)
  }
  const open = await openTransactions(cluster, { topic, partition })
  const hung = open.find(({ producerId }) => producerId === producer)
  const what = `${topic} ${partition} producer ${producer}`
  if (hung === undefined) {
    const message = `Producer ${producer} has nothing open in topic ${topic} partition ${partition}.`
    throw new CliError(ExitCode.NOT_FOUND, message)
  }
  const from = `from offset ${hung.firstOffset} on`
  return {
    what,
    question: `End what producer ${producer} left open in topic ${topic} partition ${partition} ${from}?`,
    run: () => endHungTransaction(cluster, hung),
  }
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a number, 0 or more.')
  return Number(text)
}
