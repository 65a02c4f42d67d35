import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderPlaced, OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import type { SqlTransaction } from '../../transport/tables.ts'
import { consumer } from '../consumer.ts'
import type { Claim, Claimed, Dedupe } from '../dedupe.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

/** Claims and a row in one transaction: both are there, or neither. */
class TrialClaims implements Dedupe {
  readonly rows: string[] = []
  readonly #outputs = new Map<string, Uint8Array>()

  async prepare(): Promise<void> {
    // Maps need no tables.
  }

  async once(
    claims: readonly Claim[],
    work: (transaction: SqlTransaction, fresh: readonly Claim[]) => Promise<Uint8Array>,
  ): Promise<Claimed> {
    const fresh = claims.filter((claim) => !this.#outputs.has(idOf(claim)))
    const kept = claims.map((claim) => this.#outputs.get(idOf(claim)) ?? new Uint8Array())
    if (fresh.length === 0) return { fresh, outputs: kept }
    const rows: string[] = []
    const sql = async (_: TemplateStringsArray, ...values: readonly unknown[]) => {
      rows.push(values.join())
      return []
    }
    const made = await work({ sql }, fresh)
    for (const claim of fresh) this.#outputs.set(idOf(claim), new Uint8Array())
    this.#outputs.set(idOf(fresh[0]!), made)
    this.rows.push(...rows)
    return { fresh, outputs: [...kept, made] }
  }
}

function idOf({ group, eventSource, eventId }: Claim): string {
  return `${group} ${eventSource} ${eventId}`
}

describe('rule 10: an event is claimed in the transaction of its handler', () => {
  it('one that is delivered again is not handled again, and what it published is not lost', async () => {
    const faults = { seed: 4, chances: { 'crash-before-commit': 0.4 }, onCrash: () => void start() }
    const stage = new Stage({ faults })
    const claims = new TrialClaims()
    const shipping = consumer('shipping', {
      ...all,
      dedupe: claims,
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          await ctx.tx.sql`insert into shipped values (${data.n})`
          await ctx.publish(OrderShipped(data))
        },
      },
    })
    const start = () => stage.start(shipping)

    for (let n = 1; n <= 8; n++) await stage.drive(stage.place(`k${n}`, n))
    await stage.drive(start())
    await stage.time.advance(400_000)
    stage.engine.faults!.stop()
    await stage.time.advance(400_000)

    stage.engine.faults!.expectFired()
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8]
    assert.deepEqual(claims.rows.map(Number).toSorted(), numbers)
    assert.deepEqual((await stage.numbersIn('shipments')).toSorted(), numbers)
  })

  it('a batch is claimed as one, and has only those events that were not handled before', async () => {
    const stage = new Stage()
    const claims = new TrialClaims()
    const batches: number[][] = []
    const shippingOf = (max: number) =>
      consumer('shipping', {
        ...all,
        dedupe: claims,
        batch: {
          max,
          handle: async (events, ctx) => {
            batches.push(events.map(({ data }) => data.n))
            for (const { data } of events) {
              await ctx.tx.sql`insert into shipped values (${data.n})`
              await ctx.publish(OrderShipped(data))
            }
          },
        },
      })

    await stage.place('a', 1, 2)
    const first = await stage.start(shippingOf(2))
    await stage.time.settle()
    first.transport.kill()
    assert.deepEqual(await stage.numbersIn('shipments'), [], 'it died before anything was sent')
    await stage.place('a', 3, 4)
    await stage.publish(OrderPlaced({ orderId: 'a', n: 5 }), 'twice')
    await stage.publish(OrderPlaced({ orderId: 'a', n: 5 }), 'twice')
    await stage.start(shippingOf(6))
    await stage.time.advance(120_000)

    assert.deepEqual(batches, [
      [1, 2],
      [3, 4, 5],
    ])
    assert.deepEqual(claims.rows, ['1', '2', '3', '4', '5'])
    assert.deepEqual(await stage.numbersIn('shipments'), [1, 2, 3, 4, 5])
    assert.equal(await stage.committed('shipping'), 6)
    const { reader } = await stage.prepare()
    const place = { topic: 'shipments', partition: 0, fromOffset: 0, maxBytes: 1_000_000 }
    const { records } = await reader.read(place)
    const ids = records.map(({ headers }) =>
      String(headers.find(([name]) => name === 'ce_id')?.[1]),
    )
    assert.equal(new Set(ids).size, 5, 'each of them is an event of its own')
  })

  it('a handler that fails has claimed nothing', async () => {
    const stage = new Stage()
    const claims = new TrialClaims()
    let runs = 0
    await stage.place('a', 1)
    const shipping = consumer('shipping', {
      ...all,
      dedupe: claims,
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          await ctx.tx.sql`insert into shipped values (${data.n})`
          if (++runs === 1) throw new Error('not yet')
        },
      },
    })

    await stage.start(shipping)
    await stage.time.advance(10_000)

    assert.equal(runs, 2)
    assert.deepEqual(claims.rows, ['1'])
  })
})
