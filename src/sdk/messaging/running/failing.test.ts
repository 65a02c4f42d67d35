import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  OrderPaid,
  OrderPlaced,
  OrderShipped,
  orders,
  Stage,
} from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const
const quick = { attempts: 2, backoff: constant('1s') } as const

describe('rule 6: order of a key through the parking lot', () => {
  it('later events of a parked key follow it unhandled, other keys go on', async () => {
    const stage = new Stage()
    const handled: string[] = []
    await stage.place('a', 1, 2)
    await stage.place('b', 1)
    const billing = consumer('billing', {
      ...all,
      retry: quick,
      on: {
        OrderPlaced: ({ key, data }) => {
          if (key === 'a' && data.n === 1) throw new Error('bad order')
          handled.push(`${key}${data.n}`)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(10_000)

    assert.deepEqual(handled, ['b1'])
    assert.deepEqual(stage.lot.parked, ['failed 1', 'follows 2'])
    assert.equal(await stage.committed('billing'), 3)
    const parked = app.told.filter(({ kind }) => kind === 'parked')
    assert.equal(parked.length, 2)
  })

  it('park-event lets later events of the key go on', async () => {
    const stage = new Stage()
    const handled: number[] = []
    await stage.place('a', 1, 2)
    const billing = consumer('billing', {
      ...all,
      retry: quick,
      whenExhausted: 'park-event',
      on: {
        OrderPlaced: ({ data }) => {
          if (data.n === 1) throw new Error('bad order')
          handled.push(data.n)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(10_000)

    assert.deepEqual(handled, [2])
    assert.deepEqual(stage.lot.parked, ['failed 1'])
  })

  it('an event that is handed back runs through the handlers, and what it publishes goes out with it', async () => {
    const stage = new Stage()
    await stage.place('a', 1)
    let isMended = false
    const shipping = consumer('shipping', {
      ...all,
      retry: quick,
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          if (!isMended) throw new Error('bad order')
          await ctx.publish(OrderShipped({ orderId: data.orderId, n: 10 }))
        },
      },
    })
    await stage.start(shipping)
    await stage.time.advance(10_000)

    const { record } = stage.lot.entries[0]!
    const note = { key: null, value: Buffer.from('{"n":11}'), headers: [] }
    const alongside = [{ topic: 'shipments', partition: 0, records: [note] }]
    const redriving = stage.lot.redriving.get(0)!
    const failed = await stage.drive(redriving.handle(record, alongside))
    isMended = true
    const handled = await stage.drive(redriving.handle(record, alongside))

    assert.equal(failed.kind, 'failed')
    assert.equal(handled.kind, 'handled')
    assert.deepEqual(await stage.numbersIn('shipments'), [10, 11])
  })
})

describe('rule 7: park before commit', () => {
  it('an event that cannot be parked is not passed, and is parked once that works', async () => {
    const stage = new Stage()
    await stage.place('a', 1, 2)
    stage.lot.failsToPark = true
    const billing = consumer('billing', {
      ...all,
      retry: quick,
      on: {
        OrderPlaced: () => {
          throw new Error('bad order')
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(60_000)
    assert.equal(await stage.committed('billing'), 0)
    assert.ok(app.told.some(({ kind }) => kind === 'park-failed'))
    stage.lot.failsToPark = false
    await stage.time.advance(60_000)

    assert.deepEqual(stage.lot.parked, ['failed 1', 'follows 2'])
    assert.equal(await stage.committed('billing'), 2)
  })

  it('a full lot holds the event and drops nothing', async () => {
    const stage = new Stage()
    await stage.place('a', 1)
    await stage.place('b', 2)
    stage.lot.isFull = true
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      retry: quick,
      on: {
        OrderPlaced: ({ data }) => {
          if (data.n === 1) throw new Error('bad order')
          handled.push(data.n)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(60_000)

    assert.equal(await stage.committed('billing'), 0)
    assert.deepEqual(stage.lot.parked, [])
    assert.deepEqual(handled, [2])
  })

  it('keeps the exact record, and how it failed', async () => {
    const stage = new Stage()
    await stage.write('a', '{"orderId":"a","n":1,"more":true}', 'shop.OrderPlaced')
    class CardDeclined extends Error {
      readonly code = 'declined'
    }
    const billing = consumer('billing', {
      ...all,
      retry: quick,
      on: {
        OrderPlaced: () => {
          throw new CardDeclined('no money')
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(10_000)

    const { record, failure, holdsKey } = stage.lot.entries[0]!
    assert.equal(Buffer.from(record.value!).toString(), '{"orderId":"a","n":1,"more":true}')
    assert.deepEqual(
      record.headers.map(([name]) => name),
      ['ce_type'],
    )
    assert.equal(failure?.attempts, 2)
    assert.equal(failure?.errorMessage, 'no money')
    assert.equal(failure?.errorCode, 'declined')
    assert.equal(failure!.lastFailedMs - failure!.firstFailedMs, 1_000)
    assert.equal(holdsKey, true)
  })

  it('does not begin with a partition before it knows which keys are parked', async () => {
    const stage = new Stage()
    await stage.place('a', 1)
    stage.lot.failsToOpen = true
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      on: { OrderPlaced: (e) => handled.push(e.data.n) },
    })

    const app = await stage.start(billing)
    await stage.time.advance(10_000)
    assert.deepEqual(handled, [])
    assert.ok(app.told.some(({ kind }) => kind === 'lot-unreadable'))
    stage.lot.failsToOpen = false
    await stage.time.advance(60_000)

    assert.deepEqual(handled, [1])
  })
})

describe('rule 8: three kinds of poison, each with its policy', () => {
  const poison = async (policies: object) => {
    const stage = new Stage()
    await stage.write('u', '{"orderId"', 'shop.OrderPlaced')
    await stage.write('i', '{"orderId":"i"}', 'shop.OrderPlaced')
    await stage.write('t', '{"n":3}', 'shop.Unheard')
    await stage.publish(OrderPaid({ orderId: 'o', n: 4 }))
    await stage.publish(OrderPlaced({ orderId: 'g', n: 5 }))
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      ...policies,
      on: { OrderPlaced: (e) => handled.push(e.data.n) },
    })
    const app = await stage.start(billing)
    await stage.time.advance(10_000)
    return { stage, app, handled }
  }

  it('undecodable and invalid ones are parked unless told otherwise, and block nobody', async () => {
    const { stage, handled } = await poison({})

    assert.deepEqual(
      stage.lot.entries.map(({ reason, failure }) => `${reason} ${failure?.attempts}`),
      ['undecodable 0', 'invalid 0'],
    )
    assert.deepEqual(handled, [5])
    assert.equal(await stage.committed('billing'), 5)
  })

  it('each is skipped where the definition says so, and counted', async () => {
    const { stage, app, handled } = await poison({ undecodable: 'skip', invalid: 'skip' })

    assert.deepEqual(stage.lot.entries, [])
    assert.deepEqual(handled, [5])
    const once = { undecodable: 1, invalid: 1, unknown: 1, unhandled: 1 }
    assert.deepEqual(app.run.status().skipped, once)
  })

  it('unknown types and types without a handler are parked where the definition says so', async () => {
    const { stage } = await poison({ otherwise: 'park', undecodable: 'skip', invalid: 'skip' })

    assert.deepEqual(stage.lot.parked, ['unknown 3', 'unknown 4'])
  })

  it('stop ends the consumer in front of the event, and says so', async () => {
    const { stage, app, handled } = await poison({ invalid: 'stop', undecodable: 'skip' })

    assert.equal(app.run.status().state, 'stopped')
    const stopped = app.told.find(({ kind }) => kind === 'stopped')
    assert.match(String(stopped?.kind === 'stopped' && stopped.error), /stopped at orders\/0\/1/)
    assert.equal(await stage.committed('billing'), 1)
    assert.ok(handled.length <= 1)
  })
})

describe('rule 9: the budget of retries', () => {
  it('is per event: the failures of one are not counted for the next', async () => {
    const stage = new Stage()
    const attempts: string[] = []
    const failed = new Set<number>()
    await stage.place('a', 1, 2)
    const billing = consumer('billing', {
      ...all,
      retry: quick,
      on: {
        OrderPlaced: ({ data }, { attempt }) => {
          attempts.push(`${data.n}:${attempt}`)
          if (failed.size < data.n && !failed.has(data.n)) {
            failed.add(data.n)
            throw new Error('once')
          }
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(10_000)

    assert.deepEqual(attempts, ['1:1', '1:2', '2:1', '2:2'])
    assert.deepEqual(stage.lot.entries, [])
  })

  it('is not spent on what retryIf calls permanent', async () => {
    const stage = new Stage()
    let runs = 0
    await stage.place('a', 1)
    const billing = consumer('billing', {
      ...all,
      retry: { retryIf: (error) => !(error instanceof TypeError) },
      on: {
        OrderPlaced: () => {
          runs++
          throw new TypeError('never')
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(100)

    assert.equal(runs, 1)
    assert.deepEqual(stage.lot.parked, ['failed 1'])
  })

  it('an outage pauses the group, and parks nothing', async () => {
    const stage = new Stage()
    let isDown = true
    const handled = new Set<number>()
    for (let n = 0; n < 40; n++) await stage.place(`k${n}`, n)
    const billing = consumer('billing', {
      ...all,
      retry: { attempts: 3, backoff: constant('1s') },
      on: {
        OrderPlaced: ({ data }) => {
          if (isDown) throw new Error('database is down')
          handled.add(data.n)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(600_000)
    assert.equal(app.run.status().state, 'paused')
    assert.equal(app.run.status().pauseReason, 'outage')
    isDown = false
    await stage.time.advance(60_000)

    assert.deepEqual(stage.lot.entries, [])
    assert.equal(handled.size, 40)
    assert.equal(app.run.status().state, 'running')
    const kinds = app.told.map(({ kind }) => kind)
    assert.deepEqual(
      kinds.filter((kind) => kind === 'paused' || kind === 'resumed'),
      ['paused', 'resumed'],
    )
    assert.equal(await stage.committed('billing'), 40)
  })

  it('a bad deployment parks a few events, then pauses', async () => {
    const stage = new Stage()
    for (let n = 0; n < 40; n++) await stage.place(`k${n}`, n)
    const billing = consumer('billing', {
      ...all,
      retry: { retryIf: () => false },
      on: {
        OrderPlaced: () => {
          throw new TypeError('undefined is not a function')
        },
      },
    })

    const app = await stage.start(billing, { parking: { consecutive: 5, ratio: 1, window: 100 } })
    await stage.time.advance(60_000)

    assert.equal(app.run.status().pauseReason, 'park-limit')
    assert.ok(stage.lot.entries.length < 5 + 16, `${stage.lot.entries.length} were parked`)
  })

  it('a consumer that closes parks nothing of what it aborted', async () => {
    const stage = new Stage()
    await stage.place('a', 1, 2)
    const billing = consumer('billing', {
      ...all,
      retry: { attempts: 1 },
      on: {
        OrderPlaced: (_, { signal }) => {
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
          })
        },
      },
    })

    const app = await stage.start(billing)
    await stage.close(app, 1_000)

    assert.deepEqual(stage.lot.entries, [])
    assert.equal(await stage.committed('billing'), 0)
  })
})
