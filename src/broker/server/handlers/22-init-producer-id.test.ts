import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  batchOf,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
} from '../../../../test/support/test-broker.ts'
import { initProducerId } from '../../protocol/22-init-producer-id.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

const IDEMPOTENT = { transactionalId: null, transactionTimeoutMs: 0 }

describe('InitProducerId', () => {
  it('gives every producer an id of its own, at every version', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const ids = new Set<number>()

    for (let version = 0; version <= 5; version++) {
      const answer = await client.send(initProducerId, version, IDEMPOTENT)
      assert.equal(answer.errorCode, ErrorCode.NONE)
      assert.equal(answer.producerEpoch, 0)
      ids.add(answer.producerId)
    }

    assert.equal(ids.size, 6)
  })

  it('gives a new id to a producer that names the one it had', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const first = await client.send(initProducerId, 4, IDEMPOTENT)

    const { producerId, producerEpoch } = first
    const second = await client.send(initProducerId, 4, {
      ...IDEMPOTENT,
      producerId,
      producerEpoch,
    })

    assert.equal(second.errorCode, ErrorCode.NONE)
    assert.notEqual(second.producerId, producerId)
    assert.equal(second.producerEpoch, 0)
  })

  it('an id without an epoch, or an epoch without an id, is 42', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()

    for (const half of [{ producerId: 5 }, { producerEpoch: 5 }]) {
      const answer = await client.send(initProducerId, 3, { ...IDEMPOTENT, ...half })
      assert.equal(answer.errorCode, ErrorCode.INVALID_REQUEST)
    }
  })

  it('asks to try again, with 15, while ids cannot be stored', async (t) => {
    const { connect } = await startTestBroker(t, { memory: { maxBytes: 70_000 } })
    const client = await connect()
    await makeTopic(client, 'orders')
    for (const bytes of [1000, 1]) {
      const fill = () => produceTo(client, 'orders', batchOf(['x'.repeat(bytes)]))
      await until(async () => (await fill()).errorCode === ErrorCode.KAFKA_STORAGE_ERROR)
    }

    const answer = await client.send(initProducerId, 4, IDEMPOTENT)

    assert.equal(answer.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
  })
})
