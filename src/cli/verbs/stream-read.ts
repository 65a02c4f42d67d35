// `millrace stream read`: the events of one stream, forward or backward, found by reading the partition
// that it is in.

import type { Command } from 'commander'
import { ID_HEADER } from '../../broker/streams/store-names.ts'
import { nodeClock } from '../../host/node-host.ts'
import { headerTextOf } from '../../sdk/events/headers.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { CliError, ExitCode } from '../exit-code.ts'
import { type JsonRecord, toJsonRecord } from '../json-record.ts'
import { parseCount } from '../key-values.ts'
import type { Output } from '../output.ts'
import { RowStream } from '../row-stream.ts'
import { partitionOfStream, type StreamRecord, scanStream } from '../scan-stream.ts'
import type { Examples, Session } from '../session.ts'
import { DEFAULT_STORE, storeTopic, streamKey, typeOf } from '../store-topic.ts'
import { count, printable, relativeTime, tsvField } from '../text.ts'

const ROWS_AT_ONCE = 500
const TIME_WIDTH = 10
const VERSION_WIDTH = 6

interface Options extends BrokerOptions {
  store: string
  from?: string
  backward?: boolean
  limit?: string
}

interface Row extends Omit<JsonRecord, 'key'> {
  readonly stream: string
  readonly version: number
  readonly type: string | null
  readonly id: string | null
}

/** Inclusive. */
interface Wanted {
  readonly lowest: number
  readonly highest: number
  readonly limit: number
}

export const examples: Examples = [
  ['millrace stream read account-7', 'every event, from the first on'],
  ['millrace stream read account-7 --backward --limit 1', 'the newest event'],
  ['millrace stream read account-7 --from 40 --jsonl', 'from version 40 on, for a script'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<stream>', 'name of the stream: the key of its records')
    .option('--from <version>', 'the version to begin at (default: the first, or the newest)')
    .option('--backward', 'the newest first')
    .option('-n, --limit <count>', 'at most so many events')
    .option('--store <topic>', 'the event store', DEFAULT_STORE)
    .addHelpText(
      'after',
      `
What it costs: Kafka's protocol finds no record by its key, so the stream's partition is read from its
end back to the first version that is wanted, and all of it for a stream that is not there. Without
--backward the events are kept in memory until they are printed. Code in the broker's process reads
by the stream index.`,
    )
  addBrokerOptions(command).action((stream: string, options: Options) =>
    read(session, stream, options),
  )
}

async function read(session: Session, stream: string, options: Options): Promise<void> {
  const key = streamKey(stream)
  const wanted = wantedOf(options)
  await withCluster(session, options, async (cluster, output) => {
    const store = await storeTopic(cluster, options.store)
    const place = partitionOfStream(store, key)
    const rows = rowStream(output)
    const found: StreamRecord[] = []
    let newest: StreamRecord | undefined
    const print = async () => {
      const chosen = found.splice(0)
      if (options.backward !== true) chosen.reverse().splice(wanted.limit)
      await rows.write(chosen.map((each) => rowOf(stream, place, each)))
    }
    if (wanted.limit === 0) return rows.end()
    for await (const each of scanStream(cluster, place, key)) {
      newest ??= each
      const { kind, version } = each
      if (kind !== 'event' || version > wanted.highest) continue
      if (version < wanted.lowest) break
      found.push(each)
      if (options.backward === true) {
        if (rows.rowCount + found.length >= wanted.limit) break
        if (found.length >= ROWS_AT_ONCE) await print()
      }
      if (version === wanted.lowest) break
    }
    if (newest === undefined || goneKinds.has(newest.kind))
      throw notThere(options.store, stream, newest)
    await print()
    await rows.end()
    await output.detail(
      `printed ${count(rows.rowCount, 'event')}; the stream is at version ${newest.version}`,
    )
  })
}

const goneKinds: ReadonlySet<string> = new Set(['deleted', 'tombstoned'])

function wantedOf({ from, backward, limit }: Options): Wanted {
  const most = limit === undefined ? Number.MAX_SAFE_INTEGER : parseCount(limit, '--limit')
  const at = from === undefined ? undefined : parseCount(from, '--from')
  if (backward === true) return { lowest: 0, highest: at ?? Number.MAX_SAFE_INTEGER, limit: most }
  return { lowest: at ?? 0, highest: Number.MAX_SAFE_INTEGER, limit: most }
}

function notThere(store: string, stream: string, newest: StreamRecord | undefined): CliError {
  const what =
    newest === undefined ? 'has no events' : `is ${newest.kind}, at version ${newest.version}`
  const hint = `\`millrace stream ls --store ${store}\` lists the streams.`
  return new CliError(ExitCode.NOT_FOUND, `Stream ${stream} of store ${store} ${what}: ${hint}`)
}

function rowOf(
  stream: string,
  place: { topic: string; partition: number },
  { version, record }: StreamRecord,
): Row {
  const { key: _, ...rest } = toJsonRecord(place, record)
  const { headers } = record
  const type = typeOf(headers) ?? null
  return { stream, version, type, id: headerTextOf(headers, ID_HEADER) ?? null, ...rest }
}

function rowStream(output: Output): RowStream<Row> {
  const nowMs = nodeClock.nowMs()
  return new RowStream(output, (row) => {
    const { version, type, id, timestamp, partition, offset, value } = row
    if (output.format === 'tsv') {
      const fields = [type, timestamp, id, value].map(tsvField)
      return `${version}\t${fields.join('\t')}\t${partition}\t${offset}\n`
    }
    const time = timestamp === null ? '-' : relativeTime(Date.parse(timestamp), nowMs)
    return `${[
      output.paint('cyan', String(version).padStart(VERSION_WIDTH)),
      output.paint('dim', time.padStart(TIME_WIDTH)),
      output.paint('bold', printable(type)),
      printable(value),
    ].join('  ')}\n`
  })
}
