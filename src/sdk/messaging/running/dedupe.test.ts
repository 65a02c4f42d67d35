import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
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
    { group, eventSource, eventId }: Claim,
    work: (transaction: SqlTransaction) => Promise<Uint8Array>,
  ): Promise<Claimed> {
    const id = `${group} ${eventSource} ${eventId}`
    const claimed = this.#outputs.get(id)
    if (claimed !== undefined) return { kind: 'duplicate', outputs: claimed }
    const rows: string[] = []
    const outputs = await work({
      sql: async (_, ...values) => {
        rows.push(values.join())
        return []
      },
    })
    this.#outputs.set(id, outputs)
    this.rows.push(...rows)
    return { kind: 'handled', outputs }
  }
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
