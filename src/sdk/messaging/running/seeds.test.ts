// Everything at once, by seed: applications that crash, are put out, rebalance and wait for slow or
// lost answers, with handlers that take their time and fail now and then. Whatever happens, nothing is
// lost, skipped or disordered, and what handlers published is there exactly once.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderShipped, orders, Stage, shipments, textOf } from '../../testing/consumer-stage.ts'
import { type FaultKind, faultKinds } from '../../testing/faults.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'

const keys = ['a', 'b', 'c', 'd', 'e']
const partitions = 3
const eventsPerKey = 12
const seeds = 25

describe('rule 3: a rebalance in the middle of everything', () => {
  it(`loses, skips and disorders nothing, and doubles no output, for ${seeds} seeds`, async () => {
    const fired = new Set<FaultKind>()
    for (let seed = 1; seed <= seeds; seed++) {
      for (const kind of (await run(seed)).fired.keys()) fired.add(kind)
    }

    assert.deepEqual([...fired].sort(), [...faultKinds].sort())
  })
})

describe('rule 6: a bad event in the middle of everything', () => {
  it(`is parked with all that follow its key, in order, for ${seeds} seeds`, async () => {
    for (let seed = 101; seed <= 100 + seeds; seed++) await run(seed, badEvent)
  })
})

const badEvent = { key: 'b', n: 5 }
class BadEvent extends Error {}

async function run(seed: number, bad?: typeof badEvent) {
  const chances = Object.fromEntries(faultKinds.map((kind) => [kind, 0.04]))
  const stage = new Stage({ seed, faults: { seed, chances, onCrash: () => void start() } })
  const faults = stage.engine.faults!
  const succeeded = new Map<string, number[]>()
  const chance = (limit: number) => stage.random.fraction() < limit
  const shipping = consumer('shipping', {
    from: orders,
    startAt: 'earliest',
    otherwise: 'stop',
    concurrency: 4,
    retry: {
      attempts: 1_000,
      backoff: constant('300ms'),
      retryIf: (error) => !(error instanceof BadEvent),
    },
    on: {
      OrderPlaced: async ({ data }, ctx) => {
        if (chance(0.5)) await stage.pause(stage.random.fraction() * 400)
        if (chance(0.1)) throw new Error('now and then')
        if (data.orderId === bad?.key && data.n === bad.n) throw new BadEvent('bad')
        await ctx.publish(OrderShipped(data))
        if (chance(0.2)) await stage.pause(stage.random.fraction() * 100)
        if (chance(0.05)) throw new Error('after publishing')
        const before = succeeded.get(data.orderId) ?? []
        succeeded.set(data.orderId, [...before, data.n])
      },
    },
  })
  const limits = { circuit: { failures: 1_000, keys: 100, probeMs: 100, maxProbeMs: 100 } }
  const start = () => stage.start(shipping, limits)

  await stage.drive(stage.prepare(partitions))
  await stage.drive(start())
  await stage.drive(start())
  for (let n = 1; n <= eventsPerKey; n++) {
    for (const key of keys) await stage.drive(stage.place(key, n))
    await stage.time.advance(150)
  }
  faults.stop()
  const finished = async () => {
    return (await stage.numbersIn(shipments.name, partitions)).length + stage.lot.entries.length
  }
  for (let i = 0; i < 300 && (await finished()) < keys.length * eventsPerKey; i++) {
    await stage.time.advance(1_000)
  }
  await stage.time.advance(20_000)

  const expected = Array.from({ length: eventsPerKey }, (_, i) => i + 1)
  for (const key of keys) {
    const isBad = key === bad?.key
    const good = isBad ? expected.slice(0, bad.n - 1) : expected
    const parked = isBad ? expected.slice(bad.n - 1) : []
    assert.deepEqual(parkedOf(stage, key), parked, `seed ${seed}: parked of key ${key}`)
    const first = [...new Set(succeeded.get(key))]
    assert.deepEqual(first, good, `seed ${seed}: order of key ${key}`)
    const shipped = (await stage.eventsIn(shipments.name, partitions)).filter(
      ({ orderId }) => orderId === key,
    )
    assert.deepEqual(
      shipped.map(({ n }) => n),
      good,
      `seed ${seed}: outputs of key ${key}`,
    )
  }
  return faults
}

function parkedOf(stage: Stage, orderId: string): (number | undefined)[] {
  const parked = stage.lot.entries.map(({ record }) => textOf(record))
  return parked.filter((order) => order.orderId === orderId).map(({ n }) => n)
}
