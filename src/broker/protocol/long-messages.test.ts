// Long requests and answers: the same bytes as in one go, with turns for everybody else in between.
// Counted in turns, never in time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../bytes/uuid.ts'
import { metadata } from './03-metadata.ts'
import { offsetFetch } from './09-offset-fetch.ts'
import { deleteTopics } from './20-delete-topics.ts'
import {
  decodeRequest,
  decodeRequestHeader,
  decodeRequestInTurns,
  encodeRequest,
  encodeResponse,
  encodeResponseInTurns,
} from './frames.ts'

const LONG = 20_000
/** What stands between two turns must be read or written in a few milliseconds. */
const MAX_BYTES_PER_TURN = 40_000

function counter() {
  let turns = 0
  const pause = async () => {
    turns += 1
  }
  return { pause, count: () => turns }
}

describe('a long request', () => {
  for (const version of [5, 6]) {
    it(`of v${version} is read in turns, and says the same as in one go`, async () => {
      const names = Array.from({ length: LONG }, (_, index) => `topic-${index}`)
      const topics = names.map((name) => ({ name, topicId: ZERO_UUID }))
      const header = { apiVersion: version, correlationId: 1, clientId: 'c' }
      const body = { topics, topicNames: names, timeoutMs: 7 }
      const frame = Buffer.concat(encodeRequest(deleteTopics, header, body)).subarray(4)
      const { pause, count } = counter()

      const read = await decodeRequestInTurns(
        deleteTopics,
        decodeRequestHeader(frame),
        frame,
        pause,
      )

      assert.deepEqual(read, decodeRequest(deleteTopics, decodeRequestHeader(frame), frame))
      assert.ok(count() >= Math.floor(frame.length / MAX_BYTES_PER_TURN), `${count()} turns`)
    })
  }

  it('is read in turns also where the long list stands inside of another', async () => {
    const topics = Array.from({ length: 300 }, (_, index) => ({
      name: `topic-${index}`,
      topicId: ZERO_UUID,
      partitionIndexes: Array.from({ length: 300 }, (_, partition) => partition),
    }))
    const header = { apiVersion: 8, correlationId: 1, clientId: 'c' }
    const body = { groups: [{ groupId: 'g', topics }], requireStable: false }
    const chunks = encodeRequest(offsetFetch, header, { groupId: '', topics: null, ...body })
    const frame = Buffer.concat(chunks).subarray(4)
    const { pause, count } = counter()

    const read = await decodeRequestInTurns(offsetFetch, decodeRequestHeader(frame), frame, pause)

    assert.deepEqual(read, decodeRequest(offsetFetch, decodeRequestHeader(frame), frame))
    assert.ok(count() >= Math.floor(frame.length / MAX_BYTES_PER_TURN), `${count()} turns`)
  })

  it('that is cut short fails with the same words as in one go', async () => {
    const topics = Array.from({ length: LONG }, () => ({ name: 'orders', topicId: ZERO_UUID }))
    const header = { apiVersion: 6, correlationId: 1, clientId: 'c' }
    const chunks = encodeRequest(deleteTopics, header, { topics, topicNames: [], timeoutMs: 7 })
    const whole = Buffer.concat(chunks).subarray(4)
    // The count stays possible: what is missing shows only at the last elements.
    const frame = whole.subarray(0, whole.length - 30)
    const read = () => decodeRequest(deleteTopics, decodeRequestHeader(frame), frame)

    const inTurns = decodeRequestInTurns(
      deleteTopics,
      decodeRequestHeader(frame),
      frame,
      async () => undefined,
    )

    const expected = messageOf(read)
    assert.match(expected, /DeleteTopicsRequest v6: topics\[19998\]/)
    await assert.rejects(Promise.resolve(inTurns), { message: expected })
  })
})

describe('a long answer', () => {
  it('is written in turns, in the same bytes as in one go', async () => {
    const body = metadataOf(LONG)
    const { pause, count } = counter()

    const chunks = await encodeResponseInTurns(metadata, 12, 7, body, pause)

    const bytes = Buffer.concat(chunks)
    assert.ok(bytes.equals(Buffer.concat(encodeResponse(metadata, 12, 7, body))))
    assert.ok(count() >= Math.floor(bytes.length / MAX_BYTES_PER_TURN), `${count()} turns`)
  })

  it('of an ordinary size is written at once', () => {
    const chunks = encodeResponseInTurns(metadata, 12, 7, metadataOf(100), async () => {
      assert.fail('nobody needs to wait')
    })

    assert.ok(!(chunks instanceof Promise))
  })
})

function metadataOf(topics: number) {
  return {
    brokers: [],
    clusterId: 'c',
    controllerId: 1,
    topics: Array.from({ length: topics }, (_, index) => ({
      errorCode: 0,
      name: `topic-${index}`,
      topicId: ZERO_UUID,
      isInternal: false,
      partitions: [
        {
          errorCode: 0,
          partitionIndex: 0,
          leaderId: 1,
          leaderEpoch: 0,
          replicaNodes: [1],
          isrNodes: [1],
          offlineReplicas: [],
        },
      ],
      topicAuthorizedOperations: 0,
    })),
    clusterAuthorizedOperations: 0,
    errorCode: 0,
  }
}

function messageOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  throw new Error('nothing was thrown')
}
