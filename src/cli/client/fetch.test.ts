import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { on, scriptedBroker } from '../../../test/cli/scripted-broker.ts'
import { buildBatch } from '../../broker/batch/builder.ts'
import { buildControlMarker } from '../../broker/batch/control-marker.ts'
import { writeBaseOffset, writeBatchCrc } from '../../broker/batch/header.ts'
import { fetch } from '../../broker/protocol/01-fetch.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { type FetchOptions, fetchRecords } from './fetch.ts'

interface Answer {
  readonly errorCode?: number
  readonly records?: Buffer
  readonly abortedTransactions?: readonly { producerId: number; firstOffset: number }[]
}

/** Answers each fetch with the next of the answers; the last one goes on for ever. */
function fetchScript(answers: readonly Answer[]) {
  const offsets: number[] = []
  const handling = on(fetch, ({ topics }) => {
    const { topic, partitions } = topics[0]!
    const { partition, fetchOffset } = partitions[0]!
    const answer = answers[Math.min(offsets.length, answers.length - 1)]!
    offsets.push(fetchOffset)
    return {
      errorCode: 0,
      responses: [
        {
          topic,
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          partitions: [
            {
              partitionIndex: partition,
              errorCode: answer.errorCode ?? 0,
              highWatermark: 100,
              abortedTransactions: answer.abortedTransactions ?? null,
              records: answer.records ?? Buffer.alloc(0),
            },
          ],
        },
      ],
      nodeEndpoints: [],
    }
  })
  return { offsets, handling }
}

function batch(baseOffset: number, values: readonly string[], transaction?: number): Buffer {
  const bytes = buildBatch({
    records: values.map((value) => ({ timestamp: 1, key: null, value: Buffer.from(value) })),
    ...(transaction !== undefined && {
      producerId: transaction,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: true,
    }),
  })
  writeBaseOffset(bytes, 0, baseOffset)
  return bytes
}

function marker(offset: number, kind: 'commit' | 'abort', producerId: number): Buffer {
  const fields = { coordinatorEpoch: 0, producerEpoch: 0, timestamp: 1 }
  const bytes = buildControlMarker({ kind, producerId, ...fields })
  writeBaseOffset(bytes, 0, offset)
  return bytes
}

async function read(
  answers: readonly Answer[],
  range: { fromOffset: number; endOffset: number },
  options: FetchOptions = {},
): Promise<{ records: string[]; fetchedFrom: number[] }> {
  const { offsets, handling } = fetchScript(answers)
  await using broker = await scriptedBroker(handling)
  const cluster = await broker.connect()
  const records: string[] = []
  for await (const fetched of fetchRecords(
    cluster,
    [{ topic: 't', partition: 0, ...range }],
    options,
  )) {
    records.push(...fetched.records.map(({ offset, value }) => `${offset}:${value}`))
  }
  return { records, fetchedFrom: offsets }
}

describe('fetching', () => {
  it('leaves out what lies before the first and behind the last offset that was asked for', async () => {
    const records = Buffer.concat([batch(0, ['a', 'b', 'c']), batch(3, ['d', 'e', 'f'])])

    const result = await read([{ records }], { fromOffset: 1, endOffset: 5 })

    assert.deepEqual(result.records, ['1:b', '2:c', '3:d', '4:e'])
  })

  it('takes the rest of a batch that was cut short from the next answer', async () => {
    const [first, second] = [batch(0, ['a']), batch(1, ['b'])]
    const cut = Buffer.concat([first, second.subarray(0, 65)])

    const result = await read([{ records: cut }, { records: second }], {
      fromOffset: 0,
      endOffset: 2,
    })

    assert.deepEqual(result, { records: ['0:a', '1:b'], fetchedFrom: [0, 1] })
  })

  it('passes offsets that compaction has emptied', async () => {
    const compacted = batch(0, ['a', 'b', 'c'])
    compacted.writeInt32BE(9, 23) // the last offset of a batch stays when its records go
    writeBatchCrc(compacted, 0)

    const result = await read([{ records: compacted }, { records: batch(10, ['k']) }], {
      fromOffset: 0,
      endOffset: 11,
    })

    assert.deepEqual(result.fetchedFrom, [0, 10])
    assert.equal(result.records.at(-1), '10:k')
  })

  it('shows committed transactions only, and no markers', async () => {
    const records = Buffer.concat([
      batch(0, ['aborted'], 1),
      batch(1, ['committed'], 2),
      batch(2, ['plain']),
      marker(3, 'abort', 1),
      marker(4, 'commit', 2),
      batch(5, ['later'], 1),
    ])
    const answers = [{ records, abortedTransactions: [{ producerId: 1, firstOffset: 0 }] }]
    const range = { fromOffset: 0, endOffset: 6 }

    const committed = await read(answers, range, { isolation: 'read_committed' })
    const all = await read(answers, range)

    assert.deepEqual(committed.records, ['1:committed', '2:plain', '5:later'])
    assert.deepEqual(all.records, ['0:aborted', '1:committed', '2:plain', '5:later'])
  })

  it('refuses a damaged batch and names the place', async () => {
    const damaged = batch(7, ['value'])
    damaged[damaged.length - 2]! ^= 1

    await assert.rejects(read([{ records: damaged }], { fromOffset: 7, endOffset: 8 }), {
      code: 'malformed',
      message: 'Topic t partition 0 from offset 7: the batch is damaged (CRC)',
    })
  })

  it('asks again after an error that may pass, and ends with one that will not', async () => {
    const passing = [{ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }, { records: batch(0, ['a']) }]
    const range = { fromOffset: 0, endOffset: 1 }

    assert.deepEqual((await read(passing, range)).fetchedFrom, [0, 0])
    await assert.rejects(read([{ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }], range), {
      code: 'refused',
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
    })
  })

  it('asks for nothing when there is nothing to read', async () => {
    const result = await read([], { fromOffset: 5, endOffset: 5 })

    assert.deepEqual(result, { records: [], fetchedFrom: [] })
  })
})
