import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

function shippingOf(stage: Stage, failOnce = false) {
  let hasFailed = false
  return consumer('shipping', {
    ...all,
    retry: { backoff: constant('1s') },
    on: {
      OrderPlaced: async ({ data }, ctx) => {
        await ctx.publish(OrderShipped(data))
        await stage.pause(10)
        if (failOnce && !hasFailed) {
          hasFailed = true
          throw new Error('after publishing')
        }
      },
    },
  })
}

describe('rule 21: outputs and progress in one transaction', () => {
  it('what handlers of many keys publish goes out in bulk, under one stable transactional id', async () => {
    const stage = new Stage()
    for (let n = 0; n < 50; n++) await stage.place(`k${n}`, n)

    const app = await stage.start(shippingOf(stage))
    const ids: string[] = []
    const make = app.transport.transactionalProducer.bind(app.transport)
    let transactions = 0
    app.transport.transactionalProducer = async (id) => {
      ids.push(id)
      const producer = await make(id)
      const transact = producer.transaction.bind(producer)
      producer.transaction = (work) => {
        transactions++
        return transact(work)
      }
      return producer
    }
    await stage.time.advance(2_000)

    assert.equal((await stage.numbersIn('shipments')).length, 50)
    assert.deepEqual(ids, ['trial.shipping.orders/0'])
    assert.ok(transactions <= 3, `${transactions} transactions`)
  })

  it('a handler that fails after publishing has published nothing', async () => {
    const stage = new Stage()
    await stage.place('a', 1)

    await stage.start(shippingOf(stage, true))
    await stage.time.advance(5_000)

    assert.deepEqual(await stage.numbersIn('shipments'), [1])
  })

  it('whatever becomes of the process around a commit, each output is there once', async () => {
    for (const kind of ['crash-before-commit', 'crash-after-commit'] as const) {
      const faults = { seed: 3, chances: { [kind]: 0.3 }, onCrash: () => void start() }
      const stage = new Stage({ faults })
      const shipping = shippingOf(stage)
      const start = () => stage.start(shipping)
      for (let n = 1; n <= 5; n++) await stage.drive(stage.place('a', n))
      await stage.drive(start())
      await stage.time.advance(300_000)
      stage.engine.faults!.stop()
      await stage.time.advance(300_000)

      stage.engine.faults!.expectFired()
      assert.deepEqual(await stage.numbersIn('shipments'), [1, 2, 3, 4, 5], kind)
    }
  })

  it('an event whose output the engine refuses is parked, and holds up nobody', async () => {
    const stage = new Stage()
    for (let n = 1; n <= 5; n++) await stage.place(`k${n}`, n)
    const shipping = consumer('shipping', {
      ...all,
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          const orderId = data.n === 3 ? 'k'.repeat(2_000_000) : data.orderId
          await ctx.publish(OrderShipped({ orderId, n: data.n }))
        },
      },
    })

    await stage.start(shipping)
    await stage.time.advance(10_000)

    assert.deepEqual((await stage.numbersIn('shipments')).toSorted(), [1, 2, 4, 5])
    assert.deepEqual(stage.lot.parked, ['failed 3'])
    assert.match(
      stage.lot.entries[0]?.failure?.errorMessage ?? '',
      /more than topic shipments takes/,
    )
    assert.equal(await stage.committed('shipping'), 5)
  })

  it('outputs of an event have the same id however often its handler runs', async () => {
    const stage = new Stage()
    const ids: string[] = []
    await stage.place('a', 1)
    const run = async (group: string) => {
      const app = await stage.start({ ...shippingOf(stage), group })
      await stage.time.advance(2_000)
      await stage.close(app)
    }
    await run('one')
    const { reader } = await stage.prepare()
    const place = { topic: 'shipments', partition: 0, fromOffset: 0, maxBytes: 10_000 }
    await run('two')

    for (const { headers } of (await reader.read(place)).records) {
      const [, value] = headers.find(([name]) => name === 'ce_id')!
      ids.push(Buffer.from(value!).toString())
    }

    assert.equal(new Set(ids).size, 2, 'another group publishes other events')
  })
})

describe('rule 14: a commit without an answer', () => {
  it('is looked up before anything else is committed: outputs are there once', async () => {
    const faults = { seed: 5, chances: { 'lost-answer': 0.4 } }
    const stage = new Stage({ faults })
    const app = await stage.drive(stage.start(shippingOf(stage)))

    for (let n = 1; n <= 20; n++) {
      await stage.drive(stage.place(`k${n % 3}`, n))
      await stage.time.advance(300)
    }
    stage.engine.faults!.stop()
    await stage.time.advance(300_000)

    stage.engine.faults!.expectFired()
    assert.ok(app.told.some(({ kind }) => kind === 'commit-failed'))
    const shipped = (await stage.numbersIn('shipments')).toSorted((a, b) => a - b)
    assert.deepEqual(
      shipped,
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })
})
