// The whole way of an event that cannot be handled: consumer, lot, operator, and back.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventEncoder } from '../../events/encode.ts'
import { EventIds } from '../../events/ids.ts'
import { ownersOf } from '../../events/owners.ts'
import { OrderPaid, OrderShipped, orders, Stage, shipments } from '../../testing/consumer-stage.ts'
import { type Consumer, consumer } from '../consumer.ts'
import type { HandlerContext } from '../context.ts'
import type { ConsumerNotification } from '../notifications.ts'
import { Outgoing } from '../outgoing.ts'
import { Destinations } from '../publishing/destinations.ts'
import { ConsumerRun } from '../running/consumer-run.ts'
import type { LotRequest } from './lot-request.ts'
import type { ParkingNotice } from './open-partition.ts'
import { requestRecord } from './parked-record.ts'
import { type ParkingLotOptions, TopicParkingLot } from './topic-parking-lot.ts'

const GROUP = 'billing'
const PARKED = `__millrace_parked.${GROUP}`

interface App {
  readonly run: ConsumerRun
  readonly lot: TopicParkingLot
  readonly told: ConsumerNotification[]
  readonly notices: ParkingNotice[]
  close(): Promise<void>
}

async function start(
  stage: Stage,
  definition: Consumer,
  limits: Partial<ParkingLotOptions['limits']> = {},
): Promise<App> {
  await stage.prepare()
  const transport = await stage.engine.open({ service: 'trial', onWarning: () => undefined })
  const encoder = new EventEncoder({
    service: 'trial',
    clock: stage.time,
    ids: new EventIds(stage.time, stage.random),
  })
  const told: ConsumerNotification[] = []
  const notices: ParkingNotice[] = []
  const lot = new TopicParkingLot({
    transport,
    group: GROUP,
    topics: [orders.name],
    limits,
    onNotice: (notice) => notices.push(notice),
    onWarning: () => undefined,
  })
  const run = new ConsumerRun({
    consumer: definition,
    service: 'trial',
    transport,
    outgoing: new Outgoing(encoder, ownersOf([orders, shipments])),
    destinations: new Destinations(transport.administration),
    lot,
    notify: (notification) => told.push(notification),
  })
  await run.start()
  await stage.time.settle()
  const close = async () => {
    let isClosed = false
    void run.close({}).then(async () => {
      await lot.close()
      isClosed = true
    })
    await stage.time.until(() => isClosed)
  }
  return { run, lot, told, notices, close }
}

/** Handles every number but those that fail now, and ships what it handled. */
function billing(options: { failing: Set<number>; handled: number[] }): Consumer {
  const handle = async (
    { data }: { data: { orderId: string; n: number } },
    ctx: HandlerContext,
  ) => {
    if (options.failing.has(data.n)) throw new Error(`order ${data.n} is refused`)
    await ctx.publish(OrderShipped({ orderId: data.orderId, n: data.n }))
    options.handled.push(data.n)
  }
  return consumer(GROUP, {
    from: orders,
    startAt: 'earliest',
    otherwise: 'skip',
    retry: { attempts: 2 },
    on: { OrderPlaced: handle, OrderPaid: handle },
  })
}

async function ask(stage: Stage, request: LotRequest, id = 'r1'): Promise<void> {
  const transport = await stage.prepare()
  const records = [requestRecord({ topic: orders.name, partition: 0 }, id, request)]
  await (await transport.producer()).send({ topic: PARKED, partition: 0, records })
}

const ALL: LotRequest = { kind: 'redrive', selection: { kind: 'all' }, perSecond: 100 }

describe('a consumer with a parking lot', () => {
  it('parks a key that fails, lets others go on, and redrives it in order while it grows', async () => {
    const stage = new Stage()
    const failing = new Set([1])
    const handled: number[] = []
    const app = await start(stage, billing({ failing, handled }))
    await stage.place('a', 1, 2)
    await stage.place('b', 10)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [10])
    assert.equal(await stage.committed(GROUP), 3, 'parked events are finished')

    failing.clear()
    await ask(stage, ALL)
    for (const n of [3, 4, 5]) {
      await stage.place('a', n)
      await stage.time.advance(400)
    }
    await stage.time.advance(60_000)
    await stage.publish(OrderPaid({ orderId: 'a', n: 6 }))
    await stage.time.advance(1000)

    assert.deepEqual(handled, [10, 1, 2, 3, 4, 5, 6])
    assert.deepEqual(await stage.numbersIn('shipments'), [10, 1, 2, 3, 4, 5, 6])
    assert.equal(await stage.committed(GROUP), 7)
    await app.close()
  })

  it('keeps an event that fails again, and publishes nothing of it', async () => {
    const stage = new Stage()
    const handled: number[] = []
    const failing = new Set([1])
    const app = await start(stage, billing({ failing, handled }))
    await stage.place('a', 1, 2)
    await stage.time.advance(60_000)

    await ask(stage, ALL)
    await stage.time.advance(600_000)
    await app.close()

    const [notice] = app.notices
    assert.equal(notice?.kind === 'redrive-failed' && notice.attempts, 4)
    assert.equal(app.notices.length, 1)
    assert.deepEqual(handled, [])
    failing.clear()
    const next = await start(stage, billing({ failing, handled }))
    await stage.place('a', 3)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [])
    await ask(stage, ALL, 'r2')
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [1, 2, 3])
    await next.close()
  })

  it('parks what it cannot read with its bytes, and redrives it once it can', async () => {
    const stage = new Stage()
    const handled: number[] = []
    const app = await start(stage, billing({ failing: new Set(), handled }))
    await stage.write('a', '{ no JSON', 'shop.OrderPlaced')
    await stage.place('a', 1)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [])

    await ask(stage, ALL)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [], 'it is as unreadable as before')
    const selection = { kind: 'event', event: 'orders/0/0' } as const
    await ask(stage, { kind: 'discard', selection, reason: 'not ours' }, 'r2')
    await stage.time.advance(60_000)

    assert.deepEqual(handled, [1])
    await app.close()
  })

  it('stops a partition whose lot is full, drops nothing, and goes on when there is room', async () => {
    const stage = new Stage()
    const failing = new Set([1])
    const handled: number[] = []
    const app = await start(stage, billing({ failing, handled }), { perKey: 2 })
    await stage.place('a', 1, 2, 3, 4)
    await stage.time.advance(120_000)
    assert.equal(await stage.committed(GROUP), 2)
    assert.ok(app.told.some(({ kind }) => kind === 'park-failed'))

    failing.clear()
    await ask(stage, ALL)
    await stage.time.advance(120_000)

    assert.deepEqual(handled, [1, 2, 3, 4])
    assert.equal(await stage.committed(GROUP), 4)
    await app.close()
  })

  it('goes on with a redrive in the next process, in order', async () => {
    const stage = new Stage()
    const failing = new Set([1])
    const handled: number[] = []
    const first = await start(stage, billing({ failing, handled }))
    await stage.place('a', 1, 2, 3, 4, 5)
    await stage.time.advance(60_000)
    failing.clear()
    await ask(stage, { kind: 'redrive', selection: { kind: 'all' }, perSecond: 1 })
    await stage.time.until(() => handled.length === 2)
    await first.close()

    const second = await start(stage, billing({ failing, handled }))
    await stage.time.advance(60_000)

    assert.deepEqual(handled, [1, 2, 3, 4, 5])
    assert.deepEqual(await stage.numbersIn('shipments'), [1, 2, 3, 4, 5])
    await second.close()
  })
})
