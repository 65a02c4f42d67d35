import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../testing/seeded-random.ts'
import { Scheduler, type Started } from './scheduler.ts'

describe('the scheduler', () => {
  it('runs the events of a key one at a time and in order, others beside them', () => {
    const scheduler = new Scheduler<string>({ concurrency: 10 })
    scheduler.offer('orders-0', 'a', 'a1', 1)
    scheduler.offer('orders-0', 'a', 'a2', 1)
    scheduler.offer('orders-0', 'b', 'b1', 1)

    const first = takeAll(scheduler)
    scheduler.finish(first[0] as Started<string>)
    const second = takeAll(scheduler)

    assert.deepEqual(first.map(itemsOf), ['a1', 'b1'])
    assert.deepEqual(second.map(itemsOf), ['a2'])
  })

  it('rule 5: while one event of a key waits to be tried again, its key waits and others run', () => {
    const scheduler = new Scheduler<string>({ concurrency: 1 })
    scheduler.offer('orders-0', 'a', 'a1', 1)
    scheduler.offer('orders-0', 'a', 'a2', 1)
    scheduler.offer('orders-0', 'b', 'b1', 1)

    const a1 = scheduler.take() as Started<string>
    scheduler.wait(a1)
    const b1 = scheduler.take() as Started<string>
    scheduler.finish(b1)

    assert.equal(itemsOf(b1), 'b1')
    assert.equal(scheduler.take(), undefined)
    scheduler.retry(a1)
    assert.equal(scheduler.take(), a1)
    scheduler.finish(a1)
    assert.deepEqual(takeAll(scheduler).map(itemsOf), ['a2'])
  })

  it('rule 23: partitions take turns, so that a busy one cannot starve another', () => {
    const scheduler = new Scheduler<string>({ concurrency: 1 })
    for (let i = 0; i < 1000; i++) scheduler.offer('busy', undefined, `busy ${i}`, 1)
    scheduler.offer('quiet', undefined, 'quiet', 1)

    const order: string[] = []
    for (let i = 0; i < 3; i++) {
      const started = scheduler.take() as Started<string>
      order.push(started.partition)
      scheduler.finish(started)
    }

    assert.ok(order.includes('quiet'), order.join())
  })

  it('takes several consecutive events of a lane as one', () => {
    const scheduler = new Scheduler<string>({ concurrency: 4 })
    for (const item of ['a1', 'a2', 'a3']) scheduler.offer('orders-0', 'a', item, 10)

    const batch = scheduler.take(2) as Started<string>

    assert.deepEqual(batch.items, ['a1', 'a2'])
    assert.equal(scheduler.take(2), undefined)
    scheduler.finish(batch)
    assert.deepEqual(scheduler.load, { count: 1, bytes: 10 })
    assert.deepEqual(scheduler.take(2)?.items, ['a3'])
  })

  it('lets events of serial partitions run one at a time over all of them', () => {
    const scheduler = new Scheduler<string>({ concurrency: 10 })
    for (const partition of ['p0', 'p1']) {
      scheduler.setSerial(partition, true)
      scheduler.offer(partition, 'a', `${partition} a`, 1)
      scheduler.offer(partition, 'b', `${partition} b`, 1)
    }
    scheduler.offer('p2', 'a', 'p2 a', 1)

    const first = takeAll(scheduler)

    assert.deepEqual(first.map(itemsOf).sort(), ['p0 a', 'p2 a'])
    scheduler.finish(first.find(({ partition }) => partition === 'p0') as Started<string>)
    assert.equal(takeAll(scheduler).length, 1)
    scheduler.setSerial('p0', false)
    assert.equal(takeAll(scheduler).length, 1)
  })

  it('keeps its promises over 300 seeds of offers, retries, drops and finishes', () => {
    for (let seed = 1; seed <= 300; seed++) checkSeed(seed)
  })
})

interface Event {
  readonly partition: string
  readonly key: string | undefined
  readonly sequence: number
}

function checkSeed(seed: number): void {
  const random = new SeededRandom(seed)
  const below = (limit: number) => Math.floor(random.fraction() * limit)
  const concurrency = 1 + below(5)
  const scheduler = new Scheduler<Event>({ concurrency })
  const finished: Event[] = []
  let running: Started<Event>[] = []
  let waiting: Started<Event>[] = []
  let offered = 0

  const finish = (started: Started<Event>) => {
    scheduler.finish(started)
    if (!started.isDropped) finished.push(...started.items)
  }
  for (let step = 0; step < 300; step++) {
    const choice = below(12)
    if (choice < 5) {
      const key = below(5) === 0 ? undefined : `k${below(3)}`
      const event = { partition: `p${below(3)}`, key, sequence: offered++ }
      scheduler.offer(event.partition, key, event, 1)
    } else if (choice < 8) {
      const started = scheduler.take(1 + below(3))
      if (started !== undefined) {
        const others = running.filter((other) => !other.isDropped)
        for (const { key, partition } of others.flatMap(({ items }) => items)) {
          const isSame = key !== undefined && key === started.items[0]?.key
          assert.ok(!isSame || partition !== started.partition, `seed ${seed}: a key runs twice`)
        }
        waiting = waiting.filter((other) => other !== started)
        running.push(started)
      }
    } else if (choice < 11 && running.length > 0) {
      const [started] = running.splice(below(running.length), 1) as [Started<Event>]
      if (choice === 10) {
        scheduler.wait(started)
        waiting.push(started)
        if (below(2) === 0) scheduler.retry(started)
      } else finish(started)
    } else if (below(8) === 0) {
      const partition = `p${below(3)}`
      const before = finished.length
      for (const started of scheduler.drop(partition)) assert.ok(started.isDropped)
      assert.equal(finished.length, before)
      waiting = waiting.filter(({ isDropped }) => !isDropped)
    }
    assert.ok(scheduler.running <= concurrency, `seed ${seed}: too many at once`)
    assert.equal(scheduler.running, running.length)
  }

  for (;;) {
    for (const started of waiting) if (!started.isDropped) scheduler.retry(started)
    waiting = []
    for (const started of running.splice(0)) finish(started)
    running = takeAll(scheduler)
    if (running.length === 0) break
  }
  assert.deepEqual(scheduler.load, { count: 0, bytes: 0 }, `seed ${seed}: something was left`)
  const newest = new Map<string, number>()
  for (const { partition, key, sequence } of finished) {
    if (key === undefined) continue
    const lane = `${partition} ${key}`
    assert.ok(sequence > (newest.get(lane) ?? -1), `seed ${seed}: ${lane} out of order`)
    newest.set(lane, sequence)
  }
}

function takeAll<Item>(scheduler: Scheduler<Item>): Started<Item>[] {
  const all: Started<Item>[] = []
  for (let next = scheduler.take(); next !== undefined; next = scheduler.take()) all.push(next)
  return all
}

function itemsOf(started: Started<string>): string {
  return started.items.join('+')
}
