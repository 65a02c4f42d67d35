import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildBatch } from '../batch/builder.ts'
import { buildControlMarker } from '../batch/control-marker.ts'
import { readBatchHeader } from '../batch/header.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { type JudgeRequest, judgeProducer } from './judge-producer.ts'
import type { ProducerEntry } from './producer-state.ts'

const CLIENT: JudgeRequest = { origin: 'client' }
const COORDINATOR: JudgeRequest = { origin: 'coordinator' }
const isPart = () => ErrorCode.NONE

const entry: ProducerEntry = {
  producerId: 7,
  producerEpoch: 3,
  coordinatorEpoch: 2,
  lastTimestamp: 0,
  currentTxnFirstOffset: 10,
  recentBatches: [
    { baseSequence: 0, lastSequence: 4, baseOffset: 10, lastOffset: 14, timestamp: 0 },
  ],
}
const closed = { ...entry, currentTxnFirstOffset: -1 }

function judge(
  known: ProducerEntry | undefined,
  batch: { epoch?: number; sequence?: number },
  request: JudgeRequest = CLIENT,
) {
  const bytes = buildBatch({
    records: [{ timestamp: 0, key: null, value: null }],
    producerId: 7,
    producerEpoch: batch.epoch ?? 3,
    baseSequence: batch.sequence ?? 5,
    isTransactional: true,
  })
  return outcome(known, bytes, request)
}

function judgeMarker(
  known: ProducerEntry | undefined,
  marker: { epoch?: number; coordinatorEpoch?: number },
  request: JudgeRequest = COORDINATOR,
) {
  const bytes = buildControlMarker({
    kind: 'abort',
    producerId: 7,
    producerEpoch: marker.epoch ?? 3,
    coordinatorEpoch: marker.coordinatorEpoch ?? 2,
    timestamp: 0,
  })
  return outcome(known, bytes, request)
}

function outcome(known: ProducerEntry | undefined, bytes: Buffer, request: JudgeRequest) {
  const decision = judgeProducer(known, { header: readBatchHeader(bytes, 0), bytes }, request)
  return decision.kind === 'refused' ? decision.errorCode : decision.kind
}

describe('a transactional batch', () => {
  it('of the transaction that is open here needs nobody to speak for it', () => {
    assert.equal(judge(entry, {}), 'append')
  })

  it('that would begin one here is let in on the word of the coordinator only', () => {
    const refuses = () => ErrorCode.TRANSACTION_ABORTABLE

    assert.equal(judge(closed, {}), ErrorCode.INVALID_TXN_STATE)
    assert.equal(judge(closed, {}, { ...CLIENT, transactionCheck: isPart }), 'append')
    assert.equal(judge(closed, {}, { ...CLIENT, transactionCheck: refuses }), 120)
    assert.equal(judge(undefined, {}, { ...CLIENT, transactionCheck: isPart }), 'append')
  })

  it('that is resent is a duplicate, whatever has become of its transaction', () => {
    const resent = buildBatch({
      records: Array.from({ length: 5 }, () => ({ timestamp: 0, key: null, value: null })),
      producerId: 7,
      producerEpoch: 3,
      baseSequence: 0,
      isTransactional: true,
    })

    assert.equal(outcome(closed, resent, CLIENT), 'duplicate')
  })

  it('of version 2 begins at sequence 0', () => {
    const v2 = { ...CLIENT, transactionCheck: isPart, isTransactionsV2: true }

    assert.equal(judge(undefined, { sequence: 4 }, v2), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert.equal(judge(undefined, { sequence: 0 }, v2), 'append')
    assert.equal(judge(closed, { epoch: 4, sequence: 0 }, v2), 'append')
    assert.equal(judge(entry, { sequence: 5 }, v2), 'append')
  })

  it('of an older epoch is 47, also when a coordinator writes it', () => {
    const request = { transactionCheck: isPart }

    assert.equal(judge(entry, { epoch: 2 }, { ...CLIENT, ...request }), 47)
    assert.equal(judge(entry, { epoch: 2, sequence: -1 }, { ...COORDINATOR, ...request }), 47)
    assert.equal(judge(closed, { sequence: -1 }, { ...COORDINATOR, ...request }), 'append')
  })
})

describe('a marker', () => {
  it('ends the transaction of its epoch or an older one', () => {
    assert.equal(judgeMarker(entry, {}), 'append')
    assert.equal(judgeMarker(entry, { epoch: 4 }), 'append')
    assert.equal(judgeMarker(undefined, {}), 'append')
  })

  it('of an older epoch is 47, of an older coordinator 52', () => {
    assert.equal(judgeMarker(entry, { epoch: 2 }), ErrorCode.INVALID_PRODUCER_EPOCH)
    const fenced = ErrorCode.TRANSACTION_COORDINATOR_FENCED
    assert.equal(judgeMarker(entry, { coordinatorEpoch: 1 }), fenced)
  })

  it('of version 2 is one epoch ahead of what it ends', () => {
    const v2 = { ...COORDINATOR, isTransactionsV2: true }

    assert.equal(judgeMarker(entry, {}, v2), ErrorCode.INVALID_PRODUCER_EPOCH)
    assert.equal(judgeMarker(entry, { epoch: 4 }, v2), 'append')
    assert.equal(judgeMarker(closed, {}, v2), 'append')
  })
})
