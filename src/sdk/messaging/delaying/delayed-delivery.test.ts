import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type DelayingApp,
  dueMsIn,
  hasTakenInAll,
  recordsIn,
  startDelaying,
} from '../../../../test/support/delaying-app.ts'
import { runCausedBy } from '../../events/context.ts'
import { headerTextOf } from '../../events/headers.ts'
import {
  OrderPaid,
  OrderPlaced,
  OrderShipped,
  orders,
  Stage,
  textOf,
} from '../../testing/consumer-stage.ts'
import { memory } from '../../testing/memory/memory.ts'
import { SeededRandom } from '../../testing/seeded-random.ts'
import { VirtualTime } from '../../testing/virtual-time.ts'
import { UnknownTopicError } from '../../transport/errors.ts'
import type { JoinOptions } from '../../transport/group-member.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'
import { ConsumerRun } from '../running/consumer-run.ts'
import { TIMERS_TOPIC } from './timer-record.ts'

const MINUTE_MS = 60_000

/** One application that delivers, and what tests do with it. */
async function begin(stage = new Stage(), options?: { takesPart?: boolean }) {
  await stage.prepare()
  const app = await startDelaying(stage.engine, options)
  return { stage, app, publish: publishing(stage, app) }
}

function publishing(stage: Stage, app: DelayingApp) {
  return (...publish: Parameters<DelayingApp['publish']>) => stage.drive(app.publish(...publish))
}

async function close(stage: Stage, app: DelayingApp): Promise<void> {
  await stage.drive(app.delivery.close())
  await stage.drive(app.transport.close())
}

describe('a delayed event', () => {
  it('is published when it is due, not before, as if it had just happened', async () => {
    const { stage, app, publish } = await begin()
    const dueMs = stage.time.nowMs() + 10 * MINUTE_MS
    const published = await publish(OrderPlaced({ orderId: 'a', n: 1 }), {
      id: 'paid-42',
      delay: '10m',
    })

    await stage.time.advance(10 * MINUTE_MS - 1)
    assert.deepEqual(await stage.numbersIn('orders'), [])
    assert.equal(app.delivery.status().waiting, 1)
    await stage.time.advance(1)

    const [record] = await recordsIn(app.transport, 'orders')
    assert.equal(published.id, 'paid-42')
    assert.equal(published.position.topic, TIMERS_TOPIC)
    assert.equal(`${Buffer.from(record!.key!)}`, 'a')
    assert.equal(headerTextOf(record!.headers, 'ce_id'), 'paid-42')
    assert.equal(headerTextOf(record!.headers, 'ce_time'), new Date(dueMs).toISOString())
    assert.deepEqual(
      record!.headers.filter(([name]) => name.startsWith('millrace-timer')),
      [],
    )
    assert.equal(record!.timestampMs, dueMs)
    assert.deepEqual(app.delivery.status(), {
      ...{ state: 'running', partitions: [0, 1, 2, 3] },
      ...{ waiting: 0, nextDue: undefined, refused: [] },
    })
  })

  it('comes of what it was published under', async () => {
    const { stage, app, publish } = await begin()
    await publish(OrderPlaced({ orderId: 'a', n: 1 }))
    const [first] = await recordsIn(app.transport, 'orders')
    const text = (name: string) => headerTextOf(first!.headers, name)!
    const cause = {
      id: text('ce_id'),
      correlationId: text('ce_correlationid'),
      traceparent: text('traceparent'),
      metadata: { tenant: 'acme' },
    }
    const publishing = runCausedBy(cause as never, () =>
      app.publish(OrderPaid({ orderId: 'a', n: 2 }), { delay: '1m' }),
    )
    await stage.drive(publishing)

    await stage.time.advance(MINUTE_MS)

    const paid = (await recordsIn(app.transport, 'orders'))[1]!
    assert.equal(headerTextOf(paid.headers, 'ce_causationid'), cause.id)
    assert.equal(headerTextOf(paid.headers, 'ce_correlationid'), cause.correlationId)
    assert.equal(headerTextOf(paid.headers, 'ce_tenant'), 'acme')
    const traceOf = (traceparent: string | undefined) => traceparent?.split('-')[1]
    const traceparent = headerTextOf(paid.headers, 'traceparent')
    assert.equal(traceOf(traceparent), traceOf(cause.traceparent))
  })

  it('is published at once when its moment has passed', async () => {
    const { stage, app, publish } = await begin()
    const nowMs = stage.time.nowMs()

    await publish(OrderPlaced({ orderId: 'a', n: 1 }), { at: new Date(0) })
    await stage.time.advance(0)

    const [record] = await recordsIn(app.transport, 'orders')
    assert.equal(dueMsIn(record!), nowMs)
  })

  it('is published once, at the later time, when it is delayed again under its id', async () => {
    const { stage, publish } = await begin()
    const again = { id: 'reminder', delay: '1m' } as const
    await publish(OrderPlaced({ orderId: 'a', n: 1 }), again)
    await stage.time.advance(MINUTE_MS / 2)
    await publish(OrderPlaced({ orderId: 'a', n: 2 }), again)

    await stage.time.advance(MINUTE_MS - 1)
    assert.deepEqual(await stage.numbersIn('orders'), [])
    await stage.time.advance(10 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), [2])
  })

  it('keeps its place among those of its key: by time, and of one moment as published', async () => {
    const { stage, publish } = await begin()
    const at = new Date(stage.time.nowMs() + MINUTE_MS)
    const later = new Date(at.getTime() + 1)
    await publish(OrderPlaced({ orderId: 'a', n: 5 }), { at: later })
    for (const n of [1, 2, 3, 4]) await publish(OrderPlaced({ orderId: 'a', n }), { at })

    await stage.time.advance(2 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), [1, 2, 3, 4, 5])
  })

  it('of many that are due at once keeps its place, too', async () => {
    const { stage, app } = await begin()
    const numbers = Array.from({ length: 1_200 }, (_, n) => n)
    const all = numbers.map((n) => OrderPlaced({ orderId: 'a', n }))
    await stage.drive(app.publisher.publish(all, { delay: '1m' }))

    await stage.time.advance(2 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), numbers)
    assert.equal(app.delivery.status().waiting, 0)
  })

  it('is refused when it is published, if its time makes no sense', async () => {
    const { app } = await begin()
    const event = OrderPlaced({ orderId: 'a', n: 1 })

    await assert.rejects(app.publish(event, { delay: '400d' }), { code: 'invalid-delay' })
    await assert.rejects(app.publish(event, { delay: 'soon' as '1s' }), { code: 'bad-duration' })
    await assert.rejects(app.publish(event, { at: new Date('') }), { code: 'invalid-delay' })
    assert.equal(app.delivery.status().state, 'idle', 'nothing was accepted')
  })
})

describe('what a handler delays', () => {
  const handle = (stage: Stage, fails: (n: number) => boolean) =>
    consumer('billing', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      retry: { attempts: 3, backoff: constant('1s') },
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          await ctx.publish(OrderShipped(data), { delay: '1m' })
          if (fails(ctx.attempt)) throw new Error('not yet')
          await stage.pause(10)
        },
      },
    })

  it('goes out with its progress, once, and comes when it is due', async () => {
    const { stage, app, publish } = await begin()
    const { transport, outgoing, destinations } = app
    const run = new ConsumerRun({
      consumer: handle(stage, (attempt) => attempt < 3),
      ...{ service: 'trial', transport, outgoing, destinations, lot: stage.lot },
    })
    await run.start()

    await publish(OrderPlaced({ orderId: 'a', n: 1 }))
    await stage.time.advance(30_000)
    assert.deepEqual(await stage.numbersIn('shipments'), [])
    assert.equal(app.delivery.status().waiting, 1, 'the attempts that failed delayed nothing')
    await stage.time.advance(2 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('shipments'), [1])
    const [shipped] = await recordsIn(transport, 'shipments')
    const [placed] = await recordsIn(transport, 'orders')
    const idOf = (name: string) => headerTextOf(shipped!.headers, name)
    assert.equal(idOf('ce_causationid'), headerTextOf(placed!.headers, 'ce_id'))
  })
})

describe('who delivers', () => {
  it('goes on where an application that was closed has left off', async () => {
    const { stage, app, publish } = await begin()
    await publish(OrderPlaced({ orderId: 'a', n: 1 }), { delay: '1m' })
    await publish(OrderPlaced({ orderId: 'b', n: 2 }), { delay: '2m' })
    await stage.time.advance(90_000)
    await close(stage, app)
    await stage.time.advance(MINUTE_MS)
    assert.deepEqual(await stage.numbersIn('orders'), [1])

    await startDelaying(stage.engine)
    await stage.time.advance(10)

    assert.deepEqual(await stage.numbersIn('orders'), [1, 2], 'what is due is delivered at once')
  })

  it('is any application that is connected, of whatever service, publishing or not', async () => {
    const stage = new Stage()
    await stage.prepare()
    const waiting = await startDelaying(stage.engine, { service: 'warehouse' })
    assert.equal(waiting.delivery.status().state, 'idle')
    const app = await startDelaying(stage.engine, { service: 'job' })
    await publishing(stage, app)(OrderPlaced({ orderId: 'a', n: 1 }), { delay: '10m' })

    await close(stage, app)
    await stage.time.advance(20 * MINUTE_MS)

    assert.equal(waiting.delivery.status().state, 'running')
    assert.deepEqual(await stage.numbersIn('orders'), [1])
  })

  it('is not one that is told to leave it to others', async () => {
    const { stage, app, publish } = await begin(new Stage(), { takesPart: false })
    await publish(OrderPlaced({ orderId: 'a', n: 1 }), { delay: '1s' })

    await stage.time.advance(5 * MINUTE_MS)

    assert.equal(app.delivery.status().state, 'off')
    assert.deepEqual(await stage.numbersIn('orders'), [])
    await startDelaying(stage.engine)
    await stage.time.advance(10)
    assert.deepEqual(await stage.numbersIn('orders'), [1])
  })

  it('shares the partitions with others, and takes over from one that died', async () => {
    const { stage, app, publish } = await begin()
    for (let n = 0; n < 20; n++) {
      await publish(OrderPlaced({ orderId: `k${n}`, n }), { delay: '2m' })
    }
    const other = await startDelaying(stage.engine)
    await stage.time.advance(MINUTE_MS)
    const held = [app, other].map(({ delivery }) => delivery.status().partitions.length)
    const waiting = [app, other].map(({ delivery }) => delivery.status().waiting)

    app.transport.kill()
    await stage.time.advance(5 * MINUTE_MS)

    assert.deepEqual(held, [2, 2])
    assert.equal(waiting[0]! + waiting[1]!, 20)
    const delivered = await stage.numbersIn('orders')
    assert.deepEqual(
      delivered.sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n),
    )
  })

  it('is refused once it has been replaced, though it has not heard of it', async () => {
    const stage = new Stage()
    await stage.prepare()
    const deaf = await startDelaying({
      ...stage.engine,
      open: async (options) => {
        const transport = await stage.engine.open(options)
        const join = transport.join.bind(transport)
        const never = new Promise<void>(() => undefined)
        const hearsNothing = { onRevoked: () => never, onLost: () => undefined }
        return Object.assign(transport, {
          join: (how: JoinOptions) => join({ ...how, ...hearsNothing }),
        })
      },
    })
    const publish = publishing(stage, deaf)
    for (let n = 0; n < 8; n++) {
      await publish(OrderPlaced({ orderId: `k${n}`, n }), { delay: '10m' })
    }
    const other = await startDelaying(stage.engine)

    await stage.time.advance(9 * MINUTE_MS)
    assert.equal(deaf.delivery.status().waiting, 8, 'it believes that it still has them')
    await stage.time.advance(9 * MINUTE_MS)

    assert.deepEqual(other.delivery.status().partitions, [0, 1, 2, 3])
    const delivered = await stage.numbersIn('orders')
    assert.deepEqual(
      delivered.sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7],
    )
  })

  it('holds no progress back for events that are far ahead, however many', async () => {
    const { stage, app, publish } = await begin()
    const far = Array.from({ length: 5_000 }, (_, n) => OrderPlaced({ orderId: `k${n}`, n }))
    await stage.drive(app.publisher.publish(far, { delay: '300d' }))
    await publish(OrderPaid({ orderId: 'a', n: -1 }), { delay: '1s' })

    await stage.time.advance(MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), [-1])
    assert.equal(app.delivery.status().waiting, 5_000)
    assert.ok(await hasTakenInAll(app.transport), 'all records of the topic are finished')
  })

  it('reads events again that are too large to be kept', async () => {
    const { stage, app, publish } = await begin()
    const numbers = Array.from({ length: 14 }, (_, n) => n)
    for (const n of numbers) await publish(large(n), { delay: '1m' })

    await stage.time.advance(2 * MINUTE_MS)

    const records = await recordsIn(app.transport, 'orders')
    assert.deepEqual(
      records.map((record) => textOf(record).n),
      numbers,
    )
    assert.ok(records.every(({ value }) => value!.length > 900_000))
  })

  it('leaves alone what is no delayed event, and delivers what it has taken in', async () => {
    const { stage, app, publish } = await begin()
    const { position } = await publish(OrderPlaced({ orderId: 'a', n: 1 }), { delay: '1m' })
    const nobodys = { key: Buffer.from('no-event'), value: Buffer.from('{}'), headers: [] }
    const blank = await blankOf(app, position.offset)

    const records = [{ ...nobodys, key: null }, nobodys, blank]
    await (await app.transport.producer()).send({ ...position, records })
    await stage.time.advance(2 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), [1])
    assert.equal(app.warnings.length, 2)
    assert.match(app.warnings[0]!, /is no delayed event, and is left alone: its key names no event/)
  })

  it('says so when an event was removed from the topic before it was due', async () => {
    const { stage, app, publish } = await begin()
    const numbers = Array.from({ length: 10 }, (_, n) => n)
    let last: { topic: string; partition: number; offset: number } | undefined
    for (const n of numbers) last = (await publish(large(n), { delay: '1m' })).position
    const blank = await blankOf(app, last!.offset)

    await (await app.transport.producer()).send({ ...last!, records: [blank] })
    await stage.time.advance(2 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), numbers.slice(0, -1))
    assert.match(app.warnings.at(-1)!, /was removed from __millrace_timers: it is lost/)
    assert.equal(app.delivery.status().waiting, 0)
  })
})

describe('an event that its topic does not take', () => {
  it('is kept while the topic is missing, and delivered once it is there', async () => {
    const stage = new Stage()
    const transport = await stage.engine.open({ service: 'ops', onWarning: () => undefined })
    await transport.administration.ensureTopics([{ name: 'shipments', partitions: 1 }])
    const app = await startDelaying(stage.engine)
    const publish = publishing(stage, app)
    await publish(OrderPlaced({ orderId: 'a', n: 1 }), { id: 'first', delay: '1m' })
    await publish(OrderPlaced({ orderId: 'a', n: 2 }), { delay: '1m' })
    await publish(OrderShipped({ orderId: 'a', n: 3 }), { delay: '1m' })

    await stage.time.advance(5 * MINUTE_MS)

    const told = app.told.filter(({ kind }) => kind === 'delivery-refused')
    assert.equal(told.length, 2, 'each is told once, however often it is tried')
    const { refused, waiting } = app.delivery.status()
    assert.equal(waiting, 2)
    assert.deepEqual(
      [refused[0]!.id, refused[0]!.source, refused[0]!.topic],
      ['first', 'trial', 'orders'],
    )
    assert.ok(refused[0]!.error instanceof UnknownTopicError)
    const [shipped] = await recordsIn(app.transport, 'shipments')
    assert.ok(shipped!.timestampMs - dueMsIn(shipped!) < 1_000, 'others do not wait for it')

    await transport.administration.ensureTopics([{ name: 'orders', partitions: 1 }])
    await stage.time.advance(MINUTE_MS)
    assert.deepEqual(await stage.numbersIn('orders'), [1, 2])
    assert.deepEqual(app.delivery.status().refused, [])
  })

  it('holds back what comes later of its key, and nothing else', async () => {
    const stage = new Stage()
    const transport = await stage.engine.open({ service: 'ops', onWarning: () => undefined })
    const config = { 'millrace.store': 'true' }
    await transport.administration.ensureTopics([{ name: 'orders', partitions: 1, config }])
    const app = await startDelaying(stage.engine)
    const publish = publishing(stage, app)
    const at = new Date(stage.time.nowMs() + MINUTE_MS)
    await publish(OrderPlaced({ orderId: 'a', n: 1 }), { at })
    await publish(OrderPlaced({ orderId: 'b', n: 2 }), { at })
    await writeUnfit(app, OrderPlaced({ orderId: 'b', n: 3 }), at)
    await publish(OrderPlaced({ orderId: 'b', n: 4 }), { at })
    await publish(OrderPlaced({ orderId: 'a', n: 5 }), { at })

    await stage.time.advance(2 * MINUTE_MS)

    const delivered = await stage.numbersIn('orders')
    assert.deepEqual(
      delivered.sort((a, b) => a - b),
      [1, 2, 5],
    )
    const { waiting, refused } = app.delivery.status()
    assert.equal(waiting, 2)
    assert.deepEqual(
      refused.map(({ id }) => id),
      ['unfit'],
    )
  })
})

describe('a calendar that jumps', () => {
  it('ahead, a month say, is noticed within half a minute', async () => {
    const { stage, app, jump } = await beginSkewed()
    await stage.drive(app.publish(OrderPlaced({ orderId: 'a', n: 1 }), { delay: '30d' }))
    await stage.time.advance(MINUTE_MS)

    jump(30 * 24 * 60 * MINUTE_MS)
    await stage.time.advance(30_000)

    assert.deepEqual(await stage.numbersIn('orders'), [1])
  })

  it('back makes nothing come early', async () => {
    const { stage, app, jump } = await beginSkewed()
    await stage.drive(app.publish(OrderPlaced({ orderId: 'a', n: 1 }), { delay: '1m' }))

    jump(-60 * MINUTE_MS)
    await stage.time.advance(30 * MINUTE_MS)
    assert.deepEqual(await stage.numbersIn('orders'), [])
    await stage.time.advance(32 * MINUTE_MS)

    assert.deepEqual(await stage.numbersIn('orders'), [1])
  })
})

async function beginSkewed() {
  const time = new VirtualTime()
  let skewMs = 0
  const clock = {
    nowMs: () => time.nowMs() + skewMs,
    monotonicMs: () => time.monotonicMs(),
  }
  const engine = memory({ world: { clock, timers: time, random: new SeededRandom(1) } })
  const stage = Object.assign(new Stage(), { engine, time })
  await stage.prepare()
  const app = await startDelaying(engine)
  const jump = (byMs: number) => {
    skewMs += byMs
  }
  return { stage, app, jump }
}

/** More of these than a deliverer keeps the bytes of. */
function large(n: number) {
  const filler = 'x'.repeat(900_000)
  return OrderPlaced({ orderId: 'a', n, filler } as { orderId: string; n: number })
}

/** A record of the key of that one, without what it waits for. */
async function blankOf({ transport }: DelayingApp, offset: number) {
  const waiting = await recordsIn(transport, TIMERS_TOPIC)
  const { key } = waiting.find((record) => record.offset === offset && record.headers.length > 0)!
  return { key, value: Buffer.from('{}'), headers: [] }
}

/** A store refuses records that say which version they are. */
async function writeUnfit(
  { outgoing, destinations, transport }: DelayingApp,
  message: ReturnType<typeof OrderPlaced>,
  at: Date,
): Promise<void> {
  const { record } = outgoing.encode(message, { id: 'unfit', at })
  const unfit = {
    ...record,
    headers: [['millrace-version', Buffer.from('7')] as const, ...record.headers],
  }
  const partition = destinations.choose(TIMERS_TOPIC, unfit, 4)
  await (await transport.producer()).send({ topic: TIMERS_TOPIC, partition, records: [unfit] })
}
