import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import { DefinitionError } from '../events/errors.ts'
import { event } from '../events/event.ts'
import { topic } from '../events/topic.ts'
import { memory } from '../testing/memory/memory.ts'
import { WrongExpectedVersionError } from '../transport/errors.ts'
import { connect } from './connect.ts'
import { StreamKeyError } from './errors.ts'

const Deposited = event('bank.Deposited', z.object({ account: z.string(), amount: z.number() }))
const accounts = topic('accounts', {
  events: { Deposited },
  key: (message) => message.data.account,
  store: true,
})

async function openStore(t: TestContext) {
  const app = await connect({ service: 'bank', broker: memory(), topics: [accounts] })
  t.after(() => app.close())
  return { app, store: app.store(accounts) }
}

const deposit = (amount: number) => Deposited({ account: 'a-1', amount })

describe('the streams of an application', () => {
  it('are appended to with what is expected, and read as typed events with their versions', async (t) => {
    const { store } = await openStore(t)

    const first = await store.append('a-1', [deposit(1), deposit(2)], { expectedVersion: 'none' })
    await store.append('a-1', deposit(3), { expectedVersion: first.version })

    const stream = store.read('a-1', { from: 1 })
    const amounts: string[] = []
    for await (const { version, event } of stream) amounts.push(`${version}: ${event.data.amount}`)
    assert.deepEqual(amounts, ['1: 2', '2: 3'])
    assert.equal((await stream.head).version, 2)
  })

  it('tell a conflict with the version that the stream has', async (t) => {
    const { store } = await openStore(t)
    await store.append('a-1', deposit(1), { expectedVersion: 'none' })

    const late = store.append('a-1', deposit(2), { expectedVersion: 'none' })

    await assert.rejects(late, (error) => {
      return error instanceof WrongExpectedVersionError && error.actualVersion === 0
    })
  })

  it('answer an append that is tried again under its key as the first time', async (t) => {
    const { store } = await openStore(t)
    const options = { expectedVersion: 'none', idempotencyKey: 'request-7' } as const

    const first = await store.append('a-1', [deposit(1), deposit(2)], options)
    const again = await store.append('a-1', [deposit(1), deposit(2)], options)

    assert.deepEqual(again, { ...first, deduplicated: true })
  })

  it('take only events whose key names them, of a topic that is a store', async (t) => {
    const { app, store } = await openStore(t)
    const plain = topic('plain', { events: { Deposited }, key: (message) => message.data.account })

    const wrong = store.append('a-2', deposit(1), { expectedVersion: 'any' })

    await assert.rejects(wrong, StreamKeyError)
    assert.throws(() => app.store(plain), DefinitionError)
  })
})
