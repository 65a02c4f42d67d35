// Producers that send far more at once than the broker may hold (millrace.in.flight.bytes), and batches
// of a few kilobytes that would become a gigabyte: everybody gets an answer, what was acknowledged is
// there once, and memory stays where its bounds say.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { MAX_CHECKED_BYTES } from '../../src/broker/log/check-batch.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { BrokerProcess } from '../crash/broker-process.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, makeTopic, produceRequest } from '../support/test-broker.ts'
import { ResidentMemory, SLACK_BYTES } from './resident-memory.ts'

const MIB = 1024 * 1024
const IN_FLIGHT_BYTES = 48 * MIB
const PRODUCERS = 40
const BATCHES_PER_PRODUCER = 8
const BATCH_BYTES = 950_000
const TOPICS = ['flood-0', 'flood-1', 'flood-2', 'flood-3']

const BOMBERS = 10
const BOMBS_PER_BOMBER = 4
/** `millrace.recompression.max.bytes`, as it is by default: of all that is looked into at once. */
const WORK_BYTES = 128 * MIB

describe('more than the broker may hold at once', () => {
  it('of ordinary batches is taken bit by bit: each is answered and stands there once', async (t) => {
    const { broker, connect } = await served(t)
    const admin = await connect()
    for (const topic of TOPICS) await makeTopic(admin, topic)
    const batch = batchOf(['x'.repeat(BATCH_BYTES)])
    const producers = await Promise.all(Array.from({ length: PRODUCERS }, connect))
    using memory = new ResidentMemory(broker.pid)

    const answers = await Promise.all(
      producers.flatMap((producer, index) =>
        Array.from({ length: BATCHES_PER_PRODUCER }, () =>
          sendTo(producer, TOPICS[index % TOPICS.length]!, batch),
        ),
      ),
    )

    t.diagnostic(`${Math.round(memory.grownBytes / MIB)} MiB more at most`)
    const each = (PRODUCERS * BATCHES_PER_PRODUCER) / TOPICS.length
    for (const topic of TOPICS) {
      const offsets = answers.filter((one) => one.topic === topic).map((one) => one.baseOffset)
      assert.deepEqual(
        offsets.sort((a, b) => a - b),
        Array.from({ length: each }, (_, offset) => offset),
      )
    }
    assert.ok(answers.every(({ errorCode }) => errorCode === ErrorCode.NONE))
    assert.ok(memory.grownBytes < IN_FLIGHT_BYTES + SLACK_BYTES, `${memory.grownBytes} bytes more`)
  })

  it('once it is decompressed is refused or taken, and nobody else is kept waiting', async (t) => {
    const { broker, connect } = await served(t)
    const admin = await connect()
    for (const topic of TOPICS) await makeTopic(admin, topic)
    const tooMuch = bombOf(MAX_CHECKED_BYTES + 1)
    const much = bombOf(MAX_CHECKED_BYTES / 2)
    assert.ok(tooMuch.length < MIB && much.length < MIB)
    const bombers = await Promise.all(Array.from({ length: BOMBERS }, connect))
    using memory = new ResidentMemory(broker.pid)

    const answers = Promise.all(
      bombers.flatMap((bomber, index) =>
        Array.from({ length: BOMBS_PER_BOMBER }, (_, number) =>
          sendTo(bomber, TOPICS[index % 2]!, number % 2 === 0 ? tooMuch : much),
        ),
      ),
    )
    const beside = await sendTo(admin, TOPICS[3]!, batchOf(['served beside them']))
    const all = await answers

    t.diagnostic(`${Math.round(memory.grownBytes / MIB)} MiB more at most`)
    assert.equal(beside.errorCode, ErrorCode.NONE)
    const taken = all.filter(({ errorCode }) => errorCode === ErrorCode.NONE)
    assert.equal(taken.length, (BOMBERS * BOMBS_PER_BOMBER) / 2)
    const bound = IN_FLIGHT_BYTES + WORK_BYTES + SLACK_BYTES
    assert.ok(memory.grownBytes < bound, `${memory.grownBytes} bytes more`)
  })
})

async function served(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-produce-flood-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const configs = { 'millrace.in.flight.bytes': String(IN_FLIGHT_BYTES) }
  const broker = await BrokerProcess.start({ folder, port: 0, configs })
  t.after(() => broker.kill())
  const connect = async () => {
    const client = await KafkaClient.connect({ host: '127.0.0.1', port: broker.port })
    t.after(() => client[Symbol.asyncDispose]())
    return client
  }
  return { broker, connect }
}

async function sendTo(client: KafkaClient, topic: string, batch: Buffer) {
  const { responses } = await client.send(
    produce,
    12,
    produceRequest(topic, batch, { timeoutMs: 120_000 }),
  )
  return { topic, ...responses[0]!.partitionResponses[0]! }
}

function bombOf(bytes: number): Buffer {
  const records = [{ timestamp: Date.now(), key: null, value: Buffer.alloc(bytes) }]
  return buildBatch({ records, compression: 'zstd' })
}
