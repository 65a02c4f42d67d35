// The files of a data folder are Kafka's own, both ways: its DumpLogSegments finds no fault in what we
// wrote, we answer as Kafka did on what it wrote, and Kafka serves a folder of ours. Kafka's broker
// runs twice, once to write and once to read ours; Java 17 and the pinned jars are needed.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { buildControlMarker } from '../../src/broker/batch/control-marker.ts'
import { startBroker } from '../../src/broker/broker.ts'
import { FileCache } from '../../src/broker/log/file-cache.ts'
import { GroupCommit } from '../../src/broker/log/group-commit.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/broker/log/log-config.ts'
import { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import { answersOf } from '../support/partition-answers.ts'
import {
  type Answers,
  everyAnswerOf,
  java,
  KAFKA_ADDRESS,
  prepareKafka,
  startKafka,
  stopKafka,
  TOPICS,
  writeByKafka,
} from './kafka-folders.ts'

const DUMP = 'org.apache.kafka.tools.DumpLogSegments'
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const PLAIN_TOPICS = ['mixed', 'segments', 'trimmed'] as const
const kafka = `${KAFKA_ADDRESS.host}:${KAFKA_ADDRESS.port}`

const root = mkdtempSync(join(tmpdir(), 'millrace-formats-'))
const kafkaData = join(root, 'kafka')
const ours = join(root, 'ours')
let kafkaAnswers: Answers

before(async () => {
  prepareKafka()
  kafkaAnswers = await writeByKafka(kafkaData)
  await using broker = await startBroker({ folder: ours, listen: '127.0.0.1:0' })
  await java('KafkaFolders.java', 'plain', addressOf(broker))
})
after(() => rmSync(root, { recursive: true, force: true }))

describe("Kafka's DumpLogSegments on what we wrote", () => {
  it('prints every record that was produced, of each compression', async () => {
    const dump = await dumpOf(filesOf('mixed-0', 'log'), '--deep-iteration', '--print-data-log')

    assert.doesNotMatch(dump, /isvalid: false|rror|Found/)
    const values = [...dump.matchAll(/payload: (.+) x+$/gm)].map(([, value]) => value)
    const sent = CODECS.flatMap((codec) => [codec, `${codec} twice`])
    assert.deepEqual(
      values,
      sent.flatMap((text) => [0, 1, 2].map((i) => `${text} ${i}`)),
    )
    for (const codec of CODECS) assert.match(dump, new RegExp(`compresscodec: ${codec}`))
  })

  it('finds no fault in the indexes', async () => {
    const folders = ['mixed-0', 'segments-0', 'trimmed-0']
    const indexes = folders.flatMap((name) => [
      ...filesOf(name, 'index'),
      ...filesOf(name, 'timeindex'),
    ])
    assert(indexes.some((path) => path.endsWith('.index')) && indexes.length >= 4)
    for (const option of ['--index-sanity-check', '--verify-index-only']) {
      const dump = await dumpOf(indexes, option)

      assert.doesNotMatch(dump, /mismatch|Mismatch|rror|out of order|Found|xception/, option)
    }
  })

  it('decodes committed offsets and groups', async () => {
    const logs = readdirSync(join(ours, 'topics'))
      .filter((name) => name.startsWith('__consumer_offsets'))
      .flatMap((name) => filesOf(name, 'log'))

    const dump = await dumpOf(logs, '--offsets-decoder', '--deep-iteration')

    assert.match(dump, /"group":"set","topic":"segments","partition":0/)
    assert.match(dump, /"offset":4,.*"metadata":"note"/)
    assert.match(dump, /"group":"readers"/)
    assert.doesNotMatch(dump, /isvalid: false|rror/)
  })

  it('reads producer snapshots, and our addition to them does not disturb it', async () => {
    const dump = await dumpOf(filesOf('mixed-0', 'snapshot'))

    assert.match(
      dump,
      /producerId: \d+ producerEpoch: 0 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty/,
    )
    assert.match(dump, /lastSequence: 2/)
    assert.doesNotMatch(dump, /rror|xception/)
  })

  it('reads transactions: their batches, markers and the index of those that were aborted', async () => {
    const folder = join(root, 'transactions')
    await writeTransactions(folder)
    const log = await dumpOf(
      [join(folder, 'topics/t-0/00000000000000000000.log')],
      '--deep-iteration',
    )
    const index = await dumpOf([join(folder, 'topics/t-0/00000000000000000000.txnindex')])

    assert.match(log, /endTxnMarker: ABORT coordinatorEpoch: 7/)
    assert.match(log, /endTxnMarker: COMMIT coordinatorEpoch: 7/)
    assert.doesNotMatch(log, /isvalid: false/)
    assert.match(
      index,
      /version: 0 producerId: 41 firstOffset: 0 lastOffset: 2 lastStableOffset: 1\n/,
    )
  })
})

describe('Millrace on what Kafka wrote', () => {
  it('answers as Kafka did, and its committed records are what a Java consumer sees', async () => {
    const folder = join(root, 'from-kafka')
    cpSync(join(kafkaData, 'log'), join(folder, 'topics'), { recursive: true })
    await using broker = await startBroker({ folder, listen: '127.0.0.1:0' })

    const answers = await everyAnswerOf(broker.addresses[0]!)
    const committed = await java('KafkaFolders.java', 'read', addressOf(broker), ...TOPICS)

    assert.deepEqual(answers, kafkaAnswers)
    assert.match(committed, /^mixed\t\d+\tcommitted c 2 /m)
    assert.doesNotMatch(committed, /aborted|open/)
  })
})

describe('Kafka on what we wrote', () => {
  it('serves the folder, and answers as we do', async () => {
    await using broker = await startBroker({ folder: ours, listen: '127.0.0.1:0' })
    const expected = await answersOf(broker.addresses[0]!, PLAIN_TOPICS)
    const records = await java('KafkaFolders.java', 'read', addressOf(broker), ...PLAIN_TOPICS)
    await broker.close()
    // Kafka finds a topic by the id in its folder, and knows the ids of its own topics only.
    for (const topic of PLAIN_TOPICS) {
      const target = join(kafkaData, 'log', `${topic}-0`)
      for (const name of readdirSync(target)) {
        if (name !== 'partition.metadata') rmSync(join(target, name))
      }
      const source = join(ours, 'topics', `${topic}-0`)
      for (const name of readdirSync(source)) {
        if (name !== 'partition.metadata') cpSync(join(source, name), join(target, name))
      }
    }
    startKafka(kafkaData)
    try {
      // First the consumer: it waits until the partitions have their leader.
      assert.equal(await java('KafkaFolders.java', 'read', kafka, ...PLAIN_TOPICS), records)
      assert.deepEqual(await answersOf(KAFKA_ADDRESS, PLAIN_TOPICS), expected)
    } finally {
      stopKafka(kafkaData)
    }
  })
})

function addressOf({
  addresses,
}: {
  addresses: readonly { host: string; port: number }[]
}): string {
  return `${addresses[0]!.host}:${addresses[0]!.port}`
}

function filesOf(folder: string, extension: string): string[] {
  const path = join(ours, 'topics', folder)
  return readdirSync(path)
    .filter((name) => name.endsWith(`.${extension}`) && statSync(join(path, name)).size > 0)
    .sort()
    .map((name) => join(path, name))
}

function dumpOf(files: readonly string[], ...options: readonly string[]): Promise<string> {
  assert(files.length > 0)
  return java(DUMP, '--files', files.join(','), ...options)
}

/** Two transactions in one another, one taken back, written by the log alone. */
async function writeTransactions(folder: string): Promise<void> {
  const host = nodeHost({ folder })
  await host.disk.makeFolder('topics')
  const onFatal = (error: unknown) => assert.fail(String(error))
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const log = await PartitionLog.open({
    host,
    folder: 'topics/t-0',
    topic: 't',
    partition: 0,
    topicId: 'AAAAAAAAAAAAAAAAAAAABA',
    config: DEFAULT_LOG_CONFIG,
    leaderEpoch: 0,
    commit,
    files: new FileCache({ disk: host.disk, maxOpenFiles: 10 }),
    wasCleanStop: false,
  })
  await commit.finishRecovery()
  const timestamp = Date.now()
  const batch = (producerId: number) =>
    buildBatch({
      records: [{ timestamp, key: null, value: Buffer.from(`of ${producerId}`) }],
      producerId,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: true,
    })
  const marker = (kind: 'abort' | 'commit', producerId: number) =>
    buildControlMarker({ kind, producerId, producerEpoch: 0, coordinatorEpoch: 7, timestamp })
  for (const bytes of [batch(41), batch(42), marker('abort', 41), marker('commit', 42)]) {
    const { kind } = await log.append(bytes, { acks: -1, origin: 'internal' })
    assert.equal(kind, 'appended')
  }
  await log.close()
  await commit.close()
}
