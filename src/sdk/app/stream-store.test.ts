import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import { DefinitionError, MillraceError } from '../events/errors.ts'
import { event } from '../events/event.ts'
import { topic } from '../events/topic.ts'
import { memory } from '../testing/memory/memory.ts'
import { WrongExpectedVersionError } from '../transport/errors.ts'
import { connect } from './connect.ts'
import { StreamKeyError } from './errors.ts'
import type { Appended } from './stream-store.ts'

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

  it('rule 14: answer an append that is tried again under its key as the first time', async (t) => {
    const { store } = await openStore(t)
    const options = { expectedVersion: 'none', idempotencyKey: 'request-7' } as const

    const first = await store.append('a-1', [deposit(1), deposit(2)], options)
    const again = await store.append('a-1', [deposit(1), deposit(2)], options)

    assert.deepEqual(again, { ...first, deduplicated: true })
  })

  it('rule 14: an append whose answer was lost is asked for again, and stands there once', async (t) => {
    const broker = memory({ faults: { seed: 3, chances: { 'lost-answer': 0.4 } } })
    const app = await retried(() => connect({ service: 'bank', broker, topics: [accounts] }))
    t.after(() => app.close())
    const store = app.store(accounts)
    const numbers = Array.from({ length: 20 }, (_, n) => n)

    const answers: Appended[] = []
    for (const n of numbers) {
      const expectedVersion = n === 0 ? 'none' : n - 1
      const options = { expectedVersion, idempotencyKey: `request ${n}` } as const
      answers.push(await retried(() => store.append('a-1', deposit(n), options)))
    }

    broker.faults!.expectFired()
    assert.ok(answers.some(({ deduplicated }) => deduplicated))
    assert.deepEqual(
      answers.map(({ version }) => version),
      numbers,
    )
    const amounts: number[] = []
    for await (const { event } of store.read('a-1')) amounts.push(event.data.amount)
    assert.deepEqual(amounts, numbers)
  })

  it('take only events whose key names them, of a topic that is a store', async (t) => {
    const { app, store } = await openStore(t)
    const plain = topic('plain', { events: { Deposited }, key: (message) => message.data.account })

    const wrong = store.append('a-2', deposit(1), { expectedVersion: 'any' })

    await assert.rejects(wrong, StreamKeyError)
    assert.throws(() => app.store(plain), DefinitionError)
  })
})

/** As whoever is not answered does. */
async function retried<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof MillraceError && error.retriable)) throw error
    }
  }
}
