import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeClock, nodeTimers } from '../../host/node-host.ts'
import { heartbeat } from '../protocol/12-heartbeat.ts'
import { apiVersions } from '../protocol/18-api-versions.ts'
import type { Api } from '../protocol/api.ts'
import { decodeResponse, encodeRequest } from '../protocol/frames.ts'
import { ApiKey } from '../wire/api-keys.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { Fields, InferInput } from '../wire/field.ts'
import { createDispatch, RequestRefused } from './dispatch.ts'
import {
  type ClientConnection,
  defineHandler,
  disconnect,
  type Handler,
  NO_ANSWER,
} from './handler.ts'
import { handler as apiVersionsHandler } from './handlers/18-api-versions.ts'
import { BrokerMetrics } from './metrics/broker-metrics.ts'
import { OPEN } from './security/access-rule.ts'
import { ANONYMOUS } from './security/principal.ts'
import type { BrokerServices } from './services.ts'

const CONNECTION: ClientConnection = {
  id: 1,
  remoteAddress: '10.0.0.1:5000',
  principal: ANONYMOUS,
  advertised: { host: 'broker', port: 9092 },
  isClosed: false,
  onClose: () => () => undefined,
}

function dispatching(...handlers: Handler[]) {
  const entries: Record<string, unknown>[] = []
  const note = (event: string, fields?: object) => void entries.push({ event, ...fields })
  const services = {
    log: { info: note, warn: note, error: note },
    host: { clock: nodeClock, timers: nodeTimers },
    quotas: { isActive: false },
    metrics: new BrokerMetrics({ millraceMetricsMaxTopics: 10 }),
    servedApis: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
  } as unknown as BrokerServices
  const byKey = new Map<number, Handler>(handlers.map((handler) => [handler.api.key, handler]))
  const dispatch = createDispatch((key) => byKey.get(key), services)
  return { entries, answer: async (frame: Buffer) => (await dispatch(frame, CONNECTION)).chunks }
}

/** A request without the length in front, as a connection hands it over. */
function requestFrame<Req extends Fields>(
  api: Api<Req, Fields>,
  apiVersion: number,
  body: InferInput<Req>,
): Buffer {
  const header = { apiVersion, correlationId: 77, clientId: 'tester' }
  return Buffer.concat(encodeRequest(api, header, body)).subarray(4)
}

function answerOf<Res extends Fields>(
  api: Api<Fields, Res>,
  version: number,
  chunks: readonly Buffer[] | undefined,
) {
  assert.ok(chunks !== undefined)
  return decodeResponse(api, version, Buffer.concat(chunks).subarray(4))
}

const SOFTWARE = { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.15.0' }
const BEAT = { groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null }

describe('dispatch', () => {
  it('calls the handler of the API, and answers with the correlation id of the request', async () => {
    const { answer } = dispatching(
      defineHandler(heartbeat, OPEN, (request) => ({ errorCode: request.generationId })),
    )

    const chunks = await answer(requestFrame(heartbeat, 4, BEAT))

    const { correlationId, body } = answerOf(heartbeat, 4, chunks)
    assert.equal(correlationId, 77)
    assert.equal(body.errorCode, 3)
  })

  it('an unknown API key or version is refused with the client, the API and the version', async () => {
    const { answer } = dispatching(defineHandler(heartbeat, OPEN, () => ({ errorCode: 0 })))
    const unknownKey = requestFrame(heartbeat, 4, BEAT)
    unknownKey.writeInt16BE(999, 0)
    const unknownVersion = requestFrame(heartbeat, 4, BEAT)
    unknownVersion.writeInt16BE(5, 2)

    await assert.rejects(answer(unknownKey), (error) => {
      assert.ok(error instanceof RequestRefused)
      const { clientId, api, apiVersion } = error
      assert.deepEqual(
        { clientId, api, apiVersion },
        { clientId: 'tester', api: '999', apiVersion: 4 },
      )
      return true
    })
    await assert.rejects(answer(unknownVersion), (error) => {
      assert.ok(error instanceof RequestRefused)
      assert.match(error.message, /0-4 are served/)
      return true
    })
  })

  it('a body that is not what its version says is refused, with the field in the reason', async () => {
    const { answer } = dispatching(defineHandler(heartbeat, OPEN, () => ({ errorCode: 0 })))
    const frame = requestFrame(heartbeat, 4, BEAT)

    for (let length = 15; length < frame.length; length++) {
      await assert.rejects(answer(frame.subarray(0, length)), (error) => {
        assert.ok(error instanceof RequestRefused)
        assert.match(error.message, /HeartbeatRequest v4|RequestHeader/)
        return true
      })
    }
  })

  it('a request without a whole header is refused', async () => {
    const { answer } = dispatching()

    await assert.rejects(answer(Buffer.alloc(8, 0xff)), RequestRefused)
    await assert.rejects(answer(Buffer.from([0, 18, 0, 3, 0, 0, 0, 1, 0, 9, 65])), RequestRefused)
  })

  it('a bug is logged and answered where the API has a place for it, else the connection closes', async () => {
    const fail = () => {
      throw new TypeError('x is undefined')
    }
    const closing = dispatching(defineHandler(heartbeat, OPEN, fail))
    const answering = dispatching(
      defineHandler(heartbeat, OPEN, fail, { afterBug: (errorCode) => ({ errorCode }) }),
    )

    await assert.rejects(closing.answer(requestFrame(heartbeat, 4, BEAT)), RequestRefused)
    const chunks = await answering.answer(requestFrame(heartbeat, 4, BEAT))

    const { body } = answerOf(heartbeat, 4, chunks)
    assert.equal(body.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR)
    for (const { entries } of [closing, answering]) {
      assert.equal(entries[0]!['event'], 'bug')
      assert.match(String(entries[0]!['error']), /x is undefined/)
    }
  })

  it('a handler may give no answer, or ask for the connection to close', async () => {
    const silent = dispatching(defineHandler(heartbeat, OPEN, () => NO_ANSWER))
    const closing = dispatching(defineHandler(heartbeat, OPEN, () => disconnect('acks=0 failed')))

    assert.equal(await silent.answer(requestFrame(heartbeat, 4, BEAT)), undefined)
    await assert.rejects(closing.answer(requestFrame(heartbeat, 4, BEAT)), /acks=0 failed/)
  })
})

describe('ApiVersions', () => {
  it('is answered at every version', async () => {
    const { answer } = dispatching(apiVersionsHandler)

    for (let version = 0; version <= 4; version++) {
      const chunks = await answer(requestFrame(apiVersions, version, SOFTWARE))

      const { body } = answerOf(apiVersions, version, chunks)
      assert.equal(body.errorCode, ErrorCode.NONE)
      const served = { apiKey: ApiKey.API_VERSIONS, minVersion: 0, maxVersion: 4 }
      assert.deepEqual(body.apiKeys, [served])
    }
  })

  it('has a response header without tags also in flexible versions', async () => {
    const { answer } = dispatching(apiVersionsHandler)

    const chunks = await answer(requestFrame(apiVersions, 3, SOFTWARE))

    // length, correlation id, error code, then the compact length of one API
    const bytes = Buffer.concat(chunks!)
    assert.equal(bytes.readInt32BE(4), 77)
    assert.equal(bytes.readInt16BE(8), ErrorCode.NONE)
    assert.equal(bytes[10], 2)
  })

  it('in an unknown version is answered with the body of v0, error 35 and its own range', async () => {
    const { answer } = dispatching(apiVersionsHandler)
    const frame = requestFrame(apiVersions, 4, SOFTWARE)
    frame.writeInt16BE(127, 2)

    const { body } = answerOf(apiVersions, 0, await answer(frame))

    assert.equal(body.errorCode, ErrorCode.UNSUPPORTED_VERSION)
    assert.deepEqual(body.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
  })

  it('refuses a software name or version of another form with 42, from v3 on', async () => {
    const { answer } = dispatching(apiVersionsHandler)
    const odd = ['', '-x', 'x-', 'a b', 'é', '.', `${'a'.repeat(30_000)}!`]

    for (const name of odd) {
      for (const software of [
        { ...SOFTWARE, clientSoftwareName: name },
        { ...SOFTWARE, clientSoftwareVersion: name },
      ]) {
        const { body } = answerOf(
          apiVersions,
          3,
          await answer(requestFrame(apiVersions, 3, software)),
        )
        assert.equal(body.errorCode, ErrorCode.INVALID_REQUEST, name.slice(0, 20))
      }
    }
  })
})
