import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildBatch } from '../batch/builder.ts'
import { buildControlMarker } from '../batch/control-marker.ts'
import { ZERO_UUID } from '../bytes/uuid.ts'
import { GroupOffsets } from '../coordinators/groups/offsets.ts'
import { encodeRecord, type GroupRecord } from '../coordinators/groups/records.ts'
import { replayGroupLog } from './coordinator-replay.ts'

const PRODUCER = { producerId: 9, producerEpoch: 0 }

function offset(value: number | null, partition = 0): GroupRecord {
  const committed = value === null ? null : committedOffset(value)
  return { kind: 'offset', groupId: 'orders', topic: 'events', partition, committed }
}

function committedOffset(value: number) {
  return {
    offset: value,
    leaderEpoch: -1,
    metadata: '',
    commitTimestampMs: 5,
    expireTimestampMs: -1,
    topicId: ZERO_UUID,
  }
}

function batch(baseOffset: number, records: GroupRecord[], transaction?: typeof PRODUCER): Buffer {
  return buildBatch({
    baseOffset,
    records: records.map((record) => ({ timestamp: 5, ...encodeRecord(record) })),
    ...(transaction && { ...transaction, baseSequence: 0, isTransactional: true }),
  })
}

function marker(kind: 'commit' | 'abort'): Buffer {
  return buildControlMarker({ ...PRODUCER, kind, coordinatorEpoch: 0, timestamp: 5 })
}

/** What the batches leave of partition 0: its offset, and where to read on. */
function replayed(...batches: Buffer[]): { offset: number | undefined; next: number } {
  const offsets = new GroupOffsets()
  const next = replayGroupLog(Buffer.concat(batches), {
    record(record, stagedBy) {
      if (record.kind !== 'offset') return
      if (stagedBy === undefined) offsets.apply(record, record.committed)
      else offsets.stage(stagedBy, record, record.committed)
    },
    endTransaction: (producerId, isCommit) => void offsets.endTransaction(producerId, isCommit),
  })
  return { next, offset: offsets.get({ topic: 'events', partition: 0 }, ZERO_UUID)?.offset }
}

describe('the log of groups', () => {
  it('is read in order, and says where to read on', () => {
    const { offset: last, next } = replayed(
      batch(10, [offset(1), offset(2)]),
      batch(12, [offset(3)]),
      batch(20, [offset(null)]),
    )

    assert.equal(last, undefined)
    assert.equal(next, 21)
  })

  it('counts offsets of a transaction from its commit on', () => {
    const open = batch(0, [offset(1)], PRODUCER)

    assert.equal(replayed(open).offset, undefined)
    assert.equal(replayed(open, marker('commit')).offset, 1)
    assert.equal(replayed(open, marker('abort')).offset, undefined)
  })

  it('lets the later of a plain commit and an open transaction win', () => {
    const open = batch(0, [offset(1)], PRODUCER)
    const plain = batch(1, [offset(7)])

    assert.equal(replayed(open, plain, marker('commit')).offset, 7)
    assert.equal(replayed(plain, open, marker('commit')).offset, 1)
  })

  it('leaves out what is not of groups or has no key', () => {
    const foreign = { timestamp: 5, key: Buffer.from('000a', 'hex'), value: null }
    const keyless = { timestamp: 5, key: null, value: Buffer.from('x') }
    const strange = buildBatch({ records: [foreign, keyless] })

    assert.deepEqual(replayed(strange), { offset: undefined, next: 2 })
  })

  it('stops at a record that does not hold what its key says', () => {
    const key = Buffer.from('000200066f7264657273', 'hex')
    const broken = buildBatch({
      records: [{ timestamp: 5, key, value: Buffer.from('0003ff', 'hex') }],
    })

    assert.throws(() => replayed(broken), { name: 'DecodeError' })
  })
})
