// Delayed events under everything at once, by seed: the applications that deliver them crash, are put
// out, rebalance and wait for slow or lost answers, while events are delayed, and delayed again. Whatever
// happens, each comes exactly once, not before its time, and those of a key in the order of their times.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dueMsIn, recordsIn, startDelaying } from '../../../../test/support/delaying-app.ts'
import { OrderPlaced, orders, Stage, textOf } from '../../testing/consumer-stage.ts'
import { type FaultKind, faultKinds } from '../../testing/faults.ts'
import { NotPublishedError } from '../errors.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e']
const PARTITIONS = 2
const EVENTS_PER_KEY = 10
const SEEDS = 15

describe('delayed events in the middle of everything', () => {
  it(`come once, in time and in order, for ${SEEDS} seeds`, async () => {
    const fired = new Set<FaultKind>()
    for (let seed = 1; seed <= SEEDS; seed++) for (const kind of await run(seed)) fired.add(kind)

    assert.deepEqual([...fired].sort(), [...faultKinds].sort())
  })
})

async function run(seed: number): Promise<Iterable<FaultKind>> {
  const chances = Object.fromEntries(faultKinds.map((kind) => [kind, 0.03]))
  const stage = new Stage({ seed, faults: { seed, chances, onCrash: () => void start() } })
  const faults = stage.engine.faults!
  const start = () => startDelaying(stage.engine)
  await stage.drive(stage.prepare(PARTITIONS))
  const publisher = await stage.drive(startDelaying(stage.engine, { takesPart: false }))
  await stage.drive(start())
  await stage.drive(start())
  const between = (least: number, most: number) => {
    return Math.round(least + stage.random.fraction() * (most - least))
  }
  /** Long enough that one whose answer was lost still waits when it is published again. */
  const publish = async (orderId: string, n: number) => {
    const delay = `${between(60, 120)}s` as const
    const publishing = () => publisher.publish(OrderPlaced({ orderId, n }), { id: `${n}`, delay })
    for (let isDone = false; !isDone; ) {
      isDone = await stage.drive(publishing()).then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof NotPublishedError, `${error}`)
          return false
        },
      )
    }
  }

  for (let n = 0; n < KEYS.length * EVENTS_PER_KEY; n++) {
    await publish(KEYS[n % KEYS.length]!, n)
    // Some are put off before they are due.
    if (stage.random.fraction() < 0.2) await publish(KEYS[n % KEYS.length]!, n)
    await stage.time.advance(between(0, 4_000))
  }
  await stage.time.advance(60_000)
  faults.stop()
  const delivered = () => recordsIn(publisher.transport, orders.name)
  for (let i = 0; i < 60 && (await delivered()).length < KEYS.length * EVENTS_PER_KEY; i++) {
    await stage.time.advance(5_000)
  }
  await stage.time.advance(120_000)

  const records = await delivered()
  const expected = Array.from({ length: KEYS.length * EVENTS_PER_KEY }, (_, n) => n)
  const numbers = records.map((record) => textOf(record).n!)
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    expected,
    `seed ${seed}: each once`,
  )
  for (const record of records) {
    assert.ok(record.timestampMs >= dueMsIn(record), `seed ${seed}: one came early`)
  }
  for (const key of KEYS) {
    const dues = records.filter((record) => textOf(record).orderId === key).map(dueMsIn)
    const inOrder = dues.toSorted((a, b) => a - b)
    assert.deepEqual(dues, inOrder, `seed ${seed}: order of key ${key}`)
  }
  return faults.fired.keys()
}
