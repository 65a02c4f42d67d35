// What the contract of event stores does not ask, because it is this engine's own.

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { StreamAppend } from '../../sdk/transport/event-store.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { embedded } from './embedded.ts'

async function openStore(t: TestContext) {
  const engine = embedded({ memory: { maxBytes: 64 * 1024 * 1024 }, listen: false })
  const transport = await engine.open({ service: 'shop', onWarning: (why) => assert.fail(why) })
  t.after(() => transport.close())
  return { transport, store: transport.eventStore('orders') }
}

function appendTo(stream: string): StreamAppend {
  const value = Buffer.from('{}')
  return { stream, expectedVersion: 'any', records: [{ value, headers: [] }] }
}

describe('the event store of an embedded broker', () => {
  it('is followed until its transport is closed', async (t) => {
    const { store, transport } = await openStore(t)
    await store.append([appendTo('o-1')])
    const told: string[] = []

    for await (const one of store.subscribe()) {
      told.push(one.kind === 'event' ? one.record.stream : one.kind)
      if (one.kind === 'caught-up') await store.append([appendTo('o-2')])
      if (told.includes('o-2')) void transport.close()
    }

    assert.deepEqual(told, ['o-1', 'caught-up', 'o-2'])
  })

  it('says of an event over the size limit that it is too large, for good', async (t) => {
    const { store } = await openStore(t)
    const value = Buffer.alloc(2 * 1024 * 1024)
    const records = [{ value, headers: [] }]

    const refused = store.append([{ stream: 'o-1', expectedVersion: 'any', records }])

    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof BrokerRefusedError)
      assert.deepEqual([error.reason, error.retriable], ['MESSAGE_TOO_LARGE', false])
      return true
    })
    assert.equal((await store.head('o-1')).version, -1)
  })
})
