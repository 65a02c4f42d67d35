// `millrace log truncate`: ends a damaged partition at an offset, so that it is served again up to
// there. Shows what would go and does nothing, unless it is told `--yes`; keeps what it cuts off.

import type { Command } from 'commander'
import { CATALOG_FOLDER } from '../../broker/catalog/format-version.ts'
import { segmentPath } from '../../broker/log/segment.ts'
import { planTruncation, type TruncationPlan, truncateLog } from '../../broker/log/truncate-log.ts'
import { takeCleanStop } from '../../broker/server/clean-stop.ts'
import { addOutputOptions } from '../broker-options.ts'
import { usageError } from '../exit-code.ts'
import { type Column, Output, type OutputOptions } from '../output.ts'
import { DEFAULT_FOLDER } from '../serve-options.ts'
import type { Examples, Session } from '../session.ts'
import {
  CHECKPOINT_PATH,
  JOURNAL_FOLDER,
  partitionNamed,
  type StoppedFolder,
  withStoppedFolder,
} from '../stopped-folder.ts'
import { byteSize, count } from '../text.ts'

interface Options extends OutputOptions {
  data?: string
  at: string
  yes?: boolean
}

interface Row {
  readonly partition: string
  /** Exclusive: where the partition ends afterwards. */
  readonly endOffset: number
  readonly batches: number
  readonly records: number
  /** Inclusive; null when no good batch goes. */
  readonly firstLostOffset: number | null
  readonly lastLostOffset: number | null
  readonly bytes: number
  readonly file: string
  readonly position: number
  /** Log files that go as a whole. */
  readonly files: readonly string[]
  /** null while nothing was done. */
  readonly keptIn: string | null
}

const columns: readonly Column<Row>[] = [
  { title: 'PARTITION', value: (row) => row.partition },
  { title: 'NEW END', value: (row) => row.endOffset, align: 'right' },
  { title: 'BATCHES', value: (row) => row.batches, align: 'right' },
  { title: 'RECORDS', value: (row) => row.records, align: 'right' },
  { title: 'BYTES', value: (row) => row.bytes, show: (row) => byteSize(row.bytes), align: 'right' },
  { title: 'FILE', value: (row) => row.file },
  { title: 'FROM BYTE', value: (row) => row.position, align: 'right' },
  { title: 'KEPT IN', value: (row) => row.keptIn },
]

export const examples: Examples = [
  ['millrace log truncate orders-0 --at 4200', 'what would go? Nothing is changed'],
  ['millrace log truncate orders-0 --at 4200 --yes', 'do it'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<partition>', 'TOPIC-PARTITION')
    .requiredOption('--at <offset>', 'where the partition ends afterwards')
    .option('--data <dir>', `the data folder (default: $MILLRACE_DATA, else ${DEFAULT_FOLDER})`)
    .option('-y, --yes', 'do it; without it nothing is changed')
  addOutputOptions(command).action((partition: string, options: Options) =>
    withStoppedFolder(session.terminal, options, (folder) =>
      truncate(session, folder, { partition, options }),
    ),
  )
}

async function truncate(
  session: Session,
  folder: StoppedFolder,
  { partition: name, options }: { partition: string; options: Options },
): Promise<void> {
  const output = new Output(session.terminal, options)
  const atOffset = parseOffset(options.at)
  if (name === CATALOG_FOLDER) {
    throw usageError('The catalogue cannot be cut: it would give out producer ids a second time.')
  }
  const { check, topicId, partition, note } = partitionNamed(folder, name)
  const outcome = await planTruncation(check, atOffset)
  if (outcome.kind === 'refused') {
    throw usageError(`${name} cannot be cut at offset ${atOffset}: ${outcome.reason}.`)
  }
  const { plan } = outcome
  if (options.yes !== true) {
    await output.rows(columns, [rowOf(name, plan, null)])
    await output.note(explain(name, plan, atOffset))
    return output.note('Nothing was changed: add --yes to do it.')
  }
  const { disk, path } = folder
  // The next start has to look for itself, and to begin a new leader epoch.
  await takeCleanStop(disk)
  const places = { journalFolder: JOURNAL_FOLDER, checkpointPath: CHECKPOINT_PATH }
  const kept = await truncateLog({ disk, plan, topicId, partition, note, ...places })
  await output.rows(columns, [rowOf(name, plan, `${path}/${kept}`)])
  await output.note(
    `${name} ends at offset ${plan.endOffset}. What was cut off is in ${path}/${kept}.`,
  )
}

function parseOffset(text: string): number {
  const offset = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(offset)) return offset
  throw usageError(`'${text}' is no offset: give --at a number from 0 on.`)
}

function rowOf(partition: string, plan: TruncationPlan, keptIn: string | null): Row {
  const { folder, endOffset, batches, records, firstLostOffset, lastLostOffset, bytes } = plan
  const lost = { batches, records, firstLostOffset, lastLostOffset, bytes }
  const file = segmentPath(folder, plan.segmentBase, 'log')
  const files = plan.laterBases.map((base) => segmentPath(folder, base, 'log'))
  return { partition, endOffset, ...lost, file, position: plan.position, files, keptIn }
}

function explain(name: string, plan: TruncationPlan, atOffset: number): string {
  const { endOffset, batches, records, firstLostOffset, lastLostOffset, laterBases } = plan
  const inside = endOffset < atOffset ? ` (offset ${atOffset} lies inside a batch)` : ''
  const offsets =
    firstLostOffset === null ? '' : `, offsets ${firstLostOffset} to ${lastLostOffset}`
  const good = `${count(records, 'good record')} in ${batches === 1 ? '1 batch' : `${batches} batches`}`
  const files =
    laterBases.length === 0 ? '' : ` ${count(laterBases.length, 'later file')} would go as a whole.`
  return `${name} would end at offset ${endOffset}${inside} and lose ${good}${offsets}, and whatever is damaged.${files}`
}
