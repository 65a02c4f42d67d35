import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { KafkaClient } from '../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
  valuesIn,
} from '../../test/support/test-broker.ts'
import { type Disk, DiskError, type DiskFile } from '../host/disk.ts'
import { FolderInUseError } from '../host/folder-lock.ts'
import { memoryDisk } from '../host/memory-disk.ts'
import { NetError } from '../host/net.ts'
import { nodeHost } from '../host/node-host.ts'
import { startBroker } from './broker.ts'
import { ConfigError } from './catalog/static-settings.ts'
import { ErrorCode } from './wire/error-codes.ts'

const temporary = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
after(() => rmSync(temporary, { recursive: true, force: true }))

/** A data folder that does not exist yet. */
function newFolder(): string {
  return join(mkdtempSync(join(temporary, 'test-')), 'data')
}

describe('a broker', () => {
  it('in a folder keeps its data, its topics and its cluster id over a restart', async (t) => {
    const folder = newFolder()
    const first = await startTestBroker(t, { folder })
    const client = await first.connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a', 'b']))
    const { clusterId } = first.broker
    await first.broker.close()

    const second = await startTestBroker(t, { folder })
    const { records } = await fetchFrom(await second.connect(), 'orders')

    assert.equal(second.broker.clusterId, clusterId)
    assert.deepEqual(valuesIn(records), ['a', 'b'])
    assert.equal(second.broker.inspect.partitions('orders')?.[0]?.leaderEpoch, 0, 'a clean stop')
  })

  it('on port 0 takes a free port, and tells clients what it was told to advertise', async (t) => {
    const plain = await startTestBroker(t)
    const told = await startTestBroker(t, { advertise: 'broker.example:1234' })

    assert.equal(plain.broker.addresses[0]?.host, '127.0.0.1')
    assert.ok(plain.broker.addresses[0].port > 0)
    assert.deepEqual(told.broker.addresses, [
      { host: 'broker.example', port: 1234, name: 'PLAINTEXT', protocol: 'PLAINTEXT' },
    ])
  })

  it('may have no listener', async (t) => {
    const { broker } = await startTestBroker(t, { listen: false })

    assert.deepEqual(broker.addresses, [])
    assert.deepEqual(broker.inspect.topicNames, [])
  })

  it('closes by await using, and twice is as once', async () => {
    const memory = { maxBytes: 1_000_000 }
    await using broker = await startBroker({ memory, listen: '127.0.0.1:0' })
    const [address] = broker.addresses

    await Promise.all([broker.close(), broker.close()])

    await assert.rejects(KafkaClient.connect(address!))
  })

  it('answers what it has been sent before it closes', async (t) => {
    const { broker, connect } = await startTestBroker(t, { folder: newFolder() })
    const client = await connect()
    await makeTopic(client, 'orders')
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`)
    const answers = texts.map((text) => produceTo(client, 'orders', batchOf([text])))
    await Promise.race(answers)

    await broker.close()

    const settled = await Promise.allSettled(answers)
    const refused = settled.filter(({ status }) => status === 'rejected')
    const done = settled.filter((a) => a.status === 'fulfilled' && a.value.errorCode === 0)
    // What had not reached the broker when it began to drain is lost with the connection.
    assert.equal(done.length + refused.length, texts.length)
    assert.ok(done.length > 0)
  })
})

describe('a start that cannot be', () => {
  it('is refused while another broker has the folder, and nothing is disturbed', async (t) => {
    const folder = newFolder()
    const { connect } = await startTestBroker(t, { folder })

    const second = startBroker({ folder, listen: '127.0.0.1:0' })

    await assert.rejects(second, (error) => {
      assert.ok(error instanceof FolderInUseError)
      assert.equal(error.pid, process.pid)
      return true
    })
    const client = await connect()
    await makeTopic(client, 'orders')
  })

  it('leaves the folder free when the address is taken', async (t) => {
    const folder = newFolder()
    const taken = await startTestBroker(t)
    const { port } = taken.broker.addresses[0]!

    await assert.rejects(startBroker({ folder, listen: `127.0.0.1:${port}` }), NetError)

    const { broker } = await startTestBroker(t, { folder })
    assert.ok(broker.clusterId.length === 22)
  })

  it('touches nothing in a folder of an unknown format version', async (t) => {
    const folder = newFolder()
    const { broker } = await startTestBroker(t, { folder })
    await broker.close()
    writeFileSync(join(folder, 'format'), '999\n')
    const before = await readdir(folder, { recursive: true })

    await assert.rejects(startBroker({ folder, listen: false }), /999/)

    assert.deepEqual(await readdir(folder, { recursive: true }), before)
  })

  it('names a setting that does not exist, or cannot be', async () => {
    const start = (config: Record<string, string>) =>
      startBroker({ memory: true, listen: false, config })

    await assert.rejects(start({ 'num.partition': '3' }), ConfigError)
    await assert.rejects(start({ 'num.partitions': 'many' }), ConfigError)
  })
})

function countHandles(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/** What a run may leave behind for each broker: compiled code and the like. */
const BYTES_PER_BROKER = 5_000

describe('two hundred brokers one after another', () => {
  it('leave no handle, no timer and no memory behind', { timeout: 60_000 }, async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const once = async () => {
      await using broker = await startBroker({
        memory: { maxBytes: 16 * 1024 * 1024 },
        listen: '127.0.0.1:0',
      })
      await using client = await KafkaClient.connect(broker.addresses[0]!)
      await makeTopic(client, 'orders')
      await produceTo(client, 'orders', batchOf(['a']))
    }
    const used = () => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    for (let index = 0; index < 20; index++) await once()
    await until(() => !process.getActiveResourcesInfo().includes('TCPSocketWrap'))
    const handlesBefore = countHandles()
    const usedBefore = used()

    for (let index = 0; index < 180; index++) await once()
    // What ends by itself (a timer of the test runner, a file that is being closed) may be in either
    // count, and may take some turns to go; what was left behind stays.
    await until(() => {
      return [...countHandles()].every(([kind, count]) => count <= (handlesBefore.get(kind) ?? 0))
    })
    // Buffers are freed some turns after their collection.
    await until(() => used() - usedBefore < 180 * BYTES_PER_BROKER)
  })
})

/** A disk whose syncs fail from some moment on, below the paths that begin so. */
function failingDisk() {
  const disk = memoryDisk({ maxBytes: 64 * 1024 * 1024 })
  const failing = { prefix: undefined as string | undefined }
  const wrapFile = (file: DiskFile): DiskFile => {
    const sync = async () => {
      if (failing.prefix !== undefined && file.path.startsWith(failing.prefix)) {
        throw new DiskError('io', file.path, new Error('EIO'))
      }
      await file.sync()
    }
    return new Proxy(file, {
      get: (target, name) => {
        if (name === 'sync') return sync
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  const wrapped: Disk = new Proxy(disk, {
    get: (target, name) => {
      if (name === 'open') {
        return async (...args: Parameters<Disk['open']>) => wrapFile(await disk.open(...args))
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { host: nodeHost({ disk: wrapped }), failing }
}

describe('a disk that fails', () => {
  it('under one partition takes that partition offline; others serve', async (t) => {
    const { host, failing } = failingDisk()
    const { connect, broker } = await startTestBroker(t, { host })
    const client = await connect()
    await makeTopic(client, 'bad')
    await makeTopic(client, 'good')
    await produceTo(client, 'bad', batchOf(['before']))
    failing.prefix = 'topics/bad-0/'

    const bad = await produceTo(client, 'bad', batchOf(['lost']))
    const good = await produceTo(client, 'good', batchOf(['kept']))

    assert.equal(bad.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(good.errorCode, ErrorCode.NONE)
    assert.equal(broker.inspect.partitions('bad')?.[0]?.state, 'offline')
    assert.equal((await fetchFrom(client, 'bad')).errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  })

  it('under the catalogue ends the broker: it closes and says why', async (t) => {
    const { host, failing } = failingDisk()
    const { connect, broker, entries } = await startTestBroker(t, { host })
    const client = await connect()
    await makeTopic(client, 'orders')
    failing.prefix = 'meta/'

    makeTopic(client, 'more').catch(() => undefined)
    const error = await broker.failed

    assert.match(error.message, /catalogue/i)
    assert.ok(entries.some(({ event }) => event === 'fatal'))
    await client.closed()
    assert.equal(await host.disk.stat('clean-stop'), undefined)
  })
})
