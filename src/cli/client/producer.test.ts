import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { on, scriptedBroker } from '../../../test/cli/scripted-broker.ts'
import { readBatchHeader } from '../../broker/batch/header.ts'
import { readRecords } from '../../broker/batch/records.ts'
import { produce } from '../../broker/protocol/00-produce.ts'
import { initProducerId } from '../../broker/protocol/22-init-producer-id.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { ClientError } from './client-error.ts'
import { type OutgoingRecord, Producer } from './producer.ts'

interface SeenBatch {
  readonly values: readonly string[]
  readonly producerId: number
  readonly baseSequence: number
}

type Verdict = { errorCode: number; baseOffset: number } | 'lost'

/** Answers each batch with the next verdict; the last one goes on for ever. */
function produceScript(verdicts: readonly Verdict[]) {
  const seen: SeenBatch[] = []
  const handling = on(produce, ({ topicData }) => {
    const { name, partitionData } = topicData[0]!
    const { index, records } = partitionData[0]!
    const { producerId, baseSequence } = readBatchHeader(records!, 0)
    const values = [...readRecords(records!)].map(({ value }) => String(value))
    const verdict = verdicts[Math.min(seen.length, verdicts.length - 1)]!
    seen.push({ values, producerId, baseSequence })
    if (verdict === 'lost') return undefined
    return {
      responses: [
        {
          name,
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          partitionResponses: [{ index, ...verdict, recordErrors: [] }],
        },
      ],
      nodeEndpoints: [],
    }
  })
  return { seen, handling }
}

const giveProducerId = on(initProducerId, () => ({ errorCode: 0, producerId: 7, producerEpoch: 0 }))

function record(value: string): OutgoingRecord {
  return { topic: 'orders', key: null, value: Buffer.from(value) }
}

function accepted(baseOffset: number): Verdict {
  return { errorCode: 0, baseOffset }
}

function refused(errorCode: number): Verdict {
  return { errorCode, baseOffset: -1 }
}

describe('a producer', () => {
  it('sends what comes in one turn as one batch, in order, and says where each has landed', async () => {
    const { seen, handling } = produceScript([accepted(40)])
    await using broker = await scriptedBroker(handling)
    const producer = await Producer.open(await broker.connect())

    const written = await Promise.all(['a', 'b', 'c'].map((value) => producer.send(record(value))))

    assert.deepEqual(
      seen.map(({ values }) => values),
      [['a', 'b', 'c']],
    )
    assert.deepEqual(
      written.map(({ offset }) => offset),
      [40, 41, 42],
    )
  })

  it('tries again where that may help, before anything that came later', async () => {
    const { seen, handling } = produceScript([
      refused(ErrorCode.NOT_LEADER_OR_FOLLOWER),
      'lost',
      accepted(0),
      accepted(1),
    ])
    await using broker = await scriptedBroker(handling)
    const producer = await Producer.open(await broker.connect())

    const first = producer.send(record('first'))
    await until(() => seen.length > 0)
    const second = producer.send(record('second'))

    assert.equal((await first).offset, 0)
    assert.equal((await second).offset, 1)
    assert.deepEqual(
      seen.map(({ values }) => values[0]),
      ['first', 'first', 'first', 'second'],
    )
  })

  it('rejects a refused batch, and goes on with the next', async () => {
    const { handling } = produceScript([refused(ErrorCode.MESSAGE_TOO_LARGE), accepted(0)])
    await using broker = await scriptedBroker(handling)
    const producer = await Producer.open(await broker.connect())

    await assert.rejects(producer.send(record('large')), isRefusal(ErrorCode.MESSAGE_TOO_LARGE))
    assert.equal((await producer.send(record('small'))).offset, 0)
  })

  it('has room again once what is waiting has been answered', async () => {
    const { handling } = produceScript([accepted(0)])
    await using broker = await scriptedBroker(handling)
    const producer = await Producer.open(await broker.connect(), { maxBufferedBytes: 10 })

    const sent = producer.send(record('more than there is room for'))
    await producer.room()

    assert.equal((await sent).offset, 0)
  })
})

describe('an idempotent producer', () => {
  it('sends a batch whose answer was lost with the same sequence, and counts on from it', async () => {
    const { seen, handling } = produceScript(['lost', accepted(0), accepted(2)])
    await using broker = await scriptedBroker(handling, giveProducerId)
    const producer = await Producer.open(await broker.connect(), { isIdempotent: true })

    await Promise.all([producer.send(record('a')), producer.send(record('b'))])
    await producer.send(record('c'))

    assert.deepEqual(seen, [
      { values: ['a', 'b'], producerId: 7, baseSequence: 0 },
      { values: ['a', 'b'], producerId: 7, baseSequence: 0 },
      { values: ['c'], producerId: 7, baseSequence: 2 },
    ])
  })

  it('gives the sequence of a refused batch to the next', async () => {
    const { seen, handling } = produceScript([refused(ErrorCode.MESSAGE_TOO_LARGE), accepted(0)])
    await using broker = await scriptedBroker(handling, giveProducerId)
    const producer = await Producer.open(await broker.connect(), { isIdempotent: true })

    await assert.rejects(producer.send(record('large')))
    await producer.send(record('small'))

    assert.deepEqual(
      seen.map(({ baseSequence }) => baseSequence),
      [0, 0],
    )
  })

  it('fails for good when it can not find out what became of a batch', async () => {
    const { handling } = produceScript(['lost'])
    await using broker = await scriptedBroker(handling, giveProducerId)
    const options = { isIdempotent: true, deliveryTimeoutMs: 100 }
    const producer = await Producer.open(await broker.connect(), options)

    await assert.rejects(producer.send(record('a')), { code: 'connection-lost' })
    await assert.rejects(producer.send(record('b')), { code: 'producer-failed' })
  })
})

function isRefusal(errorCode: number): (error: unknown) => boolean {
  return (error) => error instanceof ClientError && error.errorCode === errorCode
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
