import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import type { Codec } from '../../host/codec.ts'
import { DiskError } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { buildControlMarker } from '../batch/control-marker.ts'
import { CompactedLog, type FoundRecord, START_MS } from './compaction-test-world.ts'

const SMALL_MAP = { maxBytes: 16 * 24, loadFactor: 0.5 }

describe('a compacted log', () => {
  it('keeps the last record of each key, at the offset that it had', async () => {
    let world = await CompactedLog.open()
    await world.append([
      ['a', '1'],
      ['b', '1'],
    ])
    await world.append([['a', '2']])
    await world.append([
      ['c', '1'],
      ['a', '3'],
    ])
    await world.roll()
    await world.append([['b', 'active']])

    const report = await world.compact()

    const survivors = [
      { offset: 1, key: 'b', value: '1' },
      { offset: 3, key: 'c', value: '1' },
      { offset: 4, key: 'a', value: '3' },
      { offset: 5, key: 'b', value: 'active' },
    ]
    assert.equal(report?.endOffset, 5)
    assert.deepEqual((await world.contents()).records, survivors)
    for (const wasCleanStop of [true, false]) {
      world = await world.restart({ wasCleanStop })
      assert.deepEqual((await world.contents()).records, survivors)
      assert.equal(world.log.highWatermark, 6)
      assert.equal(world.log.upkeep.cleanable(world.nowMs), undefined)
    }
    await world.close()
  })

  it('makes one segment of small neighbours, and takes the old files away', async () => {
    const world = await CompactedLog.open({ config: { fileDeleteDelayMs: 0 } })
    for (const value of ['1', '2', '3']) {
      await world.append([['a', value]])
      await world.roll()
    }

    await world.compact()
    await world.close()

    const logs = (await world.files()).filter((name) => name.includes('.log'))
    assert.deepEqual(logs, ['00000000000000000000.log', '00000000000000000003.log'])
  })

  it('leaves the active segment, and what is too young, alone', async () => {
    const world = await CompactedLog.open({ config: { minCompactionLagMs: 1000 } })
    await world.append([['a', '1']])
    await world.append([['a', '2']])

    assert.equal(world.log.upkeep.cleanable(world.nowMs), undefined)
    await world.roll()
    assert.equal(world.log.upkeep.cleanable(world.nowMs), undefined)
    world.pass(1000)

    assert.equal(world.log.upkeep.cleanable(world.nowMs)?.endOffset, 2)
    await world.close()
  })

  it('drops records without a key where it meets them', async () => {
    const world = await CompactedLog.open()
    await world.append([[null, 'nobody']])
    await world.append([['a', '1']])
    await world.roll()

    await world.compact()

    assert.deepEqual((await world.contents()).records, [{ offset: 1, key: 'a', value: '1' }])
    await world.close()
  })

  it('keeps a tombstone for delete.retention.ms after it was first compacted, no longer', async () => {
    const world = await CompactedLog.open({ config: { deleteRetentionMs: 10_000 } })
    const tombstone = { offset: 1, key: 'a', value: null }
    await world.append([['a', '1']])
    await world.append([['a', null]])
    await world.append([['b', '1']])
    await world.roll()
    const again = async () => {
      await world.append([['z', 'dirt']])
      await world.roll()
      await world.compact()
      return (await world.contents()).records.filter(({ key }) => key === 'a')
    }

    assert.deepEqual(await again(), [tombstone])
    const { headers } = await world.contents()
    const marked = headers.find(({ hasDeleteHorizon }) => hasDeleteHorizon)
    assert.equal(marked?.baseTimestamp, world.nowMs + 10_000)
    world.pass(9000)
    assert.deepEqual(await again(), [tombstone])
    world.pass(2000)
    assert.deepEqual(await again(), [])
    await world.close()
  })

  it('goes on where the map of keys was full', async () => {
    const world = await CompactedLog.open()
    for (let i = 0; i < 100; i++) await world.append([[`key ${i % 25}`, String(i)]])
    await world.roll()

    const ends: number[] = []
    while (world.log.upkeep.cleanable(world.nowMs) !== undefined) {
      ends.push((await world.compact(SMALL_MAP))!.endOffset)
      assert.ok(ends.length < 100, 'gets nowhere')
    }

    assert.ok(ends.length > 2, `only ${ends.length} passes`)
    const { records } = await world.contents()
    const last = Array.from({ length: 25 }, (_, i) => String(75 + i))
    assert.deepEqual(
      records.filter(({ offset }) => offset >= 75).map(({ value }) => value),
      last,
    )
    await world.close()
  })

  it('lets a reader under way end on the segment that it began with', async () => {
    const world = await CompactedLog.open({ config: { fileDeleteDelayMs: 0 } })
    for (let i = 0; i < 20; i++) await world.append([['a', 'x'.repeat(2000)]])
    await world.roll()
    await world.append([['b', '1']])

    const reads = Array.from({ length: 30 }, async (_, i) => {
      for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve))
      return await world.contents()
    })
    await world.compact()

    for (const { records, endOffset } of await Promise.all(reads)) {
      assert.equal(endOffset, 21)
      assert.equal(records.at(-1)?.key, 'b')
      assert.equal(records.at(-2)?.offset, 19)
    }
    assert.equal(world.log.state, 'online')
    await world.close()
  })

  it('is as it was when damage is met, and says where', async () => {
    const world = await CompactedLog.open()
    for (const value of ['1', '2', '3']) await world.append([['a', value]])
    await world.roll()
    const path = 'topics/orders-0/00000000000000000000.log'
    const before = (await world.disk.readFile(path))!
    const file = await world.disk.open(path)
    await file.write([Buffer.from([before[100]! ^ 1])], 100)
    await file.close()

    await assert.rejects(world.compact(), /0{20}\.log/)

    assert.equal((await world.disk.readFile(path))!.length, before.length)
    assert.deepEqual(
      (await world.files()).filter((name) => /cleaned|swap/.test(name)),
      [],
    )
    await world.close()
  })

  it('is as it was when the disk is full, and compacted once it is not', async () => {
    const disk = memoryDisk({ maxBytes: 256 * 1024 * 1024 })
    const { open } = disk
    disk.open = async (path, options) => {
      if (path.endsWith('.cleaned')) throw new DiskError('no-space', path, undefined)
      return await open.call(disk, path, options)
    }
    const world = await CompactedLog.open({ disk })
    await world.append([['a', '1']])
    await world.append([['a', '2']])
    await world.roll()

    await assert.rejects(world.compact(), DiskError)
    const { records } = await world.contents()
    disk.open = open
    await world.compact()

    assert.equal(world.log.state, 'online')
    assert.equal(records.length, 2)
    assert.deepEqual((await world.contents()).records, [{ offset: 1, key: 'a', value: '2' }])
    await world.close()
  })

  it('stops when the partition closes, and is whole after the next start', async () => {
    let world = await CompactedLog.open()
    for (let i = 0; i < 2000; i++) {
      void world.append([[`key ${i % 300}`, String(i)]])
    }
    await world.append([['end', '']])
    await world.roll()

    const compacting = world.compact()
    world = await world.restart()
    await compacting

    await world.compact()
    const { records } = await world.contents()
    assert.equal(records.length, 301)
    await world.close()
  })

  it('keeps the log start that DeleteRecords has set', async () => {
    let world = await CompactedLog.open()
    for (let i = 0; i < 6; i++) await world.append([[`key ${i % 2}`, String(i)]])
    await world.roll()

    const compacting = world.compact()
    await world.log.deleteRecordsBefore(5)
    await compacting
    world = await world.restart({ wasCleanStop: false })

    assert.equal(world.log.logStartOffset, 5)
    const { records } = await world.contents()
    assert.deepEqual(records.at(-1), { offset: 5, key: 'key 1', value: '5' })
    await world.close()
  })
})

describe('the times of a compacted log', () => {
  it('are those of the records that are left', async () => {
    let world = await CompactedLog.open()
    await world.append([['a', '1']])
    const { nowMs } = world
    world.pass(1000)
    const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 }
    await world.append([[null, 'goes, but for its header']], producer)
    await world.roll()

    await world.compact()

    for (const wasCleanStop of [true, false]) {
      const latest = { offset: 0, timestamp: nowMs, leaderEpoch: 0 }
      assert.deepEqual(await world.log.maxTimestamp(), latest)
      assert.equal(await world.log.offsetForTimestamp(nowMs + 1), undefined)
      world = await world.restart({ wasCleanStop })
    }
    await world.close()
  })
})

describe('transactions in a compacted log', () => {
  const of = (producerId: number) => ({ producerId, producerEpoch: 0, baseSequence: 0 })
  const write = (world: CompactedLog, producerId: number, key: string, value: string) =>
    world.append([[key, value]], { ...of(producerId), isTransactional: true })
  const end = async (world: CompactedLog, producerId: number, kind: 'abort' | 'commit') => {
    const { nowMs: timestamp } = world
    const fields = { kind, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp }
    await world.log.append(buildControlMarker(fields), { acks: -1, origin: 'internal' })
  }
  const keysOf = async (world: CompactedLog) =>
    (await world.contents()).records.map(({ key, value }) => `${key}=${value}`)

  it('lose what was aborted, which never counts as the last record of its key', async () => {
    const world = await CompactedLog.open()
    await write(world, 1, 'a', 'committed')
    await end(world, 1, 'commit')
    await write(world, 2, 'a', 'aborted')
    await end(world, 2, 'abort')
    await world.roll()

    await world.compact()

    const { records, headers } = await world.contents()
    const data = records.filter(({ value }) => value === 'committed' || value === 'aborted')
    assert.deepEqual(data, [{ offset: 0, key: 'a', value: 'committed' }])
    assert.equal(headers.filter(({ isControlBatch }) => isControlBatch).length, 2)
    await world.close()
  })

  it('that were aborted in what is clean say nothing of what their producer commits later', async () => {
    const world = await CompactedLog.open()
    await world.append([['a', 'old']])
    await write(world, 1, 'b', 'aborted')
    await end(world, 1, 'abort')
    await world.roll()
    await world.compact()
    const next = { ...of(1), baseSequence: 1, isTransactional: true }
    await world.append([['a', null]], next)
    await end(world, 1, 'commit')
    await world.roll()

    await world.compact()

    const { records } = await world.contents()
    const ofA = records.filter(({ key }) => key === 'a')
    assert.deepEqual(
      ofA.map(({ value }) => value),
      [null],
    )
    await world.close()
  })

  it('keep a marker until no batch of theirs is left, and then for delete.retention.ms', async () => {
    const world = await CompactedLog.open({
      config: { deleteRetentionMs: 1000, producerIdExpirationMs: 500 },
    })
    await write(world, 2, 'a', 'aborted')
    await end(world, 2, 'abort')
    await world.append([['b', '1']])
    await world.roll()
    const markersAfter = async (passedMs: number) => {
      world.pass(passedMs)
      await world.log.applyRetention(world.nowMs) // forgets the producer
      await world.append([['z', 'dirt']])
      await world.roll()
      await world.compact()
      const { headers } = await world.contents()
      return headers.filter(({ isControlBatch }) => isControlBatch)
    }

    assert.equal((await markersAfter(600)).length, 1, 'its data was there a moment ago')
    const [waiting] = await markersAfter(0)
    assert.equal(waiting?.hasDeleteHorizon, true)
    assert.equal((await markersAfter(990)).length, 1)
    assert.equal((await markersAfter(20)).length, 0)
    assert.equal(world.log.lastStableOffset, world.log.highWatermark)
    await world.close()
  })

  it('that are open bound what is compacted', async () => {
    const world = await CompactedLog.open()
    await world.append([['a', '1']])
    await world.append([['a', '2']])
    await world.roll()
    await write(world, 1, 'a', 'open')
    await world.roll()
    await world.append([['a', '4']])
    await world.roll()

    await world.compact()

    assert.deepEqual(await keysOf(world), ['a=2', 'a=open', 'a=4'])
    await world.close()
  })
})

describe('any workload, compacted at any time', () => {
  const seeds = { none: [1, 2, 3], gzip: [4], snappy: [5], lz4: [6], zstd: [7] } as const
  for (const [compression, ofCodec] of Object.entries(seeds)) {
    for (const seed of ofCodec) {
      it(`reads as a model says (${compression}, seed ${seed})`, () =>
        follow(seed, compression as Codec))
    }
  }
})

/** Few keys, tombstones, idempotent producers, restarts; every step is held against a model. */
async function follow(seed: number, compression: Codec): Promise<void> {
  const random = seededRandom(seed)
  const below = (bound: number) => Math.floor(random() * bound)
  const config = { segmentBytes: 2000, deleteRetentionMs: 1e9, fileDeleteDelayMs: 0 }
  let world = await CompactedLog.open({ config })
  const written: FoundRecord[] = []
  const lastSent = new Map<number, Parameters<CompactedLog['send']>[0]>()
  const nextSequence = new Map<number, number>()
  const check = async () => {
    const { records, endOffset } = await world.contents()
    assert.equal(endOffset, written.length, 'the end of the log')
    const byOffset = new Map(written.map((record) => [record.offset, record]))
    for (const [i, record] of records.entries()) {
      assert.deepEqual(record, byOffset.get(record.offset))
      if (i > 0) assert.ok(record.offset > records[i - 1]!.offset, 'out of order')
    }
    const latest = new Map(written.map((record) => [record.key, record]))
    const there = new Set(records.map(({ offset }) => offset))
    for (const { offset, key } of latest.values()) assert.ok(there.has(offset), `lost ${key}`)
  }
  for (let step = 0; step < 120; step++) {
    world.pass(below(50))
    const what = below(20)
    if (what < 15) {
      const producerId = below(3)
      const baseSequence = nextSequence.get(producerId) ?? 0
      const records = Array.from({ length: 1 + below(4) }, () => ({
        timestamp: START_MS + step,
        key: Buffer.from(`key ${below(6)}`),
        value: below(5) === 0 ? null : Buffer.from(`${step} `.repeat(below(60))),
      }))
      const batch = { records, producerId, producerEpoch: 0, baseSequence, compression }
      const outcome = await world.send(batch)
      assert.ok(outcome.kind === 'appended')
      lastSent.set(producerId, batch)
      nextSequence.set(producerId, baseSequence + records.length)
      for (const [i, { key, value }] of records.entries()) {
        written.push({
          offset: outcome.baseOffset + i,
          key: key.toString(),
          value: value?.toString() ?? null,
        })
      }
    } else if (what < 17) await world.compact(below(2) === 0 ? SMALL_MAP : undefined)
    else if (what < 18) {
      await world.roll()
      await world.compact()
    } else if (what < 19) world = await world.restart({ wasCleanStop: below(2) === 0 })
    else {
      await world.compact()
      for (const name of await world.files()) {
        // Without them everything comes from the batches that are left.
        if (name.endsWith('.snapshot')) await world.disk.remove(`topics/orders-0/${name}`)
      }
      world = await world.restart({ wasCleanStop: false })
    }
    await check()
    for (const batch of lastSent.values()) {
      assert.equal((await world.send(batch)).kind, 'duplicate', `step ${step}`)
    }
  }
  await world.close()
}
