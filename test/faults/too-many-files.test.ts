// A process, or a machine, that may open no more files: idle ones make room; where there are none,
// requests are refused with an error that clients retry, and no partition goes offline, for nothing is
// broken.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { type Disk, DiskError } from '../../src/host/disk.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import { batchOf, fetchFrom, makeTopic, produceTo, valuesIn } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { startFaultyBroker } from './faulty-broker.ts'

const SEGMENTS = /^topics\/.*\.log$/
const fails = 'too-many-files'

/** A disk that has only so many files open at once. */
function limitedDisk(disk: Disk) {
  const files = { openCount: 0, limit: Number.POSITIVE_INFINITY, refusals: 0 }
  const open: Disk['open'] = async (path, options) => {
    if (files.openCount >= files.limit) {
      files.refusals += 1
      throw new DiskError('too-many-files', path, new Error('EMFILE'))
    }
    const file = await disk.open(path, options)
    files.openCount += 1
    const close = async () => {
      files.openCount -= 1
      await file.close()
    }
    return overriding(file, { close })
  }
  return { files, disk: overriding(disk, { open }) }
}

function overriding<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get(_, key) {
      if (key in own) return Reflect.get(own, key)
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('when no more files may be opened', () => {
  it('idle ones are closed, and nobody notices', async (t) => {
    const { files, disk } = limitedDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
    const { connect, broker } = await startFaultyBroker(t, {}, disk)
    const client = await connect()
    const names = Array.from({ length: 20 }, (_, index) => `topic-${index}`)
    for (const name of names) {
      await makeTopic(client, name)
      await produceTo(client, name, batchOf(['before']))
    }
    await makeTopic(client, 'another')

    files.limit = files.openCount
    for (const name of [...names, 'another']) {
      const { errorCode } = await produceTo(client, name, batchOf(['after']))
      assert.equal(errorCode, ErrorCode.NONE, name)
    }

    assert.ok(files.refusals > 0, 'the limit was never met')
    for (const name of names) {
      assert.deepEqual(valuesIn((await fetchFrom(client, name)).records), ['before', 'after'])
      assert.equal(broker.inspect.partitions(name)![0]!.state, 'online')
    }
  })

  it('a first append is refused, and taken once there are files again', async (t) => {
    const { connect, disk, broker } = await startFaultyBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const full = disk.inject({ on: 'open', path: SEGMENTS, fails })

    const refused = await produceTo(client, 'orders', batchOf(['refused']))
    const read = await fetchFrom(client, 'orders')
    full.heal()
    const taken = await produceTo(client, 'orders', batchOf(['taken']))

    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.match(refused.errorMessage ?? '', /files/)
    assert.equal(read.errorCode, ErrorCode.NONE)
    assert.deepEqual([taken.errorCode, taken.baseOffset], [ErrorCode.NONE, 0])
    assert.equal(broker.inspect.partitions('orders')![0]!.state, 'online')
  })

  it('a first append after a start is refused too, and taken later', async (t) => {
    const { connect, disk, restart } = await startFaultyBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['before']))
    const again = await restart()
    const second = await again.connect()
    const full = disk.inject({ on: 'read', path: /^topics\/orders-0\//, fails })

    const refused = await produceTo(second, 'orders', batchOf(['refused']))
    full.heal()
    const taken = await produceTo(second, 'orders', batchOf(['taken']))

    assert.ok(full.hits > 0)
    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.deepEqual([taken.errorCode, taken.baseOffset], [ErrorCode.NONE, 1])
  })

  it('a commit waits until what it must open can be opened', async (t) => {
    const { connect, disk, broker } = await startFaultyBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['settles what the start left']))
    await makeTopic(client, 'new')
    const full = disk.inject({ on: 'sync-folder', path: /^topics/, fails })

    const answer = produceTo(client, 'new', batchOf(['a']), { acks: -1 })
    const next = produceTo(client, 'orders', batchOf(['b']), { acks: -1 })
    await until(() => full.hits > 1)
    full.heal()

    assert.deepEqual([(await answer).errorCode, (await next).errorCode], [0, 0])
    assert.equal(broker.inspect.partitions('new')![0]!.state, 'online')
  })

  it('a read is refused, and answered later', async (t) => {
    const { connect, disk, restart } = await startFaultyBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a']))
    const again = await restart()
    const second = await again.connect()
    const full = disk.inject({ on: 'open', path: SEGMENTS, fails })

    const refused = await fetchFrom(second, 'orders')
    full.heal()
    const read = await fetchFrom(second, 'orders')

    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.deepEqual(valuesIn(read.records), ['a'])
  })
})
