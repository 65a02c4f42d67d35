import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ALL,
  ask,
  failed,
  follower,
  owner,
  type ParkingWorld,
  parkedTopicKeys,
  parkingWorld,
  record,
  textOf,
} from '../../../../test/support/parking-owner.ts'
import type { ParkingNotice } from './open-partition.ts'

const key = (text: string) => Buffer.from(text)

/** Long enough for every look at the topic, every wait and every backoff. */
const settle = (world: ParkingWorld) => world.time.advance(30_000)

async function whileTimeGoesOn<T>(world: ParkingWorld, work: Promise<T>): Promise<T> {
  let isDone = false
  const done = (): void => {
    isDone = true
  }
  work.then(done, done)
  await world.time.until(() => isDone)
  return work
}

describe('rule 7: parking an event', () => {
  it('is durable once it resolves, and holds the key for what follows', async () => {
    const world = await parkingWorld()
    const partition = await (await owner(world)).take()
    assert.equal(partition.holds(key('a')), false)

    const outcome = await partition.park(failed(4, 'a'))

    assert.deepEqual(outcome, { kind: 'parked' })
    assert.equal(partition.holds(key('a')), true)
    assert.equal(partition.holds(key('b')), false)
    assert.ok((await parkedTopicKeys(world)).has('orders/0/4'))
  })

  it('that cannot be written is not parked: the caller hears it, and may do it again', async () => {
    const world = await parkingWorld()
    let isDiskFull = false
    const consumer = await owner(world, {
      onWrite: () => {
        if (isDiskFull) throw new Error('the disk is full')
      },
    })
    const partition = await consumer.take()

    isDiskFull = true
    await assert.rejects(partition.park(failed(4, 'a')), /disk is full/)
    assert.equal(partition.holds(key('a')), false)
    assert.ok(!(await parkedTopicKeys(world)).has('orders/0/4'))

    isDiskFull = false
    assert.deepEqual(await partition.park(failed(4, 'a')), { kind: 'parked' })
  })

  it('twice, after a crash before the commit, is the same as once', async () => {
    const world = await parkingWorld()
    const first = await (await owner(world)).take()
    await first.park(failed(4, 'a'))
    await first.park(follower(5, 'a'))
    await first.close()
    const second = await owner(world)
    const partition = await second.take()

    await partition.park(follower(4, 'a'))
    await partition.park(follower(5, 'a'))
    await settle(world)

    assert.deepEqual(second.begun, [], 'nobody asked for a redrive')
    await ask(world, ALL)
    await settle(world)
    assert.deepEqual(second.handled, ['a4', 'a5'])
  })

  it('is known to the next owner before its first record', async () => {
    const world = await parkingWorld()
    const first = await (await owner(world)).take()
    await first.park(failed(4, 'a'))
    await first.close()

    const next = await (await owner(world)).take()

    assert.equal(next.holds(key('a')), true)
  })

  it('is waited for by the next owner when it stands behind an undecided transaction', async () => {
    const world = await parkingWorld()
    const first = await (await owner(world)).take()
    await first.park(failed(4, 'a'))
    const hung = await world.transport.transactionalProducer('hung')
    const decided = Promise.withResolvers<void>()
    const transaction = hung.transaction(async ({ send }) => {
      const records = [{ key: key('orders/0/4'), value: null, headers: [] }]
      await send({ topic: '__millrace_parked.billing', partition: 0, records })
      await decided.promise
    })
    await world.time.settle()

    const opening = (await owner(world)).take()
    let isOpen = false
    void opening.then(() => {
      isOpen = true
    })
    await world.time.advance(5000)
    assert.equal(isOpen, false, 'what was redriven by the last owner is not known yet')
    decided.resolve()
    await transaction
    await world.time.until(() => isOpen)

    assert.equal((await opening).holds(key('a')), false, 'the transaction has redriven it')
  })

  it('lies where only the owner of its source partition reads', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const [zero, one] = [await consumer.take(0), await consumer.take(1)]

    await zero.park(failed(4, 'a', 0))
    await one.park(failed(9, 'b', 1))

    assert.ok((await parkedTopicKeys(world, 0)).has('orders/0/4'))
    assert.ok((await parkedTopicKeys(world, 1)).has('orders/1/9'))
    assert.equal(one.holds(key('a')), false)
  })

  it('by way of a retry topic is found by the owner of the partition it is from', async () => {
    const world = await parkingWorld()
    await world.transport.administration.ensureTopics([{ name: 'retries', partitions: 2 }])
    const consumer = await owner(world)
    const home = await consumer.take(1)
    const retries = await consumer.take(0, 'retries')

    await retries.park(failed(4, 'a', 1))
    await settle(world)

    assert.equal(home.holds(key('a')), true)
    assert.equal(retries.holds(key('a')), false)
    await ask(world, ALL, { partition: 1 })
    await settle(world)
    assert.deepEqual(consumer.handled, ['a4'])
    assert.equal(home.holds(key('a')), false)
  })

  it('beyond a limit is refused with that limit, and nothing is dropped', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world, { limits: { perKey: 2, perPartition: 3 } })
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await partition.park(follower(2, 'a'))

    const tooManyOfKey = await partition.park(follower(3, 'a'))
    await partition.park(failed(4, 'b'))
    const tooMany = await partition.park(failed(5, 'c'))

    assert.deepEqual(tooManyOfKey, { kind: 'full', limit: '2 parked events of one key' })
    assert.deepEqual(tooMany, { kind: 'full', limit: '3 parked events of one partition' })
    assert.equal(partition.holds(key('c')), false)

    await ask(world, ALL)
    await settle(world)
    assert.deepEqual(consumer.handled.toSorted(), ['a1', 'a2', 'b4'])
    assert.deepEqual(
      await partition.park(failed(5, 'c')),
      { kind: 'parked' },
      'there is room again',
    )
  })
})

describe('rule 6: a redrive', () => {
  it('replays a key in order while new events of it arrive, and then the key is live', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await partition.park(follower(2, 'a'))
    consumer.held.add('a2')

    await ask(world, ALL)
    await world.time.until(() => consumer.begun.includes('a2'))
    assert.equal(partition.holds(key('a')), true)
    const next = partition.park(follower(3, 'a'))
    consumer.release('a2')

    assert.deepEqual(await whileTimeGoesOn(world, next), { kind: 'live' })
    assert.deepEqual(consumer.handled, ['a1', 'a2'])
    assert.equal(partition.holds(key('a')), false)
  })

  it('that takes long has new events of the key follow into the lot', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    consumer.held.add('a1')
    await ask(world, ALL)
    await world.time.until(() => consumer.begun.includes('a1'))

    const next = partition.park(follower(2, 'a'))

    assert.deepEqual(await whileTimeGoesOn(world, next), { kind: 'parked' })
    consumer.release('a1')
    await settle(world)
    assert.deepEqual(consumer.handled, ['a1', 'a2'])
    assert.equal(partition.holds(key('a')), false)
  })

  it('leaves alone what is not committed: it may come again', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    consumer.committedBelow = 1
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await ask(world, ALL)
    await settle(world)
    assert.deepEqual(consumer.begun, [])

    consumer.committedBelow = 2
    await settle(world)

    assert.deepEqual(consumer.handled, ['a1'])
  })

  it('of one key leaves the others where they are', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    for (const [offset, name] of ['a', 'b', 'c'].entries())
      await partition.park(failed(offset, name))

    const selection = { kind: 'key', key: key('b').toString('base64') } as const
    await ask(world, { kind: 'redrive', selection, perSecond: 10 })
    await settle(world)

    assert.deepEqual(consumer.handled, ['b1'])
    assert.equal(partition.holds(key('a')), true)
    assert.equal(partition.holds(key('b')), false)
  })

  it('of a time means what last failed in it', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    for (const [offset, name] of ['a', 'b', 'c'].entries())
      await partition.park(failed(offset, name))
    await partition.park(follower(3, 'b'))

    const selection = { kind: 'failed-between', fromMs: 1001, toMs: 1002 } as const
    await ask(world, { kind: 'redrive', selection, perSecond: 10 })
    await settle(world)

    assert.deepEqual(consumer.handled, ['b1', 'b3'])
  })

  it('ends: an event that fails again goes back with its count, and is not run again', async () => {
    const world = await parkingWorld()
    const notices: ParkingNotice[] = []
    const consumer = await owner(world, { onNotice: (notice) => notices.push(notice) })
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await partition.park(follower(2, 'a'))
    consumer.failing.add('a1')

    await ask(world, ALL)
    await settle(world)

    assert.deepEqual(consumer.begun, ['a1'])
    assert.equal(partition.holds(key('a')), true)
    assert.deepEqual(
      notices.map((notice) => [notice.kind, notice.kind === 'redrive-failed' && notice.attempts]),
      [['redrive-failed', 6]],
    )
    await partition.close()
    const next = await owner(world)
    await next.take()
    await settle(world)
    assert.deepEqual(next.begun, [], 'the request has been done')

    await ask(world, ALL, { id: 'r2' })
    await settle(world)
    assert.deepEqual(next.handled, ['a1', 'a2'])
  })

  it('holds the key by a follower that fails, once the event before it has left', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await partition.park(follower(2, 'a'))
    await partition.park(follower(3, 'a'))
    consumer.failing.add('a2')

    await ask(world, ALL)
    await settle(world)
    assert.deepEqual(consumer.begun, ['a1', 'a2'])

    consumer.failing.clear()
    await ask(world, ALL, { id: 'r2' })
    await settle(world)
    assert.deepEqual(consumer.handled, ['a1', 'a2', 'a3'])
  })

  it('begins no more events in a second than it was asked to', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    for (let offset = 0; offset < 10; offset++) await partition.park(failed(offset, `k${offset}`))

    await ask(world, { kind: 'redrive', selection: { kind: 'all' }, perSecond: 2 })
    await world.time.until(() => consumer.begun.length === 1)
    const begunMs = world.time.monotonicMs()
    await world.time.until(() => consumer.begun.length === 10)

    assert.equal(world.time.monotonicMs() - begunMs, 4500)
  })

  it('of an event that ends the process is given up, and others go on', async () => {
    const world = await parkingWorld()
    const first = await owner(world)
    const parking = await first.take()
    await parking.park(failed(1, 'a'))
    await parking.park(failed(2, 'b'))
    await first.lot.close()
    await ask(world, ALL)

    for (let life = 1; life <= 3; life++) {
      let isDead = false
      const killed = await owner(world, {
        onWrite: () => {
          if (isDead) throw new Error('the process has ended')
        },
      })
      killed.held.add('a1')
      await killed.take()
      await world.time.until(() => killed.begun.includes('a1'))
      isDead = true
      await killed.lot.close()
    }
    const last = await owner(world)
    const partition = await last.take()
    await settle(world)

    assert.deepEqual(last.begun, ['b2'])
    assert.equal(partition.holds(key('a')), true)
    const parked = (await parkedTopicKeys(world)).get('orders/0/1')
    const headers = new Map(parked?.headers.map(([name, value]) => [name, textOf(value)]))
    assert.equal(headers.get('millrace-parked-reason'), 'crashed')
  })

  it('that is interrupted by a rebalance goes on with the next owner', async () => {
    const world = await parkingWorld()
    const first = await owner(world)
    const parking = await first.take()
    for (let offset = 1; offset <= 4; offset++) {
      await parking.park(offset === 1 ? failed(1, 'a') : follower(offset, 'a'))
    }
    first.held.add('a2')
    await ask(world, ALL)
    await world.time.until(() => first.begun.includes('a2'))

    first.isRevoked = true
    const closing = parking.close()
    first.release('a2')
    await closing
    const second = await owner(world)
    const partition = await second.take()
    await settle(world)

    assert.deepEqual(first.handled, ['a1'])
    assert.deepEqual(second.handled, ['a2', 'a3', 'a4'])
    assert.equal(partition.holds(key('a')), false)
  })

  it('of events that hold no key takes each by itself', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    await partition.park({ ...failed(1, 'a'), holdsKey: false })
    await partition.park({ ...failed(2, 'a'), holdsKey: false })
    await partition.park({ ...failed(3, 'a'), record: record(3, null), holdsKey: false })
    consumer.failing.add('a1')
    assert.equal(partition.holds(key('a')), false)

    await ask(world, ALL)
    await settle(world)

    assert.deepEqual(consumer.handled, ['a2', 'null3'])
  })
})

describe('a discard', () => {
  it('of the event that failed lets those that follow it run', async () => {
    const world = await parkingWorld()
    const notices: ParkingNotice[] = []
    const consumer = await owner(world, { onNotice: (notice) => notices.push(notice) })
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await partition.park(follower(2, 'a'))

    const selection = { kind: 'event', event: 'orders/0/1' } as const
    await ask(world, { kind: 'discard', selection, reason: 'a test order' })
    await settle(world)

    assert.deepEqual(consumer.handled, ['a2'])
    assert.equal(partition.holds(key('a')), false)
    const [notice] = notices
    assert.equal(notice?.kind === 'discarded' && notice.reason, 'a test order')
  })

  it('of a key means what was parked before it, and keeps the reason', async () => {
    const world = await parkingWorld()
    const consumer = await owner(world)
    const partition = await consumer.take()
    await partition.park(failed(1, 'a'))
    await partition.park(follower(2, 'a'))

    const selection = { kind: 'key', key: key('a').toString('base64') } as const
    await ask(world, { kind: 'discard', selection, reason: 'closed account' })
    await settle(world)

    assert.deepEqual(consumer.begun, [])
    assert.equal(partition.holds(key('a')), false)
    const left = (await parkedTopicKeys(world)).get('orders/0/2')
    assert.equal(left?.value, null)
    assert.deepEqual(
      left?.headers.map(([name, value]) => [name, textOf(value)]),
      [['millrace-parked-discarded-for', 'closed account']],
    )
  })
})

describe('an owner that dies at any write', () => {
  it('leaves nothing unhandled and no key out of order', async () => {
    let wasDeadlier = true
    for (let fatalWrite = 1; wasDeadlier; fatalWrite++) {
      for (const when of ['before', 'after'] as const) {
        wasDeadlier = await liveAndDie(fatalWrite, when)
      }
    }
  })
})

/** @returns whether there were so many writes */
async function liveAndDie(fatalWrite: number, when: 'before' | 'after'): Promise<boolean> {
  const world = await parkingWorld()
  let writes = 0
  let isDead = false
  const first = await owner(world, {
    onWrite: (moment) => {
      if (moment === 'before') writes++
      isDead ||= writes === fatalWrite && moment === when
      if (isDead) throw new Error('the process has ended')
    },
  })
  const events = [failed(1, 'a'), follower(2, 'a'), failed(3, 'b'), follower(4, 'a')]
  const firstPartition = await first.take().catch(() => undefined)
  for (const entry of events) await firstPartition?.park(entry).catch(() => undefined)
  await ask(world, ALL).catch(() => undefined)
  await world.time.advance(10_000)
  await first.lot.close()

  const second = await owner(world)
  second.committedBelow = 0
  const partition = await second.take()
  await world.time.advance(10_000)
  // What was not committed comes again: all of it, in the worst case, and this time it can be handled.
  const lives: string[] = []
  for (const entry of events) {
    const name = key(textOf(entry.record.key))
    const parking = partition.holds(name)
      ? whileTimeGoesOn(world, partition.park({ ...entry, reason: 'follows' }))
      : undefined
    if ((await parking)?.kind !== 'parked') lives.push(textOf(entry.record.value))
    second.committedBelow = entry.record.offset + 1
    await world.time.advance(5000)
  }
  await ask(world, ALL, { id: 'r2' })
  await settle(world)

  const order = [...first.handled, ...second.handled]
  const label = `dead ${when} write ${fatalWrite}: ${first.handled} | ${second.handled} | ${lives}`
  for (const value of ['a1', 'a2', 'b3', 'a4']) {
    assert.ok(order.includes(value) || lives.includes(value), `${value} is lost, ${label}`)
  }
  const redriven = second.handled.filter((value) => value.startsWith('a'))
  assert.deepEqual(redriven, redriven.toSorted(), label)
  assert.equal(partition.holds(key('a')), false, label)
  await second.lot.close()
  return isDead
}
