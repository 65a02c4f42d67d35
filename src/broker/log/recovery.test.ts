import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeTimers } from '../../host/node-host.ts'
import { buildBatch } from '../batch/builder.ts'
import { writeBaseOffset, writePartitionLeaderEpoch } from '../batch/header.ts'
import type { LogNote } from './checkpoint-file.ts'
import { FileCache } from './file-cache.ts'
import { hydrate } from './hydrate.ts'
import type { ReplayEntry } from './journal-content.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'
import { writeSnapshot } from './producer-snapshots.ts'
import type { ProducerEntry } from './producer-state.ts'
import type { RecoveredLog, RecoveryOptions } from './recovered-log.ts'
import { recoverLog } from './recovery.ts'

const FOLDER = 'topics/orders-0'
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAABA'
const PRODUCER_ID = 7

describe('after a power cut, a log whose segments were not all synced', () => {
  it('gets back from the journal what an empty segment should hold before the next one', async () => {
    const log = await recover({
      segments: { 0: [batch(0), batch(1)], 2: [], 4: [batch(4)] },
      journal: [batch(2), batch(3)],
    })

    assert.deepEqual(await offsetsOf(log), { 0: [0, 1], 2: [2, 3], 4: [4] })
    assert.equal(log.endOffset, 5)
  })

  it('gets back the end of a segment that is whole batches, but too few', async () => {
    const log = await recover({
      segments: { 0: [batch(0)], 3: [batch(3)] },
      journal: [batch(1), batch(2)],
    })

    assert.deepEqual(await offsetsOf(log), { 0: [0, 1, 2], 3: [3] })
    assert.equal(log.endOffset, 4)
  })

  it('gets back the end of a segment that is torn, and keeps the next one', async () => {
    const log = await recover({
      segments: { 0: [batch(0), batch(1).subarray(0, 50)], 2: [batch(2)] },
      journal: [batch(1)],
    })

    assert.deepEqual(await offsetsOf(log), { 0: [0, 1], 2: [2] })
    assert.equal(log.endOffset, 3)
  })

  it('goes on with what the journal holds behind the last segment', async () => {
    const log = await recover({
      segments: { 0: [batch(0)], 2: [batch(2)] },
      journal: [batch(1), batch(2), batch(3)],
    })

    assert.deepEqual(await offsetsOf(log), { 0: [0, 1], 2: [2, 3] })
    assert.equal(log.endOffset, 4)
  })

  it('ends where the journal cannot help: nothing behind was ever acknowledged', async () => {
    const log = await recover({
      segments: { 0: [batch(0)], 3: [batch(3)] },
      journal: [batch(1)],
    })

    assert.deepEqual(await offsetsOf(log), { 0: [0, 1] })
    assert.equal(log.endOffset, 2)
    assert.equal(log.offlineReason, undefined)
  })

  it('gets back from the journal a batch in whose middle the log begins', async () => {
    const log = await recover({
      segments: { 0: [] },
      journal: [batch(0, 2), batch(2, 2), batch(4, 2)],
      note: { ...noteOf(0, { 0: [] }), logStartOffset: 3 },
    })

    assert.deepEqual(await offsetsOf(log), { 2: [2, 4] })
    assert.equal(log.logStartOffset, 3)
    assert.equal(log.endOffset, 6)
  })

  it('knows of producers what the journal says of records that were deleted, and stand nowhere else', async () => {
    const written = [0, 1, 2, 3].map((sequence) => batchOfProducer(sequence))
    const crashed = {
      segments: { 0: written.slice(0, 2) },
      note: { ...noteOf(0, { 0: [] }), logStartOffset: 4 },
    }

    const known = await recover({ ...crashed, journal: written.slice(2) })
    const forgotten = await recover(crashed)

    assert.equal(known.producers?.get(PRODUCER_ID)?.recentBatches.at(-1)?.lastSequence, 3)
    // Better nothing than what is out of date: who is unknown may go on with any sequence.
    assert.equal(forgotten.producers?.get(PRODUCER_ID), undefined)
    for (const { endOffset } of [known, forgotten]) assert.equal(endOffset, 4)
  })

  it('takes nothing that is out of date for the state of a producer when it is first written', async () => {
    const atEnd = { segments: { 0: [batchOfProducer(0)] }, recoveryPoint: 4 }
    const between = {
      segments: { 0: [batchOfProducer(0)], 4: [batch(4)] },
      recoveryPoint: 5,
    }

    for (const { recoveryPoint, ...crashed } of [atEnd, between]) {
      const note = { ...noteOf(recoveryPoint, crashed.segments), logStartOffset: 4 }
      const { log, hydrated } = await recoverAndHydrate({ ...crashed, note, wasCleanStop: true })

      assert.equal(log.producers, undefined)
      assert.equal(hydrated.offlineReason, undefined)
      assert.equal(hydrated.producers.get(PRODUCER_ID), undefined)
    }
  })

  it('goes offline when the journal lacks what was durable, and ends there when it may not have been', async () => {
    const crashed = { segments: { 0: [batch(0)] }, journal: [batch(3)] }

    const damaged = await recover(crashed)
    const cutOff = await recover({ ...crashed, isBehindUnsynced: true })

    assert.match(damaged.offlineReason ?? '', /offsets 1 to 2 are missing/)
    assert.equal(cutOff.offlineReason, undefined)
    assert.equal(cutOff.endOffset, 1)
  })

  it('is cut at a lost page also where the next good batch begins in it, with bytes that are zeros', async () => {
    const first = padded(0, 511)
    const file = Buffer.concat([first, batch(1)])
    file.fill(0, 0, 512)

    const log = await recover({ segments: { 0: [file] } })

    assert.equal(first.length, 511)
    assert.equal(log.offlineReason, undefined)
    assert.equal(log.endOffset, 0)
  })

  it('is rid of what a write without space left in a segment, when the next one goes on there', async () => {
    const segments = { 0: [batch(0), batch(1).subarray(0, 50)], 1: [batch(1)] }
    const note = noteOf(2, { 0: [batch(0)], 1: [batch(1)] })

    const log = await recover({ segments, note, journal: [batch(2)] })

    assert.equal(log.offlineReason, undefined)
    assert.deepEqual(await offsetsOf(log), { 0: [0], 1: [1, 2] })
  })

  it('keeps gaps below what was durable, and in a folder without notes: compaction makes them', async () => {
    const below = await recover({
      segments: { 0: [batch(0)], 3: [batch(3)] },
      journal: [],
      recoveryPoint: 4,
    })
    const foreign = await recover({ segments: { 0: [batch(0)], 3: [batch(3)] }, note: undefined })

    assert.equal(below.endOffset, 4)
    assert.equal(foreign.endOffset, 4)
  })
})

describe('a producer whose records are gone with their segment', () => {
  const batches = [batchOfProducer(0)]
  const sent = { baseSequence: 0, lastSequence: 0, baseOffset: 0, lastOffset: 0, timestamp: 1 }
  const snapshot = [
    {
      producerId: PRODUCER_ID,
      producerEpoch: 0,
      coordinatorEpoch: -1,
      lastTimestamp: 1,
      currentTxnFirstOffset: -1,
      recentBatches: [sent],
    },
  ]
  const stays = { 4: [batch(4), batch(5)] }

  it('is known from a snapshot that was written behind the recovery point', async () => {
    const note = { ...noteOf(4, stays), logStartOffset: 4 }

    const log = await recover({ segments: stays, note, snapshots: { 5: snapshot } })
    const beyond = await recover({ segments: stays, note, snapshots: { 7: snapshot } })

    assert.deepEqual(log.producers?.get(PRODUCER_ID)?.recentBatches, [sent])
    assert.equal(beyond.producers?.get(PRODUCER_ID), undefined)
  })

  it('is known when the log starts behind the snapshot, in the middle of a segment', async () => {
    for (const wasCleanStop of [false, true]) {
      const note = { ...noteOf(6, stays), logStartOffset: 6 }
      const crashed = { segments: stays, note, snapshots: { 5: snapshot }, wasCleanStop }

      const { log, hydrated } = await recoverAndHydrate(crashed)

      const { recentBatches } = (log.producers ?? hydrated.producers).get(PRODUCER_ID)!
      assert.deepEqual(recentBatches, [sent])
    }
  })

  it('is not known from a snapshot that lacks what stood between it and the first segment', async () => {
    const note = noteOf(6, { 0: batches, ...stays })

    const log = await recover({
      segments: stays,
      deleted: { 0: batches },
      note,
      snapshots: { 2: snapshot },
    })

    assert.equal(log.offlineReason, undefined)
    assert.equal(log.logStartOffset, 4)
    assert.equal(log.producers?.get(PRODUCER_ID), undefined)
  })
})

describe('after a crash in the middle of a compaction', () => {
  const old = { 0: [batch(0), batch(1)], 2: [batch(2)], 3: [batch(3)] }

  it('a segment that is complete takes the place of all that it was written from', async () => {
    const log = await recover({
      segments: old,
      swaps: { 0: [batch(1), batch(2)] },
      recoveryPoint: 4,
    })

    assert.deepEqual(await offsetsOf(log), { 0: [1, 2], 3: [3] })
    const [[swap, replaced] = []] = [...log.swaps]
    assert.match(swap!.file.path, /0{20}\.log\.swap$/)
    assert.deepEqual(
      replaced?.map(({ baseOffset }) => baseOffset),
      [0, 2],
    )
    assert.equal(log.endOffset, 4)
  })

  it('one that was being written is of no use', async () => {
    const log = await recover({ segments: old, cleaned: { 0: [batch(1)] }, recoveryPoint: 4 })

    assert.deepEqual(await offsetsOf(log), { 0: [0, 1], 2: [2], 3: [3] })
    assert.equal(log.swaps.size, 0)
  })

  it('an old segment whose name came back gives way to the one that took it in', async () => {
    const segments = { 0: [batch(1), batch(2)], 2: [batch(2)], 3: [batch(3)] }

    const log = await recover({ segments, note: undefined })

    assert.deepEqual(await offsetsOf(log), { 0: [1, 2], 3: [3] })
  })

  it('goes offline when what was complete is damaged', async () => {
    const torn = Buffer.from(batch(2))
    torn[torn.length - 1]! ^= 1

    const log = await recover({ segments: old, swaps: { 0: [batch(1), torn] }, recoveryPoint: 4 })

    assert.match(log.offlineReason ?? '', /damaged/)
  })
})

describe('the recovery of one log among thousands', () => {
  it('looks into its folder once, whatever it finds there', async () => {
    const listed: string[] = []
    const onList = (folder: string) => void listed.push(folder)

    const log = await recover({
      segments: { 0: [batch(0)], 2: [batch(2)] },
      swaps: { 0: [batch(0)] },
      journal: [batch(1), batch(2), batch(3)],
      onList,
    })

    assert.equal(log.endOffset, 4)
    assert.deepEqual(listed, [FOLDER])
  })

  it('does not look at all after a stop in good order', async () => {
    const listed: string[] = []
    const onList = (folder: string) => void listed.push(folder)

    await recover({ segments: { 0: [batch(0)] }, recoveryPoint: 1, wasCleanStop: true, onList })

    assert.deepEqual(listed, [])
  })
})

interface Crashed {
  segments: Readonly<Record<number, readonly Buffer[]>>
  /** Compacted segments by how far they had come. */
  swaps?: Readonly<Record<number, readonly Buffer[]>>
  cleaned?: Readonly<Record<number, readonly Buffer[]>>
  deleted?: Readonly<Record<number, readonly Buffer[]>>
  snapshots?: Readonly<Record<number, readonly ProducerEntry[]>>
  journal?: readonly Buffer[]
  isBehindUnsynced?: boolean
  recoveryPoint?: number
  note?: LogNote | undefined
  config?: Partial<LogConfig>
  wasCleanStop?: boolean
  onList?: (folder: string) => void
}

/** Opens a folder as it is after a crash. */
async function recover(crashed: Crashed): Promise<RecoveredLog> {
  return await recoverLog(await optionsOf(crashed))
}

async function recoverAndHydrate(crashed: Crashed) {
  const options = await optionsOf(crashed)
  const log = await recoverLog(options)
  return { log, hydrated: await hydrate(log, options) }
}

async function optionsOf(crashed: Crashed): Promise<RecoveryOptions> {
  const disk = memoryDisk({ maxBytes: 16 * 1024 * 1024 })
  await disk.makeFolder(FOLDER)
  const { segments, swaps = {}, cleaned = {}, deleted = {}, snapshots = {} } = crashed
  const files = { '': segments, '.swap': swaps, '.cleaned': cleaned, '.deleted': deleted }
  for (const [ending, logs] of Object.entries(files)) {
    for (const [base, batches] of Object.entries(logs)) {
      const path = `${FOLDER}/${base.padStart(20, '0')}.log${ending}`
      await writeFile(disk, path, Buffer.concat(batches))
    }
  }
  for (const [offset, entries] of Object.entries(snapshots)) {
    await writeSnapshot(disk, FOLDER, { offset: Number(offset), entries: [...entries] })
  }
  const { isBehindUnsynced = false } = crashed
  const replay = (crashed.journal ?? []).map((bytes): ReplayEntry => {
    const baseOffset = Number(bytes.readBigInt64BE(0))
    const place = { topicId: TOPIC_ID, partition: 0, leaderEpoch: 0, baseOffset }
    return { ...place, bytes, isBehindUnsynced }
  })
  const { recoveryPoint = 0, onList } = crashed
  const list = disk.list.bind(disk)
  disk.list = (folder) => {
    onList?.(folder)
    return list(folder)
  }
  return {
    files: new FileCache({ disk, maxOpenFiles: 10 }),
    timers: nodeTimers,
    nowMs: 0,
    folder: FOLDER,
    config: { ...DEFAULT_LOG_CONFIG, ...crashed.config },
    note: 'note' in crashed ? crashed.note : noteOf(recoveryPoint, crashed.segments),
    hasCheckpoint: !('note' in crashed),
    wasCleanStop: crashed.wasCleanStop ?? false,
    isNew: false,
    replay,
    useReserve: (work) => work(),
  }
}

/** By segment, the base offsets of the batches that stand in its file. */
async function offsetsOf({ segments }: RecoveredLog): Promise<Record<number, number[]>> {
  const found: Record<number, number[]> = {}
  for (const { baseOffset, file } of segments) {
    const offsets: number[] = []
    const bytes = Buffer.alloc(await file.use((open) => open.size()))
    await file.use((open) => open.read(bytes, 0))
    for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8)) {
      offsets.push(Number(bytes.readBigInt64BE(at)))
    }
    found[baseOffset] = offsets
  }
  return found
}

/** A batch of so many bytes. */
function padded(offset: number, sizeBytes: number): Buffer {
  const value = Buffer.alloc(sizeBytes - 70, 'x')
  const bytes = buildBatch({ records: [{ timestamp: 1_700_000_000_000, key: null, value }] })
  writeBaseOffset(bytes, 0, offset)
  writePartitionLeaderEpoch(bytes, 0, 0)
  return bytes
}

/** One record, whose offset is its sequence. */
function batchOfProducer(sequence: number): Buffer {
  const record = { timestamp: 1_700_000_000_000, key: null, value: Buffer.from('x') }
  const producer = { producerId: PRODUCER_ID, producerEpoch: 0, baseSequence: sequence }
  const bytes = buildBatch({ records: [record], ...producer })
  writeBaseOffset(bytes, 0, sequence)
  writePartitionLeaderEpoch(bytes, 0, 0)
  return bytes
}

function batch(offset: number, recordCount = 1): Buffer {
  const record = { timestamp: 1_700_000_000_000, key: null, value: Buffer.from(`record ${offset}`) }
  const bytes = buildBatch({ records: new Array(recordCount).fill(record) })
  writeBaseOffset(bytes, 0, offset)
  writePartitionLeaderEpoch(bytes, 0, 0)
  return bytes
}

function noteOf(
  recoveryPoint: number,
  segments: Readonly<Record<number, readonly Buffer[]>>,
): LogNote {
  const bases = Object.keys(segments).map(Number)
  return {
    topicId: TOPIC_ID,
    partition: 0,
    logStartOffset: 0,
    recoveryPoint,
    firstOpenOffset: -1,
    epochs: [],
    segments: bases
      .filter((baseOffset) => baseOffset < recoveryPoint)
      .map((baseOffset) => ({
        baseOffset,
        endOffset: baseOffset + segments[baseOffset]!.length,
        sizeBytes: Buffer.concat(segments[baseOffset]!).length,
        maxTimestamp: 1_700_000_000_000,
        maxTimestampOffset: baseOffset,
        firstTimestamp: 1_700_000_000_000,
        createdMs: 0,
        abortedCount: 0,
      })),
    firstDirtyOffset: 0,
  }
}

async function writeFile(disk: Disk, path: string, content: Buffer): Promise<void> {
  const file = await disk.open(path, { create: true })
  await file.write([content], 0)
  await file.close()
}
