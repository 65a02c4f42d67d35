import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { PublishAfterEndError } from '../errors.ts'
import { constant } from '../failing/backoff.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

describe('rule 3: a rebalance while events are handled', () => {
  it('aborts what does not end in time, commits what is finished, and hands over the rest', async () => {
    const stage = new Stage()
    await stage.prepare(2)
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const key of keys) await stage.place(key, 1, 2)
    const aborted: string[] = []
    const handled: string[] = []
    let isFirst = true
    const billing = consumer('billing', {
      ...all,
      on: {
        OrderPlaced: async ({ key, data }, { signal }) => {
          const isHanging = isFirst && data.n === 2
          if (isHanging) {
            await new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                aborted.push(key)
                reject(signal.reason)
              })
            })
          }
          handled.push(`${key}${data.n}`)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(1_000)
    isFirst = false
    const second = await stage.start(billing)
    await stage.time.advance(60_000)
    await stage.close(second)
    await stage.time.advance(120_000)

    assert.ok(aborted.length > 0, 'the handlers of the revoked partition were aborted')
    const once = keys.flatMap((key) => [`${key}1`, `${key}2`])
    assert.deepEqual(handled.toSorted(), once)
  })

  it('a result that comes after the partition was lost is not committed', async () => {
    const stage = new Stage()
    await stage.place('a', 1)
    let finish: (() => void) | undefined
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          handled.push(data.n)
          await ctx.publish(OrderShipped(data))
          if (handled.length === 1) {
            await new Promise<void>((resolve) => {
              finish = resolve
            })
          }
        },
      },
    })

    const first = await stage.start(billing)
    await stage.time.advance(1_000)
    const before = await stage.committed('billing')
    first.transport.kill()
    finish?.()
    await stage.time.advance(1_000)
    assert.equal(await stage.committed('billing'), before)
    await stage.start(billing)
    await stage.time.advance(120_000)

    assert.deepEqual(handled, [1, 1])
    assert.deepEqual(await stage.numbersIn('shipments'), [1])
  })
})

describe('rule 4: heartbeats do not depend on handlers, but a hung handler does not hold its partition', () => {
  it('a handler that takes long keeps its member in the group', async () => {
    const stage = new Stage()
    await stage.place('a', 1)
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      maxProcessingTime: '10m',
      on: {
        OrderPlaced: async (e) => {
          await stage.pause(300_000)
          handled.push(e.data.n)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(400_000)

    assert.deepEqual(handled, [1])
    assert.deepEqual(
      app.told.filter(({ kind }) => kind === 'lost' || kind === 'revoked'),
      [],
    )
  })

  it('one that hangs is aborted, counted, given up, and the events after it go on', async () => {
    const stage = new Stage()
    await stage.place('a', 1, 2)
    const handled: number[] = []
    let late: unknown
    const billing = consumer('billing', {
      ...all,
      maxProcessingTime: '10s',
      whenExhausted: 'park-event',
      retry: { attempts: 2, backoff: constant('1s') },
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          if (data.n === 1) {
            await stage.pause(100_000)
            late = await ctx.publish(OrderShipped(data)).catch((error: unknown) => error)
          }
          handled.push(data.n)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(60_000)

    assert.deepEqual(handled, [2])
    assert.deepEqual(stage.lot.parked, ['failed 1'])
    assert.equal(stage.lot.entries[0]?.failure?.errorCode, 'handler-timeout')
    assert.equal(app.told.filter(({ kind }) => kind === 'stalled').length, 2)
    assert.equal(await stage.committed('billing'), 2)
    await stage.time.advance(60_000)
    assert.ok(late instanceof PublishAfterEndError)
    assert.deepEqual(await stage.numbersIn('shipments'), [])
  })
})

describe('rule 22: closing', () => {
  it('lets handlers end, commits them, and begins nothing more', async () => {
    const stage = new Stage()
    await stage.place('a', 1, 2)
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      on: {
        OrderPlaced: async (e) => {
          await stage.pause(5_000)
          handled.push(e.data.n)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(1_000)
    await stage.close(app, 20_000)

    assert.deepEqual(handled, [1])
    assert.equal(await stage.committed('billing'), 1)
    assert.equal(app.run.status().state, 'closed')
  })

  it('waits for the handler that asks for it, too', async () => {
    const stage = new Stage()
    await stage.place('a', 1, 2)
    const handled: number[] = []
    const billing = consumer('billing', {
      ...all,
      on: {
        OrderPlaced: async ({ data }) => {
          void stage.newest?.run.close({ drainMs: 20_000 })
          await stage.pause(5_000)
          handled.push(data.n)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(10_000)

    assert.deepEqual(handled, [1])
    assert.equal(await stage.committed('billing'), 1)
    assert.equal(app.run.status().state, 'closed')
  })

  it('ends within its limits when handlers do not, and leaves the group at once', async () => {
    const stage = new Stage()
    await stage.place('a', 1)
    const handled: string[] = []
    const billing = consumer('billing', {
      ...all,
      maxProcessingTime: '2h',
      on: {
        OrderPlaced: async () => {
          handled.push('begun')
          if (handled.length === 1) await stage.pause(3_600_000)
        },
      },
    })

    const app = await stage.start(billing)
    await stage.time.advance(1_000)
    const beganMs = stage.time.monotonicMs()
    await stage.close(app, 2_000)
    assert.ok(stage.time.monotonicMs() - beganMs <= 2_000 + 5_000 + 5_000 + 5_000)
    await stage.start(billing)
    await stage.time.advance(2_000)

    assert.deepEqual(handled, ['begun', 'begun'])
    assert.equal(await stage.committed('billing'), 1)
  })
})

describe('rule 23: back-pressure pauses and does not leave', () => {
  it('a slow handler stops the reading, within its bounds, and costs no rebalance', async () => {
    const stage = new Stage()
    for (let n = 0; n < 300; n++) await stage.place(`k${n}`, n)
    let handled = 0
    const billing = consumer('billing', {
      ...all,
      concurrency: 2,
      on: {
        OrderPlaced: async () => {
          await stage.pause(100)
          handled++
        },
      },
    })

    const app = await stage.start(billing, { maxBufferedEvents: 50, maxBufferedBytes: 4_000 })
    for (let n = 300; n < 400; n++) await stage.place(`k${n}`, n)
    let most = 0
    while (handled < 400 && stage.time.monotonicMs() < 600_000) {
      most = Math.max(most, app.run.status().partitions[0]?.buffered ?? 0)
      await stage.time.advance(100)
    }

    assert.equal(handled, 400)
    assert.ok(most < 400, `${most} events were held at once`)
    assert.deepEqual(
      app.told.map(({ kind }) => kind),
      ['assigned'],
    )
  })

  it('a busy partition does not starve another', async () => {
    const stage = new Stage()
    await stage.prepare(2)
    const partitionOf = new Map<string, number>()
    for (let n = 0; n < 200; n++) await stage.place('busy', n)
    const order: number[] = []
    const billing = consumer('billing', {
      ...all,
      concurrency: 1,
      on: {
        OrderPlaced: async ({ position }) => {
          partitionOf.set('', position.partition)
          order.push(position.partition)
          await stage.pause(100)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(1_000)
    const busy = order[0]!
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await stage.place(key, 1)
    await stage.time.advance(5_000)

    const others = order.filter((partition) => partition !== busy)
    assert.ok(others.length > 0, 'the quiet partition had its turn')
  })
})
