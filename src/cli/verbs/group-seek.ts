// `millrace group seek`: moves what a stopped group has committed. Shows before and after, asks,
// and refuses a group with members: they would commit over it.

import type { Command } from 'commander'
import { nodeClock } from '../../host/node-host.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Cluster, TopicPartition } from '../client/cluster.ts'
import { describeGroup } from '../client/describe-group.ts'
import { commitOffsets, fetchCommittedOffsets } from '../client/groups.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import { CliError, ExitCode, usageError } from '../exit-code.ts'
import { collect } from '../key-values.ts'
import type { Column } from '../output.ts'
import { choosePartitions, parsePartitions } from '../partition-choice.ts'
import { POSITION_GRAMMAR, type Position, parsePosition } from '../position.ts'
import { resolvePositions } from '../resolve-position.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions, ConfirmOptions {
  to: string
  topic?: string[]
  partition?: string
}

interface Row {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** null when nothing was committed. */
  readonly before: number | null
  readonly after: number
  /** Offsets that will be read again (negative) or not at all (positive). */
  readonly change: number | null
  readonly lagAfter: number
}

const columns: readonly Column<Row>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
  { title: 'BEFORE', value: (row) => row.before, align: 'right' },
  { title: 'AFTER', value: (row) => row.after, align: 'right' },
  {
    title: 'CHANGE',
    value: (row) => row.change,
    show: (row) => signed(row.change),
    align: 'right',
  },
  { title: 'LAG AFTER', value: (row) => row.lagAfter, align: 'right' },
]

export const examples: Examples = [
  ['millrace group seek billing --to start', 'read everything again'],
  ['millrace group seek billing --to @-1h --dry-run', 'what would change?'],
  ['millrace group seek billing -t orders -p 0 --to 42 --yes', 'one partition, for scripts'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<group>', 'name of a group')
    .requiredOption('--to <position>', `where it goes on: ${POSITION_GRAMMAR}`)
    .option(
      '-t, --topic <topic>',
      'only this topic, may be repeated (default: all that it committed)',
      collect,
    )
    .option('-p, --partition <n,...>', 'only these partitions')
    .option('--dry-run', 'show before and after, change nothing')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((group: string, options: Options) =>
    seek(session, group, options),
  )
}

async function seek(session: Session, group: string, options: Options): Promise<void> {
  const position = parsePosition(options.to, nodeClock.nowMs())
  const wanted = parsePartitions(options.partition)
  await withCluster(session, options, async (cluster, output) => {
    await refuseActiveGroup(cluster, group)
    const rows = await plan(cluster, { group, position, topics: options.topic, wanted })
    if (output.format === 'table') await output.rows(columns, rows)
    if (await confirm(session.terminal, options, `Move group ${group}?`)) {
      const offsets = rows.map(({ topic, partition, after }) => {
        return { topic, partition, offset: after }
      })
      await commitOffsets(cluster, group, offsets)
      await output.note(`Group ${group} goes on from there.`)
    } else {
      await output.note('Nothing was changed.')
    }
    if (output.format !== 'table') await output.rows(columns, rows)
  })
}

async function refuseActiveGroup(cluster: Cluster, group: string): Promise<void> {
  const { state, members } = await describeGroup(cluster, group)
  if (members.length === 0 && state !== 'Stable') return
  const who = members.map(({ clientId, clientHost }) => `${clientId}${clientHost}`).join(', ')
  const message = `Group ${group} is active (${state}: ${who}): stop its members first, they would commit over it.`
  throw new CliError(ExitCode.CONFLICT, message)
}

async function plan(
  cluster: Cluster,
  request: {
    group: string
    position: Position
    topics: readonly string[] | undefined
    wanted: readonly number[] | undefined
  },
): Promise<Row[]> {
  const { group, position, wanted } = request
  const committed = await fetchCommittedOffsets(cluster, group)
  const before = new Map(committed.map((entry) => [nameOf(entry), entry.offset]))
  const topics = request.topics ?? [...new Set(committed.map(({ topic }) => topic))]
  if (topics.length === 0) {
    throw usageError(`Group ${group} has committed nothing yet: say which topics with --topic.`)
  }
  const partitions = await choosePartitions(cluster, topics, wanted)
  const resolved = await resolvePositions(cluster, partitions, { position })
  return resolved.map(({ topic, partition, offset, endOffset }) => {
    const old = before.get(nameOf({ topic, partition })) ?? null
    const change = old === null ? null : offset - old
    return {
      group,
      topic,
      partition,
      before: old,
      after: offset,
      change,
      lagAfter: endOffset - offset,
    }
  })
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

function signed(change: number | null): string {
  if (change === null) return '-'
  return change > 0 ? `+${change}` : String(change)
}
