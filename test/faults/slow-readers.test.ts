// Clients that ask for 100 MB and read a byte now and then, many of them: what they do not take is
// bounded (millrace.in.flight.bytes), they are closed once others wait for that memory, and a client
// that reads is served beside them. Memory is what the operating system says of the process.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { encodeRequest } from '../../src/broker/protocol/frames.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { BrokerProcess } from '../crash/broker-process.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, fetchRequest, makeTopic, produceTo } from '../support/test-broker.ts'
import { ResidentMemory, SLACK_BYTES } from './resident-memory.ts'

const MIB = 1024 * 1024
const IN_FLIGHT_BYTES = 48 * MIB
const BATCH_BYTES = 4_000_000
const BATCHES = 15
const READERS = 80
/** More than the buffers of the system take for a peer that does not read. */
const REQUESTS_PER_READER = 20
const ASKED_BYTES = 100 * MIB

describe('clients that ask for 100 MB and do not read', () => {
  it('hold bounded memory, are closed when others wait, and stop nobody who reads', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-slow-readers-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const writing = await served(t, folder)
    await makeTopic(writing.client, 'large', {
      configs: { 'max.message.bytes': String(BATCH_BYTES + MIB) },
    })
    const value = 'x'.repeat(BATCH_BYTES)
    for (let count = 0; count < BATCHES; count++) {
      const { errorCode } = await produceTo(writing.client, 'large', batchOf([value]))
      assert.equal(errorCode, ErrorCode.NONE)
    }
    await writing.broker.stop()
    const { broker, client } = await served(t, folder)
    await client.send(metadata, 12, ALL_TOPICS)
    using memory = new ResidentMemory(broker.pid)

    const ask = fetchRequest('large', { maxBytes: ASKED_BYTES, partitionMaxBytes: ASKED_BYTES })
    const header = { apiVersion: 12, correlationId: 1, clientId: 'slow' }
    const request = Buffer.concat(encodeRequest(fetch, header, ask))
    const requests = Buffer.concat(Array.from({ length: REQUESTS_PER_READER }, () => request))
    const readers = Array.from({ length: READERS }, () => slowReader(t, broker.port, requests))
    const drip = setInterval(() => {
      for (const reader of readers) reader.read(1)
    }, 1000)
    t.after(() => clearInterval(drip))
    let read = 0
    for (let offset = 0; offset < BATCHES; offset++) {
      const { errorCode, records } = await fetchFrom(client, 'large', {
        offset,
        partitionMaxBytes: BATCH_BYTES,
      })
      assert.equal(errorCode, ErrorCode.NONE)
      read += records?.length ?? 0
    }
    const { topics } = await client.send(metadata, 12, ALL_TOPICS)

    const { grownBytes } = memory
    t.diagnostic(`${Math.round(grownBytes / MIB)} MiB more at most`)
    assert.ok(read >= BATCHES * BATCH_BYTES)
    assert.equal(topics.length, 1)
    assert.ok(
      grownBytes < IN_FLIGHT_BYTES + SLACK_BYTES,
      `${Math.round(grownBytes / MIB)} MiB more`,
    )
    assert.match(broker.output, /the peer takes no answers, and others wait/)
  })
})

const ALL_TOPICS = {
  topics: null,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
}

async function served(t: TestContext, folder: string) {
  const configs = {
    'millrace.in.flight.bytes': String(IN_FLIGHT_BYTES),
    'millrace.slow.reader.timeout.ms': '500',
    'fetch.max.bytes': String(ASKED_BYTES),
  }
  const broker = await BrokerProcess.start({ folder, port: 0, configs })
  t.after(() => broker.kill())
  const client = await KafkaClient.connect({ host: '127.0.0.1', port: broker.port })
  t.after(() => client[Symbol.asyncDispose]())
  return { broker, client }
}

/** Sends its requests and then reads only when it is told to, a byte at a time. */
function slowReader(t: TestContext, port: number, requests: Buffer): Socket {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(requests)
  t.after(() => socket.destroy())
  return socket
}
