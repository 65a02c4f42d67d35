// What arrives on a socket may be anything. Each of these ends at its own connection: a client beside
// it goes on, and nothing is left behind.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { KafkaClient } from '../../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceRequest,
  produceTo,
  startTestBroker,
  until,
  valuesIn,
} from '../../../test/support/test-broker.ts'
import { produce } from '../protocol/00-produce.ts'
import { metadata } from '../protocol/03-metadata.ts'
import { apiVersions } from '../protocol/18-api-versions.ts'
import { encodeRequest } from '../protocol/frames.ts'
import { ErrorCode } from '../wire/error-codes.ts'

async function besideAGoodClient(t: TestContext, config: Record<string, string> = {}) {
  const { broker, connect, entries } = await startTestBroker(t, { config })
  const good = await connect()
  await makeTopic(good, 'orders')
  const bad = await connect()
  const unharmed = async () => {
    const { errorCode } = await produceTo(good, 'orders', batchOf(['good']))
    assert.equal(errorCode, ErrorCode.NONE)
    assert.equal((await fetchFrom(good, 'orders')).errorCode, ErrorCode.NONE)
    await until(() => broker.inspect.connectionCount === 1)
    assert.deepEqual(
      entries.filter(({ event }) => event === 'bug'),
      [],
    )
  }
  const closedFor = () => entries.filter(({ event }) => event === 'connection-closed')
  return { broker, connect, bad, good, unharmed, closedFor }
}

function frameOf(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function metadataFrame(): Buffer {
  const header = { apiVersion: 12, correlationId: 7, clientId: 'odd-client' }
  const body = {
    topics: null,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  }
  return Buffer.concat(encodeRequest(metadata, header, body))
}

/** Bytes that look random and are the same in every run. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let index = 0; index < length; index++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
    bytes[index] = state >>> 16
  }
  return bytes
}

async function closesAfter(bad: KafkaClient, bytes: Buffer): Promise<void> {
  bad.socket.write(bytes)
  await bad.closed()
}

describe('bad input on a socket', () => {
  it('an unknown API key closes, and the log names client, API and version', async (t) => {
    const { bad, unharmed, closedFor } = await besideAGoodClient(t)
    const frame = metadataFrame()
    frame.writeInt16BE(1234, 4)

    await closesAfter(bad, frame)

    const [closed] = closedFor()
    assert.equal(closed?.['clientId'], 'odd-client')
    assert.equal(closed['api'], '1234')
    assert.equal(closed['apiVersion'], 12)
    assert.match(String(closed['reason']), /unknown API key/)
    await unharmed()
  })

  it('an unknown version of every served API closes, but for ApiVersions', async (t) => {
    const { bad, good, connect, unharmed } = await besideAGoodClient(t)
    const software = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
    const { apiKeys } = await good.send(apiVersions, 3, software)
    bad.socket.destroy()

    for (const { apiKey } of apiKeys) {
      if (apiKey === 18) continue
      const client = await connect()
      const frame = metadataFrame()
      frame.writeInt16BE(apiKey, 4)
      frame.writeInt16BE(99, 6)
      await closesAfter(client, frame)
    }

    await unharmed()
  })

  it('lengths that are negative, absurd or too short close', async (t) => {
    const { bad, connect, unharmed } = await besideAGoodClient(t)
    bad.socket.destroy()

    for (const length of [-1, -(2 ** 31), 0, 1, 7, 2 ** 31 - 1, 100 * 1024 * 1024 + 1]) {
      const head = Buffer.alloc(4)
      head.writeInt32BE(length)
      await closesAfter(await connect(), Buffer.concat([head, Buffer.alloc(20)]))
    }

    await unharmed()
  })

  it('a frame above socket.request.max.bytes closes', async (t) => {
    const config = { 'socket.request.max.bytes': '10000' }
    const { bad, unharmed, closedFor } = await besideAGoodClient(t, config)

    await closesAfter(bad, frameOf(Buffer.alloc(10_001)))

    assert.match(String(closedFor()[0]?.['reason']), /socket.request.max.bytes/)
    await unharmed()
  })

  it('garbage closes', async (t) => {
    const { bad, connect, unharmed } = await besideAGoodClient(t)
    bad.socket.destroy()

    await closesAfter(await connect(), Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    for (let seed = 1; seed <= 50; seed++) {
      const client = await connect()
      await closesAfter(client, frameOf(noise(200, seed)))
    }

    await unharmed()
  })

  it('a request cut short at any byte closes, with the field in the log', async (t) => {
    const { bad, connect, unharmed, closedFor } = await besideAGoodClient(t)
    bad.socket.destroy()
    const header = { apiVersion: 9, correlationId: 7, clientId: 'c' }
    const records = batchOf(['x'])
    const whole = Buffer.concat(encodeRequest(produce, header, produceRequest('orders', records)))
    const body = whole.subarray(4)

    for (let length = 8; length < body.length - records.length; length += 3) {
      await closesAfter(await connect(), frameOf(body.subarray(0, length)))
    }

    assert.match(String(closedFor().at(-1)?.['reason']), /ProduceRequest v9: topicData/)
    await unharmed()
  })

  it('an array that claims more elements than the frame has bytes closes at once', async (t) => {
    const { bad, unharmed } = await besideAGoodClient(t)
    const frame = Buffer.concat([
      Buffer.from([0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff]),
      Buffer.from([0x7f, 0xff, 0xff, 0xff]), // topics
    ])

    await closesAfter(bad, frameOf(frame))

    await unharmed()
  })

  it('bytes behind the body of a request are ignored, as Kafka ignores them', async (t) => {
    const { bad, good } = await besideAGoodClient(t)
    const longer = frameOf(Buffer.concat([metadataFrame().subarray(4), noise(100, 1)]))

    bad.socket.write(longer)
    bad.socket.write(metadataFrame())

    await until(() => bad.answered.length === 2)
    assert.deepEqual(bad.answered, [7, 7])
    assert.equal((await produceTo(good, 'orders', batchOf(['x']))).errorCode, ErrorCode.NONE)
  })

  it('a frame that drips in byte by byte is served', async (t) => {
    const { bad, good } = await besideAGoodClient(t)
    bad.socket.setNoDelay(true)

    for (const byte of metadataFrame()) {
      bad.socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }

    await until(() => bad.answered.length === 1)
    assert.deepEqual(bad.answered, [7])
    assert.equal((await produceTo(good, 'orders', batchOf(['x']))).errorCode, ErrorCode.NONE)
  })

  it('a frame that drips for longer than connections.max.idle.ms closes', async (t) => {
    const config = { 'connections.max.idle.ms': '300' }
    const { broker, connect, entries } = await startTestBroker(t, { config })
    const slow = await connect()
    const timer = setInterval(() => slow.socket.write(Buffer.from([0])), 20)
    t.after(() => clearInterval(timer)) // else a failure would keep the process
    slow.socket.write(Buffer.from([0, 0, 4, 0]))

    await slow.closed()

    assert.equal(broker.inspect.connectionCount, 0)
    const closed = entries.find(({ event }) => event === 'connection-closed')
    assert.match(String(closed?.['reason']), /no progress/)
  })

  it('a connection that is half open, or says nothing, closes after connections.max.idle.ms', async (t) => {
    const config = { 'connections.max.idle.ms': '100' }
    const { broker, connect } = await startTestBroker(t, { config })
    const silent = await connect()

    await silent.closed()

    assert.equal(broker.inspect.connectionCount, 0)
  })

  it('a peer that asks much and reads nothing holds no more than its bounds, and closes', async (t) => {
    const config = { 'connections.max.idle.ms': '500' }
    const { bad, good, unharmed, closedFor } = await besideAGoodClient(t, config)
    await produceTo(good, 'orders', batchOf(['x'.repeat(900_000)]))
    bad.socket.pause()
    const before = process.memoryUsage().arrayBuffers

    const frames: Promise<unknown>[] = []
    for (let index = 0; index < 500; index++) frames.push(fetchFrom(bad, 'orders').catch(() => 0))
    await until(async () => {
      // Keeps the good one from being idle too.
      await fetchFrom(good, 'orders', { offset: 1 })
      return bad.socket.destroyed || closedFor().length > 0
    })

    assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000)
    bad.socket.resume()
    await Promise.all(frames)
    await unharmed()
  })

  it('a connection that is reset in the middle of a request leaves nothing behind', async (t) => {
    const { bad, unharmed } = await besideAGoodClient(t)
    bad.socket.write(metadataFrame().subarray(0, 15))

    bad.socket.resetAndDestroy()

    await unharmed()
  })

  it('a client that ends after its request is answered by nothing worse than the end', async (t) => {
    const { bad, good, unharmed } = await besideAGoodClient(t)

    bad.post(produce, 9, produceRequest('orders', batchOf(['last words']), { acks: 0 }))
    bad.socket.end()
    await bad.closed()

    await until(async () => valuesIn((await fetchFrom(good, 'orders')).records).length === 1)
    await unharmed()
  })
})
