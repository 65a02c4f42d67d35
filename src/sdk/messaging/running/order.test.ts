import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderPaid, orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

describe('rule 1: commit under key parallelism', () => {
  it('commits only up to the lowest unfinished event, however much is finished after it', async () => {
    const stage = new Stage()
    await stage.place('slow', 1)
    for (const n of [2, 3, 4]) await stage.place(`k${n}`, n)
    const billing = consumer('billing', {
      ...all,
      on: { OrderPlaced: (e) => (e.key === 'slow' ? stage.pause(5_000) : undefined) },
    })

    await stage.start(billing)
    await stage.time.advance(1_000)
    assert.equal(await stage.committed('billing'), 0)
    await stage.time.advance(5_000)

    assert.equal(await stage.committed('billing'), 4)
  })

  it('does not do again after a crash what was finished behind an unfinished event', async () => {
    const stage = new Stage()
    const handled: number[] = []
    await stage.place('slow', 1)
    for (const n of [2, 3, 4]) await stage.place(`k${n}`, n)
    const billing = consumer('billing', {
      ...all,
      on: {
        OrderPlaced: async ({ data }) => {
          handled.push(data.n)
          if (data.n === 1) await stage.pause(5_000)
        },
      },
    })

    const first = await stage.start(billing)
    await stage.time.advance(1_000)
    first.transport.kill()
    await stage.start(billing)
    await stage.time.advance(120_000)

    assert.deepEqual(handled, [1, 2, 3, 4, 1])
    assert.equal(await stage.committed('billing'), 4)
  })
})

describe('rule 2: nothing is committed before its handler is done', () => {
  it('an event whose handler had not ended when the process died is handled again', async () => {
    const stage = new Stage()
    let runs = 0
    await stage.place('a', 1)
    const billing = consumer('billing', {
      ...all,
      maxProcessingTime: '2h',
      on: {
        OrderPlaced: async () => {
          if (++runs === 1) await stage.pause(3_600_000)
        },
      },
    })

    const first = await stage.start(billing)
    await stage.time.advance(10_000)
    assert.equal(await stage.committed('billing'), 0)
    first.transport.kill()
    await stage.start(billing)
    await stage.time.advance(120_000)

    assert.equal(runs, 2)
    assert.equal(await stage.committed('billing'), 1)
  })

  it('a group that begins at the latest event keeps its place when it dies before the first', async () => {
    const stage = new Stage()
    const handled: number[] = []
    await stage.place('a', 1)
    const billing = consumer('billing', {
      ...all,
      startAt: 'latest',
      on: { OrderPlaced: (e) => handled.push(e.data.n) },
    })

    const first = await stage.start(billing)
    await stage.time.advance(1_000)
    first.transport.kill()
    await stage.place('a', 2)
    await stage.start(billing)
    await stage.time.advance(120_000)

    assert.deepEqual(handled, [2])
  })
})

describe('rule 5: order of a key through retries', () => {
  it('while one event of a key waits, later ones of the key wait and other keys go on', async () => {
    const stage = new Stage()
    const handled: string[] = []
    let failures = 0
    await stage.place('a', 1, 2)
    await stage.place('b', 1, 2)
    const billing = consumer('billing', {
      ...all,
      concurrency: 1,
      retry: { attempts: 10, backoff: constant('10s') },
      on: {
        OrderPlaced: ({ key, data }) => {
          if (key === 'a' && data.n === 1 && ++failures < 4) throw new Error('not yet')
          handled.push(`${key}${data.n}`)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(60_000)

    assert.deepEqual(handled, ['b1', 'b2', 'a1', 'a2'])
  })

  it('order: partition lets nothing of the partition overtake', async () => {
    const stage = new Stage()
    const handled: string[] = []
    let failures = 0
    await stage.place('a', 1)
    await stage.place('b', 1)
    const billing = consumer('billing', {
      ...all,
      order: 'partition',
      retry: { backoff: constant('1s') },
      on: {
        OrderPlaced: ({ key }) => {
          if (key === 'a' && ++failures < 3) throw new Error('not yet')
          handled.push(key)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(60_000)

    assert.deepEqual(handled, ['a', 'b'])
  })

  it('a retry topic is taken only by choice: others overtake, attempts and position are kept', async () => {
    const stage = new Stage()
    const handled: string[] = []
    await stage.place('a', 1, 2)
    const billing = consumer('billing', {
      ...all,
      order: 'none',
      retry: { attempts: 4, backoff: constant('10s'), mode: 'retry-topic' },
      on: {
        OrderPlaced: ({ data, position }, { attempt }) => {
          if (data.n === 1 && attempt < 3) throw new Error('not yet')
          handled.push(`${data.n} at ${position.topic}/${position.offset}, attempt ${attempt}`)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(15_000)
    assert.equal(await stage.committed('billing'), 2)
    await stage.time.advance(15_000)

    assert.deepEqual(handled, ['2 at orders/1, attempt 1', '1 at orders/0, attempt 3'])
  })

  it('a retry topic is refused where order is promised', () => {
    const define = () => consumer('billing', { ...all, retry: { mode: 'retry-topic' }, on: {} })

    assert.throws(define, /loses the order of a key.*order: 'none'/)
  })
})

describe('batches', () => {
  it('take consecutive events of a key, and give up only the one that is bad', async () => {
    const stage = new Stage()
    const batches: number[][] = []
    await stage.place('a', 1, 2, 3, 4)
    const billing = consumer('billing', {
      ...all,
      whenExhausted: 'park-event',
      retry: { attempts: 2, backoff: constant('1s') },
      batch: {
        max: 3,
        handle: (events) => {
          batches.push(events.map(({ data }) => data.n))
          if (events.some(({ data }) => data.n === 2)) throw new Error('bad')
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(10_000)

    assert.deepEqual(batches, [[1, 2, 3], [1], [2], [3], [4]])
    assert.deepEqual(stage.lot.parked, ['failed 2'])
    assert.equal(await stage.committed('billing'), 4)
  })
})

describe('middleware', () => {
  it('stands around the handler, outermost first', async () => {
    const stage = new Stage()
    const steps: string[] = []
    await stage.publish(OrderPaid({ orderId: 'a', n: 1 }))
    const billing = consumer('billing', {
      ...all,
      use: [
        async (event, ctx, next) => {
          steps.push(`${event.type} ${ctx.group}`)
          await next()
          steps.push('done')
        },
        (_event, _ctx, next) => next(),
      ],
      on: { OrderPaid: () => steps.push('handler') },
    })

    await stage.start(billing)
    await stage.time.advance(1_000)

    assert.deepEqual(steps, ['shop.OrderPaid billing', 'handler', 'done'])
  })
})
