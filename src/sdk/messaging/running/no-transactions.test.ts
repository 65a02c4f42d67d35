import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import type { FaultOptions } from '../../testing/faults.ts'
import { consumer } from '../consumer.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

/** An engine that cannot write outputs and progress together. */
function stageWithout(faults?: FaultOptions): Stage {
  const stage = new Stage(faults === undefined ? {} : { faults })
  const { engine } = stage
  const open = engine.open.bind(engine)
  engine.open = async (options) => {
    const transport = await open(options)
    const capabilities = { ...transport.capabilities, atomicOutput: false }
    return Object.defineProperty(transport, 'capabilities', { value: capabilities })
  }
  return stage
}

async function shipmentIds(stage: Stage): Promise<Map<number, Set<string>>> {
  const { reader } = await stage.prepare()
  const place = { topic: 'shipments', partition: 0, fromOffset: 0, maxBytes: 1_000_000 }
  const ids = new Map<number, Set<string>>()
  for (const { headers, value } of (await reader.read(place)).records) {
    const { n } = JSON.parse(Buffer.from(value!).toString()) as { n: number }
    const id = Buffer.from(headers.find(([name]) => name === 'ce_id')![1]!).toString()
    ids.set(n, (ids.get(n) ?? new Set()).add(id))
  }
  return ids
}

describe('on an engine without transactions', () => {
  it('outputs go out before the progress: none is lost, and one that is sent again has the same id', async () => {
    const chances = { 'crash-before-commit': 0.3, 'lost-answer': 0.1 }
    const stage = stageWithout({ seed: 6, chances, onCrash: () => void start() })
    const shipping = consumer('shipping', {
      ...all,
      on: {
        OrderPlaced: async ({ data }, ctx) => ctx.publish(OrderShipped(data)),
      },
    })
    // So many deaths in a row would be blamed on an event, and no event is to blame here.
    const start = () => stage.start(shipping, { maxDeaths: 1_000 })

    await stage.drive(start())
    for (let n = 1; n <= 12; n++) {
      await stage.drive(stage.place(`k${n % 4}`, n))
      await stage.time.advance(20_000)
    }
    stage.engine.faults!.stop()
    await stage.time.advance(300_000)

    stage.engine.faults!.expectFired()
    const ids = await shipmentIds(stage)
    assert.equal(ids.size, 12)
    for (const [n, of] of ids) assert.equal(of.size, 1, `output ${n} has one id`)
    assert.equal(await stage.committed('shipping'), 12)
  })

  it('an event whose output is refused is parked, and the others go on', async () => {
    const stage = stageWithout()
    for (let n = 1; n <= 4; n++) await stage.place(`k${n}`, n)
    const shipping = consumer('shipping', {
      ...all,
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          const orderId = data.n === 2 ? 'k'.repeat(2_000_000) : data.orderId
          await ctx.publish(OrderShipped({ orderId, n: data.n }))
        },
      },
    })

    await stage.start(shipping)
    await stage.time.advance(10_000)

    assert.deepEqual([...(await shipmentIds(stage)).keys()].toSorted(), [1, 3, 4])
    assert.deepEqual(stage.lot.parked, ['failed 2'])
    assert.equal(await stage.committed('shipping'), 4)
  })
})
