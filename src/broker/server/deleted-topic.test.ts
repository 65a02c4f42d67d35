// A topic that goes away under those who use it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
  valuesIn,
} from '../../../test/support/test-broker.ts'
import { deleteTopics } from '../protocol/20-delete-topics.ts'
import { ErrorCode } from '../wire/error-codes.ts'

describe('a topic that is deleted while it is produced to and fetched from', () => {
  it('ends for all of them, and one of the same name begins at offset 0', async (t) => {
    const { broker, connect, entries } = await startTestBroker(t)
    const [admin, writer, reader] = [await connect(), await connect(), await connect()]
    await makeTopic(admin, 'orders')
    const codes = new Set<number>()
    let isOver = false
    const writing = (async () => {
      while (!isOver) {
        const pending = [1, 2, 3].map(() => produceTo(writer, 'orders', batchOf(['old'])))
        for (const { errorCode } of await Promise.all(pending)) codes.add(errorCode)
      }
    })()
    const reading = (async () => {
      let offset = 0
      for (;;) {
        const request = { offset, maxWaitMs: 60_000 }
        const { errorCode, records } = await fetchFrom(reader, 'orders', request)
        if (errorCode !== ErrorCode.NONE) return errorCode
        offset += valuesIn(records).length
      }
    })()
    await until(() => (broker.inspect.partitions('orders')?.[0]?.highWatermark ?? 0) > 20)

    const deletion = { topics: [], topicNames: ['orders'], timeoutMs: 1000 }
    const { responses } = await admin.send(deleteTopics, 5, deletion)
    assert.equal(responses[0]!.errorCode, ErrorCode.NONE)
    assert.equal(await reading, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    await until(() => codes.has(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
    isOver = true
    await writing
    await makeTopic(admin, 'orders')
    const fresh = await produceTo(writer, 'orders', batchOf(['new']))

    assert.equal(fresh.baseOffset, 0)
    assert.deepEqual(valuesIn((await fetchFrom(reader, 'orders')).records), ['new'])
    // A batch that was on its way to a log that closed may hear of that instead.
    for (const code of codes) {
      assert.ok([ErrorCode.NONE, 3, ErrorCode.KAFKA_STORAGE_ERROR].includes(code), `${code}`)
    }
    assert.deepEqual(
      entries.filter(({ event }) => event === 'bug' || event === 'fatal'),
      [],
    )
  })
})
