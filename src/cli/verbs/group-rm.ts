// `millrace group rm`: forgets stopped groups, or what one of them committed for some topics.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Cluster } from '../client/cluster.ts'
import { describeGroup } from '../client/describe-group.ts'
import { deleteCommittedOffsets, deleteGroup, fetchCommittedOffsets } from '../client/groups.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import { CliError, ExitCode } from '../exit-code.ts'
import { collect } from '../key-values.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

interface Options extends BrokerOptions, ConfirmOptions {
  topic?: string[]
}

interface Row {
  readonly group: string
  /** null: the whole group. */
  readonly topics: readonly string[] | null
  readonly result: 'deleted' | 'would be deleted'
}

const columns: readonly Column<Row>[] = [
  { title: 'GROUP', value: (row) => row.group },
  {
    title: 'TOPICS',
    value: (row) => row.topics?.join(',') ?? null,
    show: (row) => row.topics?.join(', ') ?? 'all',
  },
  { title: 'RESULT', value: (row) => row.result },
]

export const examples: Examples = [
  ['millrace group rm billing', 'asks first'],
  ['millrace group rm billing --topic orders --yes', 'forget one topic'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<group...>', 'names of groups')
    .option(
      '-t, --topic <topic>',
      'only what was committed for this topic, may be repeated',
      collect,
    )
    .option('--dry-run', 'show what would be deleted')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((groups: string[], options: Options) =>
    remove(session, groups, options),
  )
}

async function remove(session: Session, groups: string[], options: Options): Promise<void> {
  const topics = options.topic ?? null
  await withCluster(session, options, async (cluster, output) => {
    for (const group of groups) await assertExists(cluster, group)
    const what = groups.length === 1 ? `group ${groups[0]}` : count(groups.length, 'group')
    const question =
      topics === null
        ? `Delete ${what} with all that was committed?`
        : `Delete what ${what} committed for ${topics.join(', ')}?`
    const isWanted = await confirm(session.terminal, options, question)
    if (!isWanted && options.dryRun !== true) return output.note('Nothing was deleted.')
    const result = isWanted ? 'deleted' : 'would be deleted'
    const rows: Row[] = []
    for (const group of groups) {
      if (isWanted) await removeOne(cluster, group, topics)
      rows.push({ group, topics, result })
    }
    await output.rows(columns, rows)
  })
}

async function assertExists(cluster: Cluster, group: string): Promise<void> {
  const { state } = await describeGroup(cluster, group)
  if (state !== 'Dead') return
  const message = `Group ${group} does not exist: millrace group ls lists those that do.`
  throw new CliError(ExitCode.NOT_FOUND, message)
}

async function removeOne(
  cluster: Cluster,
  group: string,
  topics: readonly string[] | null,
): Promise<void> {
  if (topics === null) return deleteGroup(cluster, group)
  const committed = await fetchCommittedOffsets(cluster, group)
  const partitions = committed.filter(({ topic }) => topics.includes(topic))
  if (partitions.length === 0) {
    const message = `Group ${group} has committed nothing for ${topics.join(', ')}.`
    throw new CliError(ExitCode.NOT_FOUND, message)
  }
  await deleteCommittedOffsets(cluster, group, partitions)
}
