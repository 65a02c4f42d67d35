// Parking under everything at once, by seed: applications crash, rebalance and wait for slow or lost
// answers, handlers give events up, and an operator asks for redrives all the while.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  askOwner,
  EVERYTHING,
  GROUP,
  startParking,
} from '../../../../test/support/parking-consumer.ts'
import { OrderShipped, orders, Stage, shipments } from '../../testing/consumer-stage.ts'
import { type FaultKind, faultKinds } from '../../testing/faults.ts'
import { consumer } from '../consumer.ts'

const KEYS = ['a', 'b', 'c', 'd']
const PARTITIONS = 2
const EVENTS_PER_KEY = 12
const SEEDS = 15

describe('rule 6: parking and redrive in the middle of everything', () => {
  it(`lose and disorder nothing, and double no output, for ${SEEDS} seeds`, async () => {
    const fired = new Set<FaultKind>()
    let redriven = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = await run(seed)
      for (const kind of result.fired) fired.add(kind)
      redriven += result.redriven
    }

    assert.deepEqual([...fired].sort(), [...faultKinds].sort())
    assert.ok(redriven > SEEDS, 'redrives went on all the while')
  })
})

async function run(seed: number) {
  const chances = Object.fromEntries(faultKinds.map((kind) => [kind, 0.02]))
  const stage = new Stage({ seed, faults: { seed, chances, onCrash: () => void start() } })
  const faults = stage.engine.faults!
  const succeeded = new Map<string, number[]>()
  let isBad = true
  let redriven = 0
  const shipping = consumer(GROUP, {
    from: orders,
    startAt: 'earliest',
    otherwise: 'stop',
    concurrency: 4,
    retry: { attempts: 1 },
    on: {
      OrderPlaced: async ({ data }, ctx) => {
        if (stage.random.fraction() < 0.3) await stage.pause(stage.random.fraction() * 300)
        if (isBad && stage.random.fraction() < 0.15) throw new Error('not today')
        await ctx.publish(OrderShipped(data))
        const before = succeeded.get(data.orderId) ?? []
        succeeded.set(data.orderId, [...before, data.n])
      },
    },
  })
  const circuit = { failures: 1_000, keys: 100, probeMs: 100, maxProbeMs: 100 }
  const parking = { consecutive: 1_000, ratio: 1, window: 1_000 }
  const start = () =>
    startParking(stage, shipping, {
      consumer: { circuit, parking },
      onNotice: ({ kind }) => {
        if (kind === 'redriven') redriven++
      },
    })
  let asked = 0
  const askAll = async () => {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const place = { id: `r${asked++}`, partition, partitions: PARTITIONS }
      // A lost answer or none: the operator asks again anyway.
      await stage.drive(askOwner(stage, EVERYTHING, place).catch(() => undefined))
    }
  }

  await stage.drive(stage.prepare(PARTITIONS))
  await stage.drive(start())
  await stage.drive(start())
  for (let n = 1; n <= EVENTS_PER_KEY; n++) {
    for (const key of KEYS) await stage.drive(stage.place(key, n))
    await stage.time.advance(300)
    if (n % 3 === 0) await askAll()
  }
  faults.stop()
  isBad = false
  const shipped = async () => (await stage.numbersIn(shipments.name, PARTITIONS)).length
  for (let i = 0; i < 60 && (await shipped()) < KEYS.length * EVENTS_PER_KEY; i++) {
    await stage.time.advance(5_000)
    await askAll()
  }
  await stage.time.advance(20_000)

  const expected = Array.from({ length: EVENTS_PER_KEY }, (_, i) => i + 1)
  for (const key of KEYS) {
    const first = [...new Set(succeeded.get(key))]
    assert.deepEqual(first, expected, `seed ${seed}: order of key ${key}`)
    const outputs = (await stage.eventsIn(shipments.name, PARTITIONS))
      .filter(({ orderId }) => orderId === key)
      .map(({ n }) => n)
    assert.deepEqual(outputs, expected, `seed ${seed}: outputs of key ${key}`)
  }
  return { fired: [...faults.fired.keys()], redriven }
}
