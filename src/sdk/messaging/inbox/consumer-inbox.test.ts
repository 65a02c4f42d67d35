// A consumer whose handlers write tables, when its process ends between the two commits.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sqlite } from '../../../transports/sqlite/sqlite.ts'
import { OrderShipped, orders, Stage, shipments } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { inbox } from './inbox.ts'

describe('rule 10: a consumer with an inbox', () => {
  it('handles what comes again no second time, and sends what was not sent', async () => {
    const stage = new Stage()
    await using tables = sqlite({ file: ':memory:' })
    await tables.begin(({ sql }) => sql`create table paid (n integer)`)
    let runs = 0
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      dedupe: inbox(tables, { keep: '7d' }),
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          runs++
          await ctx.tx.sql`insert into paid (n) values (${data.n})`
          await ctx.publish(OrderShipped(data))
        },
      },
    })
    await stage.place('a', 1, 2, 3)
    const first = await stage.start(billing)
    await stage.time.settle()
    first.transport.kill()
    assert.equal(runs, 3)
    assert.deepEqual(await stage.numbersIn(shipments.name), [], 'it died before it was sent')

    const second = await stage.start(billing)
    await stage.time.advance(120_000)

    assert.equal(runs, 3)
    const rows = await tables.begin(({ sql }) => sql<{ n: number }>`select n from paid`)
    assert.deepEqual(
      rows.map(({ n }) => n),
      [1, 2, 3],
    )
    assert.deepEqual(await stage.numbersIn(shipments.name), [1, 2, 3])
    assert.equal(await stage.committed('billing'), 3)
    await stage.close(second)
  })
})
