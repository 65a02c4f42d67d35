import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import { DefinitionError, MillraceError } from '../events/errors.ts'
import { event } from '../events/event.ts'
import { topic } from '../events/topic.ts'
import { versions } from '../events/versions.ts'
import { memory } from '../testing/memory/memory.ts'
import { SnapshotNotKeptError, WrongExpectedVersionError } from '../transport/errors.ts'
import { mergeTokens, parseToken } from '../transport/token.ts'
import { connect } from './connect.ts'
import { StreamKeyError } from './errors.ts'
import type { AppNotification } from './notifications.ts'
import type { Appended } from './stream-store.ts'

const Deposited = event('bank.Deposited', z.object({ account: z.string(), amount: z.number() }))
const key = (message: { data: { account: string } }) => message.data.account
const accounts = topic('accounts', {
  events: { Deposited },
  key,
  store: true,
})
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

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

  it('answer with a token for whoever has to see the append', async (t) => {
    const { app, store } = await openStore(t)

    const { token } = await store.append('a-1', [deposit(1), deposit(2)], {
      expectedVersion: 'none',
    })
    const published = await app.publish(deposit(3))
    const checked = await store.append('a-1', [], { expectedVersion: 2 })

    const [position] = parseToken(token).positions
    assert.deepEqual(position, { topic: 'accounts', partition: 0, leaderEpoch: 0, nextOffset: 2 })
    assert.equal(mergeTokens(token, published.token), published.token)
    assert.deepEqual(parseToken(checked.token).positions, [], 'nothing was written')
    assert.equal(mergeTokens(checked.token, token), token)
  })

  it('take only events whose key names them, of a topic that is a store', async (t) => {
    const { app, store } = await openStore(t)
    const plain = topic('plain', { events: { Deposited }, key: (message) => message.data.account })

    const wrong = store.append('a-2', deposit(1), { expectedVersion: 'any' })

    await assert.rejects(wrong, StreamKeyError)
    assert.throws(() => app.store(plain), DefinitionError)
  })

  describe('folded into a state', () => {
    const total = {
      initialState: 0,
      evolve: (sum: number, event: { data: { amount: number } }) => sum + event.data.amount,
    }

    it('say what to append with, and are read from their snapshot on', async (t) => {
      const { store, evolved, fold } = await openFold(t)

      const empty = await fold()
      await store.append('a-1', [deposit(1), deposit(2)], empty)
      const first = await fold()
      await store.append('a-1', deposit(3), first)
      const second = await fold()

      assert.deepEqual(empty, { state: 0, version: -1, expectedVersion: 'none' })
      assert.deepEqual(second, { state: 6, version: 2, expectedVersion: 2 })
      assert.equal(evolved(), 3)
    })

    it('are read anew when a schema, an upcast or the version of the snapshot changes', async () => {
      const broker = memory()
      const folded = async (definition: typeof Deposited, version: number) => {
        const own = topic('accounts', { events: { Deposited: definition }, key, store: true })
        await using app = await connect({ service: 'bank', broker, topics: [own] })
        const store = app.store(own)
        await store.append('a-1', deposit(1), { expectedVersion: 'any', idempotencyKey: 'once' })
        let count = 0
        const { initialState } = total
        await store.fold('a-1', {
          initialState,
          evolve: (sum) => sum + ++count,
          snapshot: { name: 'count', every: 1, version },
        })
        return count
      }
      const data = z.object({ account: z.string(), amount: z.number() })
      const upcast = (cents: boolean) =>
        event(
          'bank.Deposited',
          versions(data).next(data, cents ? (old) => ({ ...old, amount: 100 }) : (old) => old),
        )

      const counts = [
        await folded(Deposited, 1),
        await folded(Deposited, 1),
        await folded(Deposited, 2),
        await folded(upcast(false), 2),
        await folded(upcast(false), 2),
        await folded(upcast(true), 2),
      ]

      assert.deepEqual(counts, [1, 0, 1, 1, 0, 1])
    })

    it('have a state also when it cannot be kept, which is told once', async (t) => {
      const told: AppNotification[] = []
      const broker = memory()
      const app = await connect({
        ...{ service: 'bank', broker, topics: [accounts], log: silent },
        onNotification: (notification) => told.push(notification),
      })
      t.after(() => app.close())
      const store = app.store(accounts)
      await store.append('a-1', deposit(1), { expectedVersion: 'none' })
      const snapshot = { name: 'last', every: 1, version: 1 }
      const fold = <State>(initialState: State, state: State) =>
        app.store(accounts).fold('a-1', { initialState, evolve: () => state, snapshot })

      const dated = await fold(new Date(0), new Date(7))
      const again = await fold(new Date(0), new Date(8))
      const long = await fold('', 'x'.repeat(2 * 1024 * 1024))

      assert.deepEqual([dated.state, again.state], [new Date(7), new Date(8)])
      assert.equal(long.state.length, 2 * 1024 * 1024)
      const reasons = told.map((one) => {
        const cause = one.kind === 'warning' ? one.cause : undefined
        return cause instanceof SnapshotNotKeptError && cause.reason
      })
      assert.deepEqual(reasons, ['not-json', 'too-large'])
    })

    it('take only snapshots that say what they are', async (t) => {
      const { store } = await openStore(t)

      for (const wrong of [{ every: 0 }, { every: 1.5 }, { version: -1 }, { name: '' }]) {
        const snapshot = { name: 'sum', every: 1, version: 1, ...wrong }
        await assert.rejects(store.fold('a-1', { ...total, snapshot }), DefinitionError)
      }
    })

    async function openFold(t: TestContext) {
      const { store } = await openStore(t)
      let count = 0
      const fold = () =>
        store.fold('a-1', {
          initialState: 0,
          evolve: (sum, event) => {
            count++
            return sum + event.data.amount
          },
          snapshot: { name: 'sum', every: 2, version: 1 },
        })
      return { store, evolved: () => count, fold }
    }
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
