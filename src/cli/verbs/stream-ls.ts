// `millrace stream ls`: the streams of an event store with their versions: of a running broker by reading
// the store, of a stopped one's folder from the stream index.

import type { Command } from 'commander'
import type { StreamInfo } from '../../broker/streams/event-store.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type Column, Output } from '../output.ts'
import { scanStreams } from '../scan-stream.ts'
import type { Examples, Session } from '../session.ts'
import { noTopic, withStoppedStores } from '../stopped-folder.ts'
import { DEFAULT_STORE, storeTopic } from '../store-topic.ts'

interface Options extends BrokerOptions {
  store: string
  data?: string
  prefix: string
}

interface Row {
  readonly stream: string
  /** Of its newest event. */
  readonly version: number
  readonly firstVersion: number
  readonly events: number
  readonly state: StreamInfo['life']
}

const columns: readonly Column<Row>[] = [
  { title: 'STREAM', value: (row) => row.stream },
  { title: 'VERSION', value: (row) => row.version, align: 'right' },
  { title: 'FIRST', value: (row) => row.firstVersion, align: 'right' },
  { title: 'EVENTS', value: (row) => row.events, align: 'right' },
  { title: 'STATE', value: (row) => row.state },
]

export const examples: Examples = [
  ['millrace stream ls', 'every stream of the store `streams`'],
  ['millrace stream ls --prefix account- --jsonl', 'those whose name begins so'],
  ['millrace stream ls --data ./.millrace', "those in a stopped broker's folder"],
]

export function define(command: Command, session: Session): void {
  command
    .option('--prefix <text>', 'only streams whose name begins so', '')
    .option('--store <topic>', 'the event store', DEFAULT_STORE)
    .option('--data <dir>', 'ask the data folder of a stopped broker instead of a running one')
    .addHelpText(
      'after',
      `
What it costs: Kafka's protocol has no list of keys, so all of the store is read, and one line for each
stream is kept in memory. With --data the stream index knows them.`,
    )
  addBrokerOptions(command).action((options: Options) => list(session, options))
}

async function list(session: Session, options: Options): Promise<void> {
  const { data, store: name, prefix } = options
  if (data !== undefined) {
    const output = new Output(session.terminal, options)
    return withStoppedStores(data, {}, async ({ stores }) => {
      if (stores.partitionsOf(name) === undefined) throw noTopic(name, data)
      const rows: Row[] = []
      for await (const stream of stores.get(name).list({ prefix })) rows.push(rowOf(stream))
      await output.rows(columns, rows)
    })
  }
  await withCluster(session, options, async (cluster, output) => {
    const store = await storeTopic(cluster, name)
    const streams = await scanStreams(cluster, store, prefix)
    await output.rows(columns, streams.map(rowOf))
  })
}

function rowOf({ stream, headVersion, firstVersion, life }: StreamInfo): Row {
  const events = headVersion - firstVersion + 1
  return { stream, version: headVersion, firstVersion, events, state: life }
}
