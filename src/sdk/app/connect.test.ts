import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import { RecordedSpans } from '../../../test/support/recorded-spans.ts'
import { DefinitionError, TwoOwnersError } from '../events/errors.ts'
import { event } from '../events/event.ts'
import { topic } from '../events/topic.ts'
import { consumer } from '../messaging/consumer.ts'
import { memory } from '../testing/memory/memory.ts'
import { CapabilityMissingError } from '../transport/errors.ts'
import type { Engine } from '../transport/transport.ts'
import { type ConnectOptions, connect } from './connect.ts'
import { DEFINITIONS_TOPIC } from './definitions-log.ts'
import { TopicMismatchError } from './errors.ts'
import type { AppNotification, Logger } from './notifications.ts'

const OrderPlaced = event('shop.OrderPlaced', z.object({ orderId: z.string() }))
const OrderPaid = event('shop.OrderPaid', z.object({ orderId: z.string() }))
const orders = topic('orders', {
  events: { OrderPlaced, OrderPaid },
  key: (message) => message.data.orderId,
  partitions: 2,
})

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined }

async function open(t: TestContext, options: Partial<ConnectOptions> & { broker: Engine }) {
  const told: AppNotification[] = []
  const app = await connect({
    ...{ service: 'shop', topics: [orders], log: silent },
    onNotification: (notification) => told.push(notification),
    ...options,
  })
  t.after(() => app.close({ drain: '0ms' }))
  return { app, told }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!isSo()) {
    if (Date.now() > deadline) assert.fail(`not within ten seconds: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** The engine, and how many of its connections are open. */
function counted(engine: Engine): Engine & { readonly openCount: number } {
  let openCount = 0
  return {
    ...engine,
    get openCount() {
      return openCount
    },
    open: async (options) => {
      const transport = await engine.open(options)
      openCount++
      const close = transport.close.bind(transport)
      transport.close = async () => {
        openCount--
        await close()
      }
      return transport
    },
  }
}

describe('connect', () => {
  it('runs consumers, publishes to them, and closes what it opened', async (t) => {
    const broker = counted(memory())
    const seen: string[] = []
    const billing = consumer('billing', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          seen.push(`placed ${data.orderId}`)
          await ctx.publish(OrderPaid(data))
        },
        OrderPaid: ({ data, causationId }) => {
          seen.push(`paid ${data.orderId} ${causationId === undefined ? '' : 'by a cause'}`)
        },
      },
    })
    const { app } = await open(t, { broker, run: [billing] })

    const { position } = await app.publish(OrderPlaced({ orderId: '1' }))
    await until(() => seen.length === 2, 'both events are handled')

    assert.equal(position.topic, 'orders')
    assert.deepEqual(seen, ['placed 1', 'paid 1 by a cause'])
    const { service, engine, state, consumers } = app.status()
    assert.deepEqual([service, engine, state], ['shop', 'memory', 'running'])
    assert.deepEqual(
      consumers.map(({ group, partitions }) => `${group} ${partitions.length}`),
      ['billing 2'],
    )
    assert.deepEqual(await app.close(), { unsent: [] })
    assert.equal(app.status().state, 'closed')
    assert.equal(broker.openCount, 0)
  })

  it('tells of a parked event, and logs what is bad', async (t) => {
    const logged: string[] = []
    const log = { ...silent, warn: (_: object, message: string) => logged.push(message) }
    const failing = consumer('failing', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip', retry: { attempts: 1 } },
      on: {
        OrderPlaced: () => {
          throw new Error('no')
        },
      },
    })
    const { app, told } = await open(t, { broker: memory(), run: [failing], log })

    await app.publish(OrderPlaced({ orderId: '1' }))
    await until(() => told.some(({ kind }) => kind === 'parked'), 'the event is parked')

    const parked = told.find((one) => one.kind === 'parked')!
    assert.equal(parked.group, 'failing')
    assert.equal(parked.failure?.errorMessage, 'no')
    assert.ok(logged.includes('millrace: parked'))
  })

  it('wraps handlers in what it is told to use, outermost first', async (t) => {
    const order: string[] = []
    const wrap = (name: string) => async (_e: unknown, _c: unknown, next: () => unknown) => {
      order.push(name)
      await next()
    }
    const one = consumer('one', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip', use: [wrap('own')] },
      on: { OrderPlaced: () => void order.push('handler') },
    })
    const { app } = await open(t, { broker: memory(), run: [one], use: [wrap('app')] })

    await app.publish(OrderPlaced({ orderId: '1' }))
    await until(() => order.length === 3, 'the handler ran')

    assert.deepEqual(order, ['app', 'own', 'handler'])
  })

  it('gives an event the cause that it is published under', async (t) => {
    const causes: (string | undefined)[] = []
    const reader = consumer('reader', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: { OrderPlaced: ({ correlationId }) => void causes.push(correlationId) },
    })
    const { app } = await open(t, { broker: memory(), run: [reader] })

    await app.withContext({ correlationId: 'request-7' }, () =>
      app.publish(OrderPlaced({ orderId: '1' })),
    )
    await until(() => causes.length === 1, 'it is handled')

    assert.deepEqual(causes, ['request-7'])
  })
})

describe('connect refuses', () => {
  const billing = consumer('billing', {
    ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
    on: { OrderPlaced: () => undefined },
  })

  it('what an engine cannot do, in sentences, unless it is accepted', async (t) => {
    const whole = memory()
    const capabilities = { ...whole.capabilities, replay: false, atomicOutput: false }
    const broker: Engine = { name: 'queue', capabilities, open: (options) => whole.open(options) }

    const refused = connect({ service: 'shop', broker, run: [billing] })

    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof CapabilityMissingError)
      assert.deepEqual(error.message.split('\n'), [
        "Consumer billing sends what its handlers publish together with its progress, but on queue what handlers publish is sent before their progress is kept, and again when the process dies in between: if that will do, accept: ['no-atomic-output'].",
        "Consumer billing starts at the earliest event, but on queue a new group reads nothing that was written before it existed: if that will do, accept: ['no-replay'].",
      ])
      return true
    })
    await open(t, { broker, run: [billing], accept: ['no-replay', 'no-atomic-output'] })
  })

  it('an event store where there are no expected versions: nothing makes up for that', async () => {
    const whole = memory()
    const capabilities = { ...whole.capabilities, expectedVersion: false }
    const broker: Engine = { name: 'kafka', capabilities, open: (options) => whole.open(options) }
    const store = topic('ledger', {
      events: { OrderPlaced },
      key: (message) => message.data.orderId,
      store: true,
    })

    const refused = connect({ service: 'shop', broker, topics: [store] })

    await assert.rejects(refused, {
      code: 'capability-missing',
      message:
        'Topic ledger is an event store, but on kafka nothing can be appended with an expected version: choose another engine.',
    })
  })

  it('an event type in two topics, of one application or of two', async (t) => {
    const others = topic('others', {
      events: { OrderPlaced },
      key: (message) => message.data.orderId,
    })
    const broker = memory()
    await open(t, { broker })

    const within = connect({ service: 'shop', broker, topics: [orders, others] })
    const across = connect({ service: 'warehouse', broker, topics: [others], log: silent })

    await assert.rejects(within, TwoOwnersError)
    await assert.rejects(across, (error) => {
      assert.ok(error instanceof TwoOwnersError)
      assert.deepEqual(error.topics, ['orders (of shop)', 'others'])
      return true
    })
  })

  it('a topic that stands with another number of partitions', async () => {
    const broker = counted(memory())
    const transport = await broker.open({ service: 'ops', onWarning: () => undefined })
    await transport.administration.ensureTopics([{ name: 'orders', partitions: 3 }])
    await transport.close()

    const refused = connect({ service: 'shop', broker, topics: [orders] })

    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof TopicMismatchError)
      assert.deepEqual([error.declared, error.actual], [2, 3])
      return true
    })
    assert.equal(broker.openCount, 0, 'what was opened is closed again')
  })

  it('the same of each topic that a consumer reads', async () => {
    const broker = memory()
    const Returned = event('shop.Returned', z.object({ orderId: z.string() }))
    const returns = topic('returns', {
      events: { Returned },
      key: (message) => message.data.orderId,
      partitions: 3,
    })
    const reading = consumer('reading', {
      ...{ from: [orders, returns], startAt: 'earliest', otherwise: 'skip' },
      on: { Returned: () => undefined },
    })
    const transport = await broker.open({ service: 'ops', onWarning: () => undefined })
    await transport.administration.ensureTopics([{ name: 'returns', partitions: 1 }])
    await transport.close()

    const refused = connect({ service: 'shop', broker, run: [reading], log: silent })

    await assert.rejects(refused, /returns/)
    await assert.rejects(refused, TopicMismatchError)
  })

  it('two consumers of one group, and a service without a name', async () => {
    const broker = memory()

    await assert.rejects(connect({ service: 'shop', broker, run: [billing, billing] }), (error) => {
      return (
        error instanceof DefinitionError && /Two consumers are called billing/.test(error.message)
      )
    })
    await assert.rejects(connect({ service: '', broker }), DefinitionError)
  })
})

describe('rule 25: a schema with another output than input', () => {
  it('has its input on the wire, its output in handlers, and what does not fit in the lot', async (t) => {
    const instant = z.codec(z.iso.datetime(), z.date(), {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString(),
    })
    const Measured = event('lab.Measured', z.object({ probe: z.string(), at: instant }))
    const readings = topic('readings', { events: { Measured }, key: (e) => e.data.probe })
    const broker = memory()
    const seen: unknown[] = []
    const reading = consumer('reading', {
      ...{ from: readings, startAt: 'earliest', otherwise: 'skip', order: 'partition' },
      on: { Measured: ({ data }) => seen.push(data) },
    })
    const { app, told } = await open(t, { broker, run: [reading] })
    const at = '2026-05-06T07:08:09Z'

    const { position } = await app.publish(Measured({ probe: 'p', at }))
    const transport = await broker.open({ service: 'other', onWarning: () => undefined })
    const place = { topic: position.topic, partition: position.partition }
    const wrong = {
      key: Buffer.from('q'),
      value: Buffer.from('{"probe":"q","at":"noon"}'),
      headers: [['ce_type', Buffer.from('lab.Measured')]] as const,
    }
    await (await transport.producer()).send({ ...place, records: [wrong] })
    await app.publish(Measured({ probe: 'p', at }))
    await until(() => seen.length === 2, 'what fits is handled')

    const stored = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 100_000 })
    const [first] = stored.records
    assert.equal(`${Buffer.from(first?.value ?? [])}`, `{"probe":"p","at":"${at}"}`)
    assert.deepEqual(seen[0], { probe: 'p', at: new Date(at) })
    assert.deepEqual(seen[1], seen[0])
    await until(() => told.some(({ kind }) => kind === 'parked'), 'what does not is parked')
    const parked = told.find((one) => one.kind === 'parked')!
    assert.equal(parked.reason, 'invalid')
    assert.match(parked.failure?.errorMessage ?? '', /at: /)
    await transport.close()
  })
})

describe('what connect declares', () => {
  it('is written once: which service has which event, with its schema, and what it runs', async (t) => {
    const broker = memory()
    const billing = consumer('billing', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: { OrderPlaced: () => undefined },
    })
    await (await open(t, { broker, run: [billing] })).app.close()

    await open(t, { broker, run: [billing] })

    const transport = await broker.open({ service: 'ops', onWarning: () => undefined })
    const place = { topic: DEFINITIONS_TOPIC, partition: 0 }
    const { records } = await transport.reader.read({
      ...place,
      fromOffset: 0,
      maxBytes: 1_000_000,
    })
    const values = records.map(({ value }) => JSON.parse(`${Buffer.from(value!)}`))
    assert.deepEqual(
      values.map(({ kind, service, type, group }) => `${kind} ${service} ${type ?? group}`),
      ['event shop shop.OrderPlaced', 'event shop shop.OrderPaid', 'consumer shop billing'],
    )
    assert.equal(values[0].schemas[0].properties.orderId.type, 'string')
    assert.deepEqual(values[2].topics, ['orders'])
    assert.deepEqual(values[2].handles, ['shop.OrderPlaced'])
  })
})

describe('closing an application', () => {
  it('lets handlers finish within the drain', async (t) => {
    const begun = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    let isDone = false
    const slow = consumer('slow', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: {
        OrderPlaced: async () => {
          begun.resolve()
          await finish.promise
          isDone = true
        },
      },
    })
    const { app } = await open(t, { broker: memory(), run: [slow] })
    await app.publish(OrderPlaced({ orderId: '1' }))
    await begun.promise

    const closing = app.close({ drain: '20s' })
    assert.equal(app.status().state, 'closing')
    finish.resolve()
    await closing

    assert.ok(isDone)
  })

  it('aborts a handler that hangs, and ends all the same', async (t) => {
    const begun = Promise.withResolvers<AbortSignal>()
    const hanging = consumer('hanging', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: {
        OrderPlaced: async (_, { signal }) => {
          begun.resolve(signal)
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
      },
    })
    const { app } = await open(t, { broker: memory(), run: [hanging] })
    await app.publish(OrderPlaced({ orderId: '1' }))
    const signal = await begun.promise

    await app.close({ drain: '10ms' })

    assert.ok(signal.aborted)
    await assert.rejects(app.publish(OrderPlaced({ orderId: '2' })), { code: 'publisher-closed' })
  })
})

describe('an application that has a tracer', () => {
  it('records how events are sent and handled, in one trace', async (t) => {
    const recorded = new RecordedSpans()
    recorded.begin()
    t.after(() => recorded.end())
    const handled: (string | undefined)[] = []
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      on: { OrderPlaced: ({ traceparent }) => void handled.push(traceparent) },
    })
    const { app } = await open(t, { broker: memory(), run: [billing] })

    await app.publish(OrderPlaced({ orderId: '1' }))
    await until(() => handled.length === 1, 'the event is handled')
    await app.close()

    const [sent, processed] = recorded.spans
    assert.deepEqual(
      recorded.spans.map(({ name }) => name),
      ['send orders', 'process orders'],
    )
    assert.equal(processed?.parent?.spanId, sent?.spanContext().spanId)
  })
})
