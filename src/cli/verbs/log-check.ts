// `millrace log check`: whether what a stopped broker has on disk is sound. Changes nothing.

import type { Command } from 'commander'
import { checkLog, type LogCheck, type LogFinding } from '../../broker/log/check-log.ts'
import { addOutputOptions } from '../broker-options.ts'
import { ExitCode } from '../exit-code.ts'
import { type Column, Output, type OutputOptions } from '../output.ts'
import { DEFAULT_FOLDER } from '../serve-options.ts'
import type { Examples, Session } from '../session.ts'
import {
  CHECKPOINT_PATH,
  partitionNamed,
  type StoppedFolder,
  withStoppedFolder,
} from '../stopped-folder.ts'

interface Options extends OutputOptions {
  data?: string
}

type State = 'sound' | 'torn end' | 'helper damaged' | 'damaged'

interface Row {
  readonly partition: string
  readonly segments: number
  readonly batches: number
  readonly records: number
  readonly bytes: number
  readonly startOffset: number | null
  /** Exclusive, of what is good before the first damage. */
  readonly endOffset: number | null
  readonly state: State
  readonly findings: readonly LogFinding[]
}

const columns: readonly Column<Row>[] = [
  { title: 'PARTITION', value: (row) => row.partition },
  { title: 'SEGMENTS', value: (row) => row.segments, align: 'right' },
  { title: 'BATCHES', value: (row) => row.batches, align: 'right' },
  { title: 'RECORDS', value: (row) => row.records, align: 'right' },
  { title: 'START', value: (row) => row.startOffset, align: 'right' },
  { title: 'END', value: (row) => row.endOffset, align: 'right' },
  { title: 'STATE', value: (row) => row.state },
  { title: 'FIRST DAMAGE', value: (row) => firstDamage(row) },
]

export const examples: Examples = [
  ['millrace log check', 'every partition in ./.millrace'],
  ['millrace log check orders-0 --data /var/lib/millrace', 'one partition'],
  ['millrace log check --jsonl', 'everything that was found, for a script'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('[partition]', 'TOPIC-PARTITION, or `meta` for the catalogue (default: all)')
    .option('--data <dir>', `the data folder (default: $MILLRACE_DATA, else ${DEFAULT_FOLDER})`)
    .addHelpText('after', '\nEnds with 0: sound, 1: damage was found, 2: it could not be checked.')
  addOutputOptions(command).action((partition: string | undefined, options: Options) =>
    withStoppedFolder(session.terminal, options, (folder) =>
      check(session, folder, { partition, output: new Output(session.terminal, options) }),
    ),
  )
}

async function check(
  session: Session,
  folder: StoppedFolder,
  { partition, output }: { partition: string | undefined; output: Output },
): Promise<void> {
  const chosen = partition === undefined ? folder.partitions : [partitionNamed(folder, partition)]
  const rows: Row[] = []
  for (const { name, check } of chosen) rows.push(rowOf(name, await checkLog(check)))
  rows.push(...sharedRows(folder))
  await output.rows(columns, rows)
  const findings = rows.flatMap((row) => row.findings)
  if (findings.some(({ kind }) => kind !== 'torn-end')) session.exitCode = ExitCode.FAILURE
  for (const row of rows) await advise(output, folder, row)
}

/** The journal and the checkpoint, which belong to all partitions; only what is wrong has a row. */
function sharedRows({ journal, isCheckpointSound }: StoppedFolder): Row[] {
  const findings: LogFinding[] = journal
    .filter(({ lostCount }) => lostCount > 0)
    .map(({ path, lostPosition, lostCount }) => ({
      kind: 'damage',
      file: path,
      position: lostPosition,
      offset: null,
      what: lostCount === 1 ? 'an entry is damaged' : `${lostCount} entries are damaged`,
    }))
  if (!isCheckpointSound) {
    const what = 'does not match its checksum: the next start reads every partition'
    findings.push({ kind: 'helper', file: CHECKPOINT_PATH, position: null, offset: null, what })
  }
  const nothing = {
    segments: 0,
    batches: 0,
    records: 0,
    bytes: 0,
    startOffset: null,
    endOffset: null,
  }
  return findings.map((finding) => {
    const state = finding.kind === 'damage' ? 'damaged' : 'helper damaged'
    return { partition: finding.file, ...nothing, state, findings: [finding] }
  })
}

function rowOf(partition: string, check: LogCheck): Row {
  const { segments, batches, records, bytes, logStartOffset, endOffset, findings } = check
  const state = stateOf(findings)
  const sizes = { segments, batches, records, bytes }
  return { partition, ...sizes, startOffset: logStartOffset, endOffset, state, findings }
}

function stateOf(findings: readonly LogFinding[]): State {
  const has = (kind: LogFinding['kind']) => findings.some((finding) => finding.kind === kind)
  if (has('damage')) return 'damaged'
  if (has('helper')) return 'helper damaged'
  return has('torn-end') ? 'torn end' : 'sound'
}

/** The worst first: damage, then the rest in the order in which it was found. */
function firstDamage({ findings }: Row): string | null {
  const first = findings.find(({ kind }) => kind === 'damage') ?? findings[0]
  if (first === undefined) return null
  const { file, position, offset, what } = first
  const byte = position === null ? '' : `, byte ${position}`
  const at = offset === null ? '' : `, offset ${offset}`
  return `${file}${byte}${at}: ${what}`
}

async function advise(output: Output, folder: StoppedFolder, row: Row): Promise<void> {
  const isKnown = folder.partitions.some(({ name }) => name === row.partition)
  if (!isKnown || row.state === 'sound') return
  const { partition, endOffset } = row
  if (row.state === 'damaged') {
    const command = `millrace log truncate ${partition} --at ${endOffset}`
    const hint = `restore it from a copy, or see what \`${command}\` would cut off`
    return output.note(`${partition} is damaged from offset ${endOffset} on: ${hint}.`)
  }
  const what = row.state === 'torn end' ? 'cuts it off' : 'does without it, or makes it anew'
  return output.note(`${partition}: the next start ${what}; the records are all there.`)
}
