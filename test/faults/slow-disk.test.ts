// A disk that is slow, or stands still: whoever does not need it is served meanwhile, nobody is told
// more than is true, what waits is bounded, and nothing is lost or doubled when it moves again.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { joinGroup } from '../../src/broker/protocol/11-join-group.ts'
import { heartbeat } from '../../src/broker/protocol/12-heartbeat.ts'
import { syncGroup } from '../../src/broker/protocol/14-sync-group.ts'
import { apiVersions } from '../../src/broker/protocol/18-api-versions.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceRequest,
  produceTo,
  recordOf,
  valuesIn,
} from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { startFaultyBroker } from './faulty-broker.ts'

const ANY = /./
const MIB = 1024 * 1024

describe('while the disk stands still', () => {
  it('whoever needs no sync is answered, and nobody is told that something is durable', async (t) => {
    const { client, connect, disk } = await startSettled(t)
    const member = await joinAlone(await connect())
    const gate = stopSyncs(disk)
    const producer = await connect()
    let isAcknowledged = false

    const pending = produceTo(producer, 'orders', batchOf(['waits']))
    pending.then(() => {
      isAcknowledged = true
    })
    await until(() => gate.waiting > 0)
    await client.send(apiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    const beat = await member.beat()
    const written = await produceTo(await connect(), 'orders', batchOf(['written']), { acks: 1 })
    const readable = valuesIn((await fetchFrom(client, 'orders')).records)

    assert.equal(beat.errorCode, ErrorCode.NONE)
    assert.equal(written.errorCode, ErrorCode.NONE)
    assert.deepEqual(readable, ['settled 0', 'settled 1'])
    assert.equal(isAcknowledged, false)
    gate.open()
    assert.equal((await pending).errorCode, ErrorCode.NONE)
    await until(async () => {
      const values = valuesIn((await fetchFrom(client, 'orders')).records)
      return values.join() === 'settled 0,settled 1,waits,written'
    })
  })

  it('a request that runs out of time is told so, and its retry is appended once', async (t) => {
    const { client, connect, disk } = await startSettled(t)
    const { producerId, producerEpoch } = await client.send(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    const batch = () => batchOf(['once'], { producerId, producerEpoch, baseSequence: 0 })
    const gate = stopSyncs(disk)

    const { responses } = await client.send(
      produce,
      12,
      produceRequest('orders', batch(), { timeoutMs: 50 }),
    )
    const retry = produceTo(await connect(), 'orders', batch())
    gate.open()
    const { errorCode, baseOffset } = await retry

    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.REQUEST_TIMED_OUT)
    assert.equal(errorCode, ErrorCode.NONE)
    assert.equal(baseOffset, 2)
    const values = valuesIn((await fetchFrom(client, 'orders')).records)
    assert.deepEqual(values, ['settled 0', 'settled 1', 'once'])
  })

  it('what producers send is held within its bound, and all of it is answered in the end', async (t) => {
    const boundBytes = 4 * MIB
    const { connect, disk } = await startSettled(t, {
      'queued.max.request.bytes': String(boundBytes),
    })
    const gate = stopSyncs(disk)
    const producers = await Promise.all([connect(), connect()])

    // 64 MiB in all; what is not read stays with the producers, but for what sockets buffer.
    const sent = producers.flatMap((producer, index) =>
      Array.from({ length: 32 }, () => produceTo(producer, 'orders', batchOfSize(MIB, index))),
    )
    await until(() => gate.waiting > 0)
    await untilStill(() => producers.reduce((sum, { socket }) => sum + socket.bytesWritten, 0))
    const unsent = producers.reduce((sum, { socket }) => sum + socket.writableLength, 0)

    assert.ok(unsent > 16 * MIB, `only ${unsent} bytes were held back`)
    gate.open()
    const answers = await Promise.all(sent)
    assert.ok(answers.every(({ errorCode }) => errorCode === ErrorCode.NONE))
    const offsets = new Set(answers.map(({ baseOffset }) => baseOffset))
    assert.equal(offsets.size, 64)
  })

  it('a stop waits for it, and acknowledges what it can keep', async (t) => {
    const { client, disk, broker, restart } = await startSettled(t)
    const gate = stopSyncs(disk)
    const pending = produceTo(client, 'orders', batchOf(['waits']))
    await until(() => gate.waiting > 0)

    const closing = broker.close()
    gate.open()
    const outcome = await pending.then(
      ({ errorCode }) => errorCode,
      () => 'connection closed',
    )
    await closing

    const again = await restart()
    const values = valuesIn((await fetchFrom(await again.connect(), 'orders')).records)
    if (outcome === ErrorCode.NONE) assert.equal(values.at(-1), 'waits')
    assert.deepEqual(values.slice(0, 2), ['settled 0', 'settled 1'])
  })
})

describe('a disk whose syncs take a while', () => {
  for (const delayMs of [1, 5, 10]) {
    it(`of ${delayMs} ms loses and doubles nothing, and one sync serves many`, async (t) => {
      const { connect, client, disk, restart } = await startSettled(t)
      disk.inject({ on: 'sync', path: ANY, waitsFor: () => wait(delayMs) })
      const syncsBefore = disk.count('sync', ANY)

      const producers = await Promise.all(Array.from({ length: 8 }, () => connect()))
      const acknowledged = new Map<number, string>()
      await Promise.all(
        producers.map(async (producer, index) => {
          for (let count = 0; count < 20; count++) {
            const value = `${index}:${count}`
            const { errorCode, baseOffset } = await produceTo(producer, 'orders', batchOf([value]))
            assert.equal(errorCode, ErrorCode.NONE)
            acknowledged.set(baseOffset, value)
          }
        }),
      )
      const syncs = disk.count('sync', ANY) - syncsBefore

      assert.equal(acknowledged.size, 160)
      assert.ok(syncs < 160, `${syncs} syncs for 160 requests`)
      await client.send(apiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
      const again = await restart()
      const values = valuesIn((await fetchFrom(await again.connect(), 'orders')).records)
      for (const [offset, value] of acknowledged) assert.equal(values[offset], value)
      assert.equal(values.length, 162)
    })
  }
})

async function startSettled(t: TestContext, config: Record<string, string> = {}) {
  const started = await startFaultyBroker(t, { config })
  const client = await started.connect()
  await makeTopic(client, 'orders', { configs: { 'max.message.bytes': String(2 * MIB) } })
  for (const value of ['settled 0', 'settled 1']) {
    assert.equal((await produceTo(client, 'orders', batchOf([value]))).errorCode, ErrorCode.NONE)
  }
  return { ...started, client }
}

/** From now on every sync waits until the gate is opened. */
function stopSyncs(disk: Awaited<ReturnType<typeof startFaultyBroker>>['disk']) {
  const { promise, resolve } = Promise.withResolvers<void>()
  let waiting = 0
  const fault = disk.inject({
    on: 'sync',
    path: ANY,
    waitsFor: () => {
      waiting++
      return promise
    },
  })
  return {
    get waiting() {
      return waiting
    },
    open: () => {
      fault.heal()
      resolve()
    },
  }
}

async function joinAlone(client: KafkaClient) {
  const groupId = 'readers'
  const join = {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  }
  const { memberId } = await client.send(joinGroup, 7, { ...join, memberId: '' })
  const { generationId } = await client.send(joinGroup, 7, { ...join, memberId })
  const assignments = [{ memberId, assignment: Buffer.alloc(0) }]
  await client.send(syncGroup, 5, {
    groupId,
    generationId,
    memberId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments,
  })
  return { beat: () => client.send(heartbeat, 4, { groupId, generationId, memberId }) }
}

function batchOfSize(bytes: number, index: number): Buffer {
  return buildBatch({ records: [recordOf(`${index}`.padEnd(bytes, 'x'))] })
}

/** Resolves when a number has stopped growing for a while. */
async function untilStill(read: () => number): Promise<void> {
  let last = -1
  let sameSince = performance.now()
  await until(() => {
    const value = read()
    if (value !== last) sameSince = performance.now()
    last = value
    return performance.now() - sameSince > 200
  })
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
