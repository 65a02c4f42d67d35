// `millrace stream reindex`: drops the stream index of a stopped broker's event stores and learns it from
// their logs again, which is what it can always be made from.

import type { Command } from 'commander'
import { isStore } from '../../broker/catalog/store-topics.ts'
import type { StorePartition } from '../../broker/streams/store-partition.ts'
import { nodeClock, nodeTimers } from '../../host/node-host.ts'
import { addOutputOptions } from '../broker-options.ts'
import { CliError, ExitCode } from '../exit-code.ts'
import { type Column, Output, type OutputOptions } from '../output.ts'
import { DEFAULT_FOLDER } from '../serve-options.ts'
import type { Examples, Session } from '../session.ts'
import { noTopic, stoppedPath, withStoppedStores } from '../stopped-folder.ts'
import { count } from '../text.ts'

const PROGRESS_EVERY_MS = 500

interface Options extends OutputOptions {
  data?: string
  store?: string
}

interface Row {
  readonly partition: string
  readonly records: number
  readonly streams: number
  /** Since the folder was opened. */
  readonly ms: number
}

const columns: readonly Column<Row>[] = [
  { title: 'PARTITION', value: (row) => row.partition },
  { title: 'RECORDS', value: (row) => row.records, align: 'right' },
  { title: 'STREAMS', value: (row) => row.streams, align: 'right' },
  { title: 'MS', value: (row) => row.ms, align: 'right' },
]

export const examples: Examples = [
  ['millrace stream reindex', 'every event store in ./.millrace'],
  ['millrace stream reindex --store accounts --data /var/lib/millrace', 'one of them'],
]

export function define(command: Command, session: Session): void {
  command
    .option('--store <topic>', 'only this event store (default: all of the folder)')
    .option('--data <dir>', `the data folder (default: $MILLRACE_DATA, else ${DEFAULT_FOLDER})`)
    .addHelpText(
      'after',
      `
No event is touched. A broker does the same by itself when it finds an index that is missing or damaged;
this is for one that is neither and yet is wrong.`,
    )
  addOutputOptions(command).action((options: Options) => reindex(session, options))
}

async function reindex(session: Session, options: Options): Promise<void> {
  const output = new Output(session.terminal, options)
  const path = stoppedPath(session.terminal, options)
  const { store } = options
  const forgetsIndex = (topic: string) => store === undefined || topic === store
  const begunMs = nodeClock.monotonicMs()
  await withStoppedStores(path, { forgetsIndex }, async ({ catalog, stores }) => {
    const names =
      store === undefined
        ? [...catalog.topics()].filter(({ configs }) => isStore(configs)).map(({ name }) => name)
        : [store]
    const rows: Row[] = []
    for (const name of names) {
      const partitions = stores.partitionsOf(name)
      if (partitions === undefined) throw noTopic(name, path)
      for (const partition of partitions) {
        await learn(output, partition)
        const { index } = partition
        rows.push({
          partition: nameOf(partition),
          records: index.learntCount,
          streams: index.streams.count,
          ms: Math.round(nodeClock.monotonicMs() - begunMs),
        })
      }
    }
    await output.rows(columns, rows)
    if (rows.length === 0) await output.note(`${path} has no event store.`)
  })
}

/** Waits until it is learnt, tells how far it is meanwhile, and saves it. @throws CliError */
async function learn(output: Output, partition: StorePartition): Promise<void> {
  const { log } = partition
  const all = log.logEndOffset - log.logStartOffset
  await output.note(`${nameOf(partition)}: learning ${count(all, 'record')}`)
  const done = partition.ready().then(() => true)
  for (;;) {
    const tick = Promise.withResolvers<boolean>()
    const timer = nodeTimers.after(PROGRESS_EVERY_MS, () => tick.resolve(false))
    const isDone = await Promise.race([done, tick.promise])
    timer.cancel()
    if (isDone) break
    const learnt = partition.index.learntCount
    await output.note(`${nameOf(partition)}: ${Math.floor((100 * learnt) / all)} %`)
  }
  if (partition.failure !== undefined || log.state !== 'online') {
    const reason = log.offlineReason ?? String(partition.failure)
    throw new CliError(
      ExitCode.FAILURE,
      `${partition.unlearnt} ${reason}: see \`millrace log check ${nameOf(partition)}\`.`,
      partition.failure,
    )
  }
  await partition.save()
  if (partition.index.hasOpenTransaction) {
    await output.note(
      `${nameOf(partition)} has an open transaction: its index is right, and kept once that has ended.`,
    )
  }
}

function nameOf({ log }: StorePartition): string {
  return `${log.topic}-${log.partition}`
}
