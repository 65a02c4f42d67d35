import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { buildBatch } from '../batch/builder.ts'
import type { StreamAppend } from '../streams/event-store.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { APPEND_ID_PREFIX } from './append-transactions.ts'
import { openHandlerWorld } from './handler-test-world.ts'

const STORE = 'wide'

async function openWorld(t: TestContext) {
  const world = await openHandlerWorld()
  t.after(() => world[Symbol.asyncDispose]())
  const configs = [{ name: 'millrace.store', value: 'true' }]
  await world.catalog.createTopics([
    { name: STORE, partitions: 3, replicationFactor: 1, assignments: [], configs },
  ])
  const store = world.eventStores.get(STORE)
  const append = (...appends: readonly StreamAppend[]) => store.append(appends)
  return { world, store, append }
}

/** What each transaction waits for before it ends. */
function holdEnds({ transactions }: Awaited<ReturnType<typeof openHandlerWorld>>) {
  const held = Promise.withResolvers<void>()
  const isEnding = Promise.withResolvers<void>()
  const { end } = transactions
  transactions.end = async (call) => {
    isEnding.resolve()
    await held.promise
    return await end.call(transactions, call)
  }
  return { isEnding: isEnding.promise, letGo: () => held.resolve() }
}

function write(stream: string): StreamAppend {
  const headers = [['ce_id', Buffer.from(`of ${stream}`)]] as const
  return { stream, expectedVersion: 'none', events: [{ value: Buffer.from(stream), headers }] }
}

function check(stream: string): StreamAppend {
  return { stream, expectedVersion: 'none', events: [] }
}

const MANY = ['a', 'b', 'c', 'd', 'e', 'f']

describe('an append over partitions', () => {
  it('holds every stream that it names until it has ended, written or only checked', async (t) => {
    const { world, append } = await openWorld(t)
    const { isEnding, letGo } = holdEnds(world)
    const order: string[] = []

    const first = append(...MANY.map(check), ...MANY.map((name) => write(`${name}2`)))
    void first.then(() => order.push('first'))
    await isEnding
    const others = ['a', 'f', 'a2', 'f2'].map(async (stream) => {
      const outcome = await append({ ...write(stream), expectedVersion: 'any' })
      order.push('other')
      return outcome.kind
    })
    const records = [{ timestamp: 0, key: Buffer.from('b'), value: Buffer.from('b') }]
    const refusals = new Set<number>()
    for (const partition of [0, 1, 2]) {
      const log = world.partitions.get(STORE, partition)!
      const outcome = await log.append(buildBatch({ records }), { acks: -1, origin: 'client' })
      if (outcome.kind === 'refused') refusals.add(outcome.errorCode)
    }
    letGo()

    assert.equal((await first).kind, 'appended')
    assert.deepEqual(new Set(await Promise.all(others)), new Set(['appended']))
    assert.equal(order[0], 'first')
    // In its own partition it is to come back, in the others it has no business.
    assert.deepEqual(refusals, new Set([ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.INVALID_RECORD]))
  })

  it('writes nothing when its transaction is taken from it, and may be tried again', async (t) => {
    const { world, store, append } = await openWorld(t)
    const { isEnding, letGo } = holdEnds(world)

    const taken = append(...MANY.map(write))
    await isEnding
    const transactionalId = `${APPEND_ID_PREFIX}0`
    await world.transactions.init({ transactionalId, timeoutMs: 60_000, expected: null })
    letGo()
    const refused = await taken
    const heads = await Promise.all(MANY.map((name) => store.head(name)))
    const again = await append(...MANY.map(write))

    assert.equal(refused.kind === 'refused' && refused.reason.kind, 'log')
    assert.match(refused.kind === 'refused' ? refused.message : '', /try again/)
    assert.deepEqual(new Set(heads.map(({ headVersion }) => headVersion)), new Set([-1]))
    assert.equal(again.kind === 'appended' && again.deduplicated, false)
  })

  it('is one of as many as there are callers', async (t) => {
    const { append, store } = await openWorld(t)

    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, i) => append(...MANY.map((name) => write(`${name}-${i}`)))),
    )

    assert.ok(outcomes.every(({ kind }) => kind === 'appended'))
    let count = 0
    for await (const _ of store.readAll()) count++
    assert.equal(count, 150 * MANY.length)
  })
})
