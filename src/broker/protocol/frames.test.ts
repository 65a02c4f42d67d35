import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ApiKey } from '../wire/api-keys.ts'
import { ProtocolError } from '../wire/message.ts'
import { fetch } from './01-fetch.ts'
import { heartbeat } from './12-heartbeat.ts'
import { apiVersions } from './18-api-versions.ts'
import {
  correlationIdOf,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from './frames.ts'

const beat = { groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null }

/** A frame as the server sees it: its length checked and taken off. */
function unframe(chunks: readonly Buffer[]): Buffer {
  const frame = Buffer.concat(chunks)
  assert.equal(frame.readInt32BE(), frame.length - 4)
  return frame.subarray(4)
}

describe('a request frame', () => {
  it('carries key, version, correlation id and client id before the body', () => {
    const header = { apiVersion: 3, correlationId: 5, clientId: 'c' }
    const frame = unframe(encodeRequest(heartbeat, header, beat))

    assert.equal(frame.subarray(0, 11).toString('hex'), '000c' + '0003' + '00000005' + '000163')
    const decoded = decodeRequestHeader(frame)
    assert.deepEqual(decoded, { apiKey: 12, ...header, bodyAt: 11 })
    assert.deepEqual(decodeRequest(heartbeat, decoded, frame), beat)
  })

  it('has a tagged section after the client id once its API is flexible', () => {
    const header = { apiVersion: 4, correlationId: 5, clientId: null }
    const frame = unframe(encodeRequest(heartbeat, header, beat))

    assert.equal(frame.subarray(8, 11).toString('hex'), 'ffff' + '00')
    const decoded = decodeRequestHeader(frame)
    assert.equal(decoded.bodyAt, 11)
    assert.equal(decoded.clientId, null)
    assert.deepEqual(decodeRequest(heartbeat, decoded, frame), beat)
  })

  it('may carry tagged fields in its header that nobody knows', () => {
    const frame = Buffer.from(`000c0004000000050001630205021122070133${'0267'}`, 'hex')

    const header = decodeRequestHeader(frame)

    assert.equal(header.bodyAt, 19)
  })

  it('has a readable header even when API or version is unknown', () => {
    const unknownVersion = Buffer.from('0012' + '0063' + '00000009' + '000163' + 'ff', 'hex')
    const unknownApi = Buffer.from('03e7' + '0000' + '00000009' + 'ffff', 'hex')

    const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(unknownVersion)
    assert.deepEqual(
      { apiKey, apiVersion, correlationId, clientId },
      {
        apiKey: ApiKey.API_VERSIONS,
        apiVersion: 99,
        correlationId: 9,
        clientId: 'c',
      },
    )
    assert.equal(decodeRequestHeader(unknownApi).apiKey, 999)
  })

  const broken: readonly [what: string, frame: string, error: RegExp][] = [
    ['is empty', '', /RequestHeader v-1: needs 2 bytes, 0 are left/],
    ['ends within its header', '000c000400', /RequestHeader v4: needs 4 bytes, 1 are left/],
    ['has a client id beyond its end', '000c0004000000057fff63', /needs 32767 bytes/],
    ['has a client id of negative length', '000c000400000005fffe', /negative length -2/],
    ['has a client id that is no UTF-8', '000c000400000005000180', /invalid UTF-8/],
    ['has more header tags than bytes', '000c000400000005ffffff0f', /2047 elements announced/],
    ['has a header tag beyond its end', '000c000400000005ffff0105ff7f', /needs 16383 bytes/],
  ]
  for (const [what, frame, error] of broken) {
    it(`that ${what} is a protocol error`, () => {
      assert.throws(
        () => decodeRequestHeader(Buffer.from(frame, 'hex')),
        (thrown) => {
          assert.ok(thrown instanceof ProtocolError)
          assert.match(thrown.message, error)
          return true
        },
      )
    })
  }

  it('whose body is broken is an error that names request, version and field', () => {
    const frame = unframe(
      encodeRequest(heartbeat, { apiVersion: 4, correlationId: 1, clientId: null }, beat),
    ).subarray(0, -4)

    assert.throws(
      () => decodeRequest(heartbeat, decodeRequestHeader(frame), frame),
      /HeartbeatRequest v4: memberId: /,
    )
  })
})

describe('a response frame', () => {
  it('has a tagged section in its header once its API is flexible', () => {
    const rigid = unframe(encodeResponse(heartbeat, 3, 77, { errorCode: 27 }))
    const flexible = unframe(encodeResponse(heartbeat, 4, 77, { errorCode: 27 }))

    assert.equal(rigid.toString('hex'), '0000004d' + '00000000' + '001b')
    assert.equal(flexible.toString('hex'), '0000004d' + '00' + '00000000' + '001b' + '00')
    assert.equal(correlationIdOf(flexible), 77)
    assert.deepEqual(decodeResponse(heartbeat, 4, flexible), {
      correlationId: 77,
      body: { throttleTimeMs: 0, errorCode: 27 },
    })
  })

  it('of ApiVersions keeps the header without tags at every version', () => {
    const frame = unframe(encodeResponse(apiVersions, 4, 1, { errorCode: 0, apiKeys: [] }))

    assert.equal(frame.toString('hex'), '00000001' + '0000' + '01' + '00000000' + '00')
    assert.equal(decodeResponse(apiVersions, 4, frame).body.finalizedFeaturesEpoch, -1)
  })

  it('references record batches instead of copying them, and counts them in its length', () => {
    const batch = Buffer.alloc(4096, 1)
    const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 1, records: batch }
    const chunks = encodeResponse(fetch, 12, 1, {
      errorCode: 0,
      responses: [
        { topic: 't', topicId: '', partitions: [{ ...partition, abortedTransactions: null }] },
      ],
    })

    assert.ok(chunks.includes(batch))
    const { body } = decodeResponse(fetch, 12, unframe(chunks))
    assert.deepEqual(body.responses[0]?.partitions[0]?.records, batch)
  })

  it('that is cut is a protocol error', () => {
    assert.throws(() => decodeResponse(heartbeat, 4, Buffer.alloc(3)), /ResponseHeader v4: needs 4/)
    assert.throws(
      () => decodeResponse(heartbeat, 4, Buffer.alloc(7)),
      /HeartbeatResponse v4: throt/,
    )
  })
})
