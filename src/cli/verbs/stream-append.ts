// `millrace stream append`: one event, with what the writer expects of the stream. The broker decides;
// the version is read from the record where it has landed, because the protocol's answer has no room
// for it.

import type { Command } from 'commander'
import { STORE_KEY } from '../../broker/catalog/store-topics.ts'
import { parseExpectedVersion } from '../../broker/streams/expected-version.ts'
import { EXPECTED_VERSION_HEADER, kindOfType } from '../../broker/streams/store-names.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { HEADER, headerTextOf } from '../../sdk/events/headers.ts'
import { EventIds } from '../../sdk/events/ids.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { ClientError } from '../client/client-error.ts'
import type { Cluster } from '../client/cluster.ts'
import { fetchRecords } from '../client/fetch.ts'
import { Producer, type WrittenRecord } from '../client/producer.ts'
import { createTopic } from '../client/topics.ts'
import { CliError, ExitCode, usageError } from '../exit-code.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { DEFAULT_STORE, storeTopic, streamKey, versionOf } from '../store-topic.ts'
import type { Terminal } from '../terminal.ts'
import { readTextFile } from '../text-file.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const BROKERS_CHOICE = -1

interface Options extends BrokerOptions {
  store: string
  type: string
  data: string
  expectedVersion: string
  id?: string
  source: string
}

interface Row {
  readonly stream: string
  readonly version: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly id: string
  /** An event of this id was there already: this is where. */
  readonly deduplicated: boolean
}

const columns: readonly Column<Row>[] = [
  { title: 'STREAM', value: (row) => row.stream },
  { title: 'VERSION', value: (row) => row.version, align: 'right' },
  { title: 'POSITION', value: ({ partition, offset }) => `${partition}@${offset}` },
  { title: 'ID', value: (row) => row.id },
]

export const examples: Examples = [
  [
    `millrace stream append account-7 --type Opened --data '{"owner":"Ann"}' --expected-version none`,
    'the first event',
  ],
  [
    'millrace stream append account-7 --type Paid --data @paid.json --expected-version 4',
    'only when the newest event is version 4',
  ],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<stream>', 'name of the stream: the key of its records')
    .requiredOption('--type <type>', 'type of the event, as in ce_type')
    .requiredOption('--data <json>', 'JSON, @FILE to read it from a file, - from the input')
    .requiredOption(
      '--expected-version <version>',
      'any: unchecked, none: no events yet, exists: at least one, or the version of the newest event',
    )
    .option('--id <uuid>', 'identity of the event: the same again is not appended twice')
    .option('--source <name>', 'who says so, as in ce_source', 'millrace-cli')
    .option('--store <topic>', 'the event store; made when it is missing', DEFAULT_STORE)
    .addHelpText(
      'after',
      `
Ends with ${ExitCode.WRONG_VERSION} when the stream is not as expected, or takes no events: read it and decide again.`,
    )
  addBrokerOptions(command).action((stream: string, options: Options) =>
    append(session, stream, options),
  )
}

async function append(session: Session, stream: string, options: Options): Promise<void> {
  const key = streamKey(stream)
  const { store, type, id: givenId, source } = options
  if (type === '' || kindOfType(type) !== 'event') {
    throw usageError(`'${type}' is no type of an event: give one such as OrderPlaced.`)
  }
  const expected = parseExpectedVersion(options.expectedVersion)
  if (expected === undefined) {
    throw usageError(
      `'${options.expectedVersion}' is no --expected-version: give any, none, exists or a version such as 4.`,
    )
  }
  if (givenId !== undefined && !UUID.test(givenId)) {
    throw usageError(`'${givenId}' is no UUID for --id.`)
  }
  const value = await readData(session.terminal, options.data)
  await withCluster(session, options, async (cluster, output) => {
    await storeOrNew(cluster, store)
    const timestampMs = cluster.clock.nowMs()
    const time = new Date(timestampMs).toISOString()
    const id = givenId ?? new EventIds(cluster.clock, cluster.random).next()
    const headers = [
      [HEADER.specVersion, '1.0'],
      [HEADER.contentType, 'application/json'],
      [HEADER.source, source],
      [HEADER.time, time],
      [HEADER.id, id],
      [HEADER.correlationId, id],
      [HEADER.type, type],
      [EXPECTED_VERSION_HEADER, String(expected)],
    ] as const
    const producer = await Producer.open(cluster)
    const written = await producer
      .send({
        topic: store,
        key,
        value,
        headers: headers.map(([name, text]) => [name, Buffer.from(text)] as const),
        timestampMs,
      })
      .catch((error) => {
        throw explainRefusal(error)
      })
    const stored = await readBack(cluster, written)
    const { topic, partition, offset } = written
    const deduplicated = stored.time !== time
    await output.rows(columns, [
      { stream, version: stored.version, topic, partition, offset, id, deduplicated },
    ])
    if (deduplicated)
      await output.note('The event of this id was there already: nothing was appended.')
  })
}

/** @throws CliError (usage) what it holds is no JSON */
async function readData(terminal: Terminal, data: string): Promise<Buffer> {
  let text = data
  if (data === '-') {
    const chunks: Buffer[] = []
    for await (const chunk of terminal.stdin.chunks()) chunks.push(chunk)
    text = Buffer.concat(chunks).toString()
  } else if (data.startsWith('@')) text = await readTextFile(data.slice(1))
  try {
    JSON.parse(text)
  } catch {
    const start = text.slice(0, 60)
    throw usageError(`--data is no JSON: ${JSON.stringify(start)}`)
  }
  return Buffer.from(text.trim())
}

async function storeOrNew(cluster: Cluster, name: string): Promise<void> {
  try {
    await storeTopic(cluster, name)
    return
  } catch (error) {
    if (!isAnswer(error, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)) throw error
  }
  const asBrokerThinks = { partitions: BROKERS_CHOICE, replicationFactor: BROKERS_CHOICE }
  try {
    await createTopic(cluster, { name, ...asBrokerThinks, configs: { [STORE_KEY]: 'true' } })
  } catch (error) {
    if (isAnswer(error, ErrorCode.INVALID_CONFIG)) throw noStores()
    // Somebody else has made it meanwhile.
    if (!isAnswer(error, ErrorCode.TOPIC_ALREADY_EXISTS)) throw error
    await storeTopic(cluster, name)
  }
}

function noStores(): Error {
  return usageError(
    'This broker has no event stores, as Apache Kafka has none: name a Millrace with --broker.',
  )
}

/** What was sent is well-formed: a record that is refused is one that the stream does not take. */
function explainRefusal(error: unknown): unknown {
  if (!isAnswer(error, ErrorCode.INVALID_RECORD)) return error
  return new CliError(ExitCode.WRONG_VERSION, error.reason ?? error.message, error)
}

function isAnswer(error: unknown, errorCode: ErrorCode): error is ClientError {
  return error instanceof ClientError && error.errorCode === errorCode
}

async function readBack(
  cluster: Cluster,
  { topic, partition, offset }: WrittenRecord,
): Promise<{ version: number; time: string | undefined }> {
  const range = { topic, partition, fromOffset: offset, endOffset: offset + 1 }
  for await (const { records } of fetchRecords(cluster, [range])) {
    const headers = records[0]?.headers ?? []
    const version = versionOf(headers)
    if (version !== undefined) return { version, time: headerTextOf(headers, HEADER.time) }
  }
  throw new CliError(
    ExitCode.FAILURE,
    `The event was appended at ${partition}@${offset} of ${topic}, where it has gone again.`,
  )
}
