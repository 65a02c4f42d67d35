import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FaultyDisk } from '../../../test/faults/faulty-disk.ts'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch } from '../batch/builder.ts'
import { buildControlMarker } from '../batch/control-marker.ts'
import { readBatchSize, readLastOffset } from '../batch/header.ts'
import { FileCache } from './file-cache.ts'
import { GroupCommit } from './group-commit.ts'
import { loadLearningStart } from './learning-start.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'
import { PartitionLog } from './partition-log.ts'
import { writeSnapshot } from './producer-snapshots.ts'
import { Segment } from './segment.ts'

const FOLDER = 'topics/orders-0'
const SEGMENT = `${FOLDER}/00000000000000000000`

describe('the aborted transactions that a reader must leave out', () => {
  it('are all known after a crash behind a checkpoint, though the index on disk is older', async () => {
    const disk = newDisk()
    const first = await open(disk)
    await abort(first.log, 1)
    await first.close()
    const second = await open(disk, { wasCleanStop: true })
    await abort(second.log, 2)
    await second.commit.saveCheckpoint()

    const { log } = await open(disk)

    assert.deepEqual(await abortedIn(log), [
      { producerId: 1, firstOffset: 0 },
      { producerId: 2, firstOffset: 2 },
    ])
  })

  it('are known when the offset index is gone and reading begins inside the segment', async () => {
    const disk = newDisk()
    const first = await open(disk)
    await abort(first.log, 1)
    await first.close()
    await disk.remove(`${SEGMENT}.index`)

    const { log } = await open(disk, { wasCleanStop: true })
    await abort(log, 2)

    assert.deepEqual(await abortedIn(log), [
      { producerId: 1, firstOffset: 0 },
      { producerId: 2, firstOffset: 2 },
    ])
  })

  it('are read from the log again when their index is gone, whoever asks first', async () => {
    for (const wasCleanStop of [true, false]) {
      for (const isWrittenFirst of [true, false]) {
        const disk = newDisk()
        const first = await open(disk)
        await abort(first.log, 1)
        await first.close()
        await disk.remove(`${SEGMENT}.txnindex`)

        const { log } = await open(disk, { wasCleanStop })
        if (isWrittenFirst) await abort(log, 2)

        assert.deepEqual((await abortedIn(log))[0], { producerId: 1, firstOffset: 0 })
      }
    }
  })

  it('are read from the log again when a power cut has left nothing but zeros of their index', async () => {
    const disk = newDisk()
    const first = await open(disk)
    await abort(first.log, 1)
    await first.close()
    const { size } = (await disk.stat(`${SEGMENT}.txnindex`))!
    await disk.replaceFile(`${SEGMENT}.txnindex`, Buffer.alloc(size))

    const { log } = await open(disk, { wasCleanStop: true })

    assert.deepEqual(await abortedIn(log), [{ producerId: 1, firstOffset: 0 }])
  })

  it('are read from the log again when several segments in a row have lost their index', async () => {
    const disk = newDisk()
    const files = new FileCache({ disk, maxOpenFiles: 10 })
    const segments = [0, 10, 20].map((baseOffset) => {
      const segment = new Segment(files, FOLDER, baseOffset, 0)
      segment.expectAborted(1)
      return segment
    })
    await disk.makeFolder(FOLDER)
    for (const offset of [5, 15, 25]) await writeSnapshot(disk, FOLDER, { offset, entries: [] })
    const range = { from: 0, upTo: 30 }

    const start = await loadLearningStart(disk, FOLDER, range, (offset) =>
      segments.findLast(({ baseOffset }) => baseOffset < offset),
    )

    assert.equal(start, undefined)
  })

  it('are known when their index is still being read while one is added to it', async () => {
    // A large segment has its indexes in files; those of a small one are read from the log.
    const cases = [
      { bytes: 100_000, file: `${SEGMENT}.txnindex`, nth: 1 },
      { bytes: 10, file: `${SEGMENT}.log`, nth: 2 },
    ]
    for (const { bytes, file, nth } of cases) {
      const disk = newDisk()
      const first = await open(disk)
      await first.log.append(record(bytes), { acks: -1, origin: 'internal' })
      await abort(first.log, 1)
      await first.log.append(inTransaction(2), { acks: -1, origin: 'internal' })
      await first.close()
      const slow = slowToRead(disk, file)
      const { log } = await open(slow.disk, { wasCleanStop: true })

      slow.hold(nth)
      const early = log.read(request(0))
      await slow.reached
      await log.append(marker(2), { acks: -1, origin: 'internal' })
      slow.release()

      assert.equal((await early).kind, 'records')
      assert.deepEqual(await abortedIn(log), [
        { producerId: 1, firstOffset: 1 },
        { producerId: 2, firstOffset: 3 },
      ])
    }
  })

  it('are looked for in no file where a checkpoint counted none', async () => {
    const disk = newDisk()
    const config = { segmentBytes: 300 }
    const first = await open(disk, { config })
    for (let count = 0; count < 5; count++) {
      await first.log.append(record(200), { acks: -1, origin: 'internal' })
    }
    await abort(first.log, 1)
    await first.log.append(record(200), { acks: -1, origin: 'internal' })
    await first.close()
    const counting = new FaultyDisk(disk)

    const { log } = await open(counting, { config, wasCleanStop: true })

    assert.deepEqual(await abortedIn(log), [{ producerId: 1, firstOffset: 5 }])
    assert.equal(counting.count('read', /\.txnindex$/), 1)
  })

  it('are known of a segment that is full, after a crash that lost its indexes', async () => {
    const disk = newDisk()
    const config = { segmentBytes: 300 }
    const first = await open(disk, { config })
    for (const producerId of [1, 2, 3, 4]) await abort(first.log, producerId)
    await first.close()
    for (const name of await disk.list(FOLDER)) {
      if (/index$/.test(name)) await disk.remove(`${FOLDER}/${name}`)
    }

    const { log } = await open(disk, { config })

    assert.deepEqual(
      (await abortedIn(log)).map(({ producerId }) => producerId),
      [1, 2, 3, 4],
    )
  })
})

function newDisk(): Disk {
  return memoryDisk({ maxBytes: 16 * 1024 * 1024 })
}

async function open(
  disk: Disk,
  {
    wasCleanStop = false,
    config = {},
  }: { wasCleanStop?: boolean; config?: Partial<LogConfig> } = {},
) {
  const host = nodeHost({ disk })
  const commit = await GroupCommit.open({
    host,
    folder: 'journal',
    config: { journalFileBytes: 64 * 1024 },
    onFatal: (error) => assert.fail(String(error)),
  })
  const log = await PartitionLog.open({
    host,
    folder: FOLDER,
    topic: 'orders',
    partition: 0,
    topicId: 'AAAAAAAAAAAAAAAAAAAABA',
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    leaderEpoch: 0,
    commit,
    files: new FileCache({ disk, maxOpenFiles: 10 }),
    wasCleanStop,
  })
  await commit.finishRecovery()
  const close = async () => {
    await log.close()
    await commit.close()
  }
  return { log, commit, close }
}

function record(bytes: number): Buffer {
  return buildBatch({
    records: [{ timestamp: Date.now(), key: null, value: Buffer.alloc(bytes) }],
  })
}

function inTransaction(producerId: number): Buffer {
  return buildBatch({
    records: [{ timestamp: Date.now(), key: null, value: Buffer.from('never happened') }],
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: true,
  })
}

function marker(producerId: number): Buffer {
  return buildControlMarker({
    kind: 'abort',
    producerId,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    timestamp: Date.now(),
  })
}

/** The same disk, on which what the nth read of that file gave can be held up. */
function slowToRead(disk: Disk, path: string) {
  const reached = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  let readsLeft = Number.POSITIVE_INFINITY
  const pass = async (name: string) => {
    if (name !== path || --readsLeft !== 0) return
    reached.resolve()
    await released.promise
  }
  const open: Disk['open'] = async (name, options) => {
    const file = await disk.open(name, options)
    const read = file.read.bind(file)
    file.read = async (target, position) => {
      const length = await read(target, position)
      await pass(name)
      return length
    }
    return file
  }
  const readFile: Disk['readFile'] = async (name) => {
    const content = await disk.readFile(name)
    await pass(name)
    return content
  }
  const slow = new Proxy(disk, {
    get: (target, key) => {
      if (key === 'open') return open
      if (key === 'readFile') return readFile
      const value = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    disk: slow,
    reached: reached.promise,
    hold: (nth: number) => {
      readsLeft = nth
    },
    release: () => released.resolve(),
  }
}

/** One record in a transaction, and the marker that takes it back. */
async function abort(log: PartitionLog, producerId: number): Promise<void> {
  for (const bytes of [inTransaction(producerId), marker(producerId)]) {
    const outcome = await log.append(bytes, { acks: -1, origin: 'internal' })
    assert.equal(outcome.kind, 'appended')
  }
}

/** As a reader from the start to the end is told: one read ends with a segment at the latest. */
function request(fromOffset: number) {
  return {
    fromOffset,
    maxBytes: 1_000_000,
    upTo: 'lastStableOffset',
    atLeastOneBatch: true,
  } as const
}

async function abortedIn(log: PartitionLog) {
  const found = new Map<number, { producerId: number; firstOffset: number }>()
  for (let fromOffset = 0; fromOffset < log.lastStableOffset; ) {
    const outcome = await log.read(request(fromOffset))
    assert(outcome.kind === 'records')
    for (let at = 0; at < outcome.bytes.length; at += readBatchSize(outcome.bytes, at)) {
      fromOffset = readLastOffset(outcome.bytes, at) + 1
    }
    for (const { producerId, firstOffset } of outcome.abortedTransactions) {
      found.set(firstOffset, { producerId, firstOffset })
    }
  }
  return [...found.values()]
}
