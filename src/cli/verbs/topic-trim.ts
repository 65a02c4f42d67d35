// `millrace topic trim`: deletes the oldest records of a topic, up to a position, after asking.

import type { Command } from 'commander'
import { nodeClock } from '../../host/node-host.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { deleteRecordsBefore } from '../client/topics.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import type { Column } from '../output.ts'
import { choosePartitions, parsePartitions } from '../partition-choice.ts'
import { POSITION_GRAMMAR, parsePosition } from '../position.ts'
import { resolvePositions } from '../resolve-position.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

interface Options extends BrokerOptions, ConfirmOptions {
  before: string
  partition?: string
}

interface Row {
  readonly topic: string
  readonly partition: number
  readonly startOffset: number
  readonly newStartOffset: number
  readonly endOffset: number
}

const columns: readonly Column<Row>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
  { title: 'START', value: (row) => row.startOffset, align: 'right' },
  { title: 'NEW START', value: (row) => row.newStartOffset, align: 'right' },
  { title: 'END', value: (row) => row.endOffset, align: 'right' },
]

export const examples: Examples = [
  ['millrace topic trim orders --before @-7d', 'keep the last seven days'],
  ['millrace topic trim orders --before end --yes', 'empty the topic'],
  ['millrace topic trim orders --before 1000 -p 0 --dry-run', 'what would go?'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic>', 'name of a topic')
    .requiredOption('--before <position>', `the first record to keep: ${POSITION_GRAMMAR}`)
    .option('-p, --partition <n,...>', 'only these partitions')
    .option('--dry-run', 'show what would be deleted')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((topic: string, options: Options) =>
    trim(session, topic, options),
  )
}

async function trim(session: Session, topic: string, options: Options): Promise<void> {
  const position = parsePosition(options.before, nodeClock.nowMs())
  const wanted = parsePartitions(options.partition)
  await withCluster(session, options, async (cluster, output) => {
    const partitions = await choosePartitions(cluster, [topic], wanted)
    const resolved = await resolvePositions(cluster, partitions, { position })
    const rows: Row[] = resolved.map(({ partition, startOffset, endOffset, offset }) => {
      return { topic, partition, startOffset, newStartOffset: offset, endOffset }
    })
    const offsets = rows.reduce((sum, row) => sum + row.newStartOffset - row.startOffset, 0)
    if (output.format === 'table') await output.rows(columns, rows)
    const question = `Delete the records of ${count(offsets, 'offset')} of topic ${topic}?`
    if (await confirm(session.terminal, options, question)) {
      const points = rows.map(({ partition, newStartOffset }) => {
        return { topic, partition, beforeOffset: newStartOffset }
      })
      await deleteRecordsBefore(cluster, points)
      await output.note(`Deleted the records of ${count(offsets, 'offset')}.`)
    } else {
      await output.note('Nothing was deleted.')
    }
    if (output.format !== 'table') await output.rows(columns, rows)
  })
}
