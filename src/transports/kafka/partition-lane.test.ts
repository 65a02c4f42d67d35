import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SendError } from '../../sdk/transport/errors.ts'
import { Code } from './errors.ts'
import { type Batch, PartitionLane } from './partition-lane.ts'

const IDENTITY = { producerId: 7n, producerEpoch: 0 }

function laneOf(count: number, renumbers = true) {
  const lane = new PartitionLane({ topic: 'orders', partition: 0, renumbers })
  lane.identity = IDENTITY
  const batches = Array.from({ length: count }, (_, index) => {
    const batch = lane.add([record, record], Buffer.alloc(0), 100 + index)
    batch.settle.promise.catch(() => undefined)
    return batch
  })
  return { lane, batches }
}

const record = { key: null, value: null, headers: [] }
const lost = { kind: 'lost', cause: new Error('the connection broke') } as const
const refused = (errorCode: number) => ({ kind: 'refused', errorCode, detail: null }) as const
const written = (baseOffset: number) => ({ kind: 'written', baseOffset }) as const

function takeAll(lane: PartitionLane): Batch[] {
  const taken: Batch[] = []
  for (let batch = lane.take(); batch !== undefined; batch = lane.take()) taken.push(batch)
  return taken
}

async function failureOf(batch: Batch): Promise<SendError> {
  const error = await batch.settle.promise.then(
    () => assert.fail('it was sent'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof SendError)
  return error
}

describe('what a producer sends to a partition', () => {
  it('goes in order, at most five batches at a time, each with the next sequence', () => {
    const { lane, batches } = laneOf(6)

    assert.deepEqual(takeAll(lane), batches.slice(0, 5))
    assert.deepEqual(
      batches.map(({ sequence }) => sequence),
      [0, 2, 4, 6, 8, undefined],
    )
    lane.settle(batches[0]!, written(0))
    assert.deepEqual(takeAll(lane), [batches[5]])
  })

  it('waits after a failure for every answer, and then goes again with the same sequences', async () => {
    const { lane, batches } = laneOf(3)
    takeAll(lane)

    lane.settle(batches[0]!, lost)
    assert.equal(lane.take(), undefined)
    lane.settle(batches[1]!, refused(Code.OUT_OF_ORDER_SEQUENCE_NUMBER))
    assert.equal(lane.take(), undefined)
    lane.settle(batches[2]!, lost)

    assert.deepEqual(takeAll(lane), batches)
    assert.deepEqual(
      batches.map(({ sequence }) => sequence),
      [0, 2, 4],
    )
    for (const [index, batch] of batches.entries()) lane.settle(batch, written(index * 2))
    const offsets = await Promise.all(batches.map(({ settle }) => settle.promise))
    assert.deepEqual(offsets, [{ baseOffset: 0 }, { baseOffset: 2 }, { baseOffset: 4 }])
  })

  it('goes on under a higher epoch, from sequence 0, after a batch that was refused for good', async () => {
    const { lane, batches } = laneOf(2)
    takeAll(lane)

    lane.settle(batches[0]!, refused(10))
    lane.settle(batches[1]!, refused(Code.OUT_OF_ORDER_SEQUENCE_NUMBER))

    const failure = await failureOf(batches[0]!)
    assert.equal(failure.outcome, 'not-written')
    assert.equal(failure.retriable, false)
    assert.deepEqual(takeAll(lane), [batches[1]])
    assert.equal(batches[1]!.sequence, 0)
    assert.deepEqual(lane.identity, { producerId: 7n, producerEpoch: 1 })
  })

  it('that may have been written when its time is over keeps its sequence from the next', async () => {
    const { lane, batches } = laneOf(2)
    takeAll(lane)
    for (const batch of batches) lane.settle(batch, lost)

    lane.expire(100)

    assert.equal((await failureOf(batches[0]!)).outcome, 'unknown')
    assert.deepEqual(takeAll(lane), [batches[1]])
    assert.equal(batches[1]!.sequence, 2)
  })

  it('is numbered anew once the broker has said that the one in doubt does not stand there', () => {
    const { lane, batches } = laneOf(2)
    takeAll(lane)
    for (const batch of batches) lane.settle(batch, lost)
    lane.expire(100)
    takeAll(lane)

    lane.settle(batches[1]!, refused(Code.OUT_OF_ORDER_SEQUENCE_NUMBER))

    assert.deepEqual(takeAll(lane), [batches[1]])
    assert.equal(batches[1]!.sequence, 0)
    assert.equal(lane.identity!.producerEpoch, 1)
  })

  it('that never left is not written when its time is over, and can be sent again', async () => {
    const { lane, batches } = laneOf(1)
    lane.settle(lane.take()!, { kind: 'unsent', cause: new Error('no leader') })

    lane.expire(100)

    const failure = await failureOf(batches[0]!)
    assert.equal(failure.outcome, 'not-written')
    assert.equal(failure.retriable, true)
    assert.ok(lane.isEmpty)
  })

  it('takes another producer id when the epochs of one are used up', () => {
    const { lane, batches } = laneOf(2)
    lane.identity = { producerId: 7n, producerEpoch: 32_767 }
    takeAll(lane)

    for (const batch of batches) lane.settle(batch, refused(Code.UNKNOWN_PRODUCER_ID))

    assert.deepEqual(takeAll(lane), batches)
    assert.equal(lane.identity, undefined)
  })

  it('of a transaction is not repaired: what the producer has lost fails', async () => {
    const { lane, batches } = laneOf(1, false)
    takeAll(lane)

    lane.settle(batches[0]!, refused(Code.INVALID_PRODUCER_EPOCH))

    assert.equal((await failureOf(batches[0]!)).outcome, 'not-written')
    assert.deepEqual(lane.identity, IDENTITY)
  })
})
