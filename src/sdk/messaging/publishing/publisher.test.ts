import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withContext } from '../../events/context.ts'
import { InvalidEventError, UnknownEventTypeError } from '../../events/errors.ts'
import { OrderPlaced, orders, Stage } from '../../testing/consumer-stage.ts'
import { mergeTokens, parseToken } from '../../transport/token.ts'
import { consumer } from '../consumer.ts'
import { NotPublishedError, PublisherClosedError } from '../errors.ts'
import type { PublisherLimits } from './publisher.ts'

/** A publisher whose sends are watched, and can be held back. */
async function watched(limits: Partial<PublisherLimits> = {}, partitions = 1) {
  const stage = new Stage()
  await stage.prepare(partitions)
  const { publisher, transport } = await stage.publisher(limits)
  const sends: number[] = []
  let release: (() => void) | undefined
  const gate = {
    hold() {
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      gate.held = held
    },
    release: () => release?.(),
    held: Promise.resolve(),
  }
  const make = transport.producer.bind(transport)
  transport.producer = async () => {
    const producer = await make()
    const send = producer.send.bind(producer)
    producer.send = async (request) => {
      sends.push(request.records.length)
      await gate.held
      return send(request)
    }
    return producer
  }
  return { stage, publisher, sends, gate }
}

const order = (n: number, orderId = 'a') => OrderPlaced({ orderId, n })

describe('publish', () => {
  it('answers with the event’s id and position', async () => {
    const { publisher, stage } = await watched()

    await publisher.publish(order(1))
    const published = await publisher.publish(order(2), { id: 'paid-2' })

    const { id, position } = published
    assert.equal(id, 'paid-2')
    assert.deepEqual(position, { topic: 'orders', partition: 0, offset: 1 })
    assert.deepEqual(await stage.numbersIn('orders'), [1, 2])
  })

  it('answers with a token for whoever has to see the event', async () => {
    const { publisher, stage } = await watched()
    const { logId } = await stage.prepare()

    const [first, second] = await publisher.publish([order(1), order(2)])

    const position = { topic: 'orders', partition: 0, leaderEpoch: 0 }
    assert.deepEqual(parseToken(second!.token), {
      logId,
      positions: [{ ...position, nextOffset: 2 }],
    })
    assert.equal(mergeTokens(second!.token, first!.token), second!.token)
    assert.equal(JSON.parse(JSON.stringify(second)).token, second!.token)
  })

  it('puts events of a key into one partition, in order', async () => {
    const { publisher, stage } = await watched({}, 4)

    await publisher.publish(Array.from({ length: 50 }, (_, n) => order(n, `k${n % 5}`)))

    for (let key = 0; key < 5; key++) {
      const all = await stage.eventsIn('orders', 4)
      const numbers = all.filter(({ orderId }) => orderId === `k${key}`).map(({ n }) => n)
      assert.deepEqual(
        numbers,
        Array.from({ length: 10 }, (_, i) => i * 5 + key),
      )
    }
  })

  it('sends a lone event at once, and gathers what comes while a send is under way', async () => {
    const { publisher, sends, gate, stage } = await watched()
    gate.hold()

    const first = publisher.publish(order(0))
    await stage.time.settle()
    const others = Array.from({ length: 99 }, (_, i) => publisher.publish(order(i + 1)))
    await stage.time.settle()
    gate.release()
    await Promise.all([first, ...others])

    assert.deepEqual(sends, [1, 99])
    assert.equal(new Set(await stage.numbersIn('orders')).size, 100)
  })

  it('rule 25: data that does not fit is refused with its path, and nothing is sent', async () => {
    const { publisher, sends } = await watched()

    await assert.rejects(
      publisher.publish({ type: OrderPlaced.type, data: { orderId: 5 } }),
      InvalidEventError,
    )
    await assert.rejects(publisher.publish({ type: 'nobody', data: {} }), UnknownEventTypeError)

    assert.deepEqual(sends, [])
  })

  it('carries the correlation that it is given, or that is around', async () => {
    const { publisher, stage } = await watched()

    await publisher.publish(order(1), { correlationId: 'given' })
    await withContext({ correlationId: 'around' }, () => publisher.publish(order(2)))

    const { reader } = await stage.prepare()
    const place = { topic: orders.name, partition: 0, fromOffset: 0, maxBytes: 10_000 }
    const { records } = await reader.read(place)
    const correlations = records.map(({ headers }) => {
      return String(Buffer.from(headers.find(([name]) => name === 'ce_correlationid')![1]!))
    })
    assert.deepEqual(correlations, ['given', 'around'])
  })

  it('waits while too much is waiting to be sent, in the order of the calls', async () => {
    const { publisher, gate, sends, stage } = await watched({ maxBufferedEvents: 3 })
    gate.hold()

    const published = Array.from({ length: 10 }, (_, n) => publisher.publish(order(n)))
    await stage.time.settle()
    const held = [...sends]
    gate.release()
    for (let n = 10; n < 60; n++) {
      published.push(publisher.publish(order(n)))
      await Promise.resolve()
    }
    await Promise.all(published)

    assert.deepEqual(held, [3])
    assert.deepEqual(
      await stage.numbersIn('orders'),
      Array.from({ length: 60 }, (_, n) => n),
    )
  })

  it('an event that the engine refuses fails alone', async () => {
    const { publisher, stage } = await watched()
    const large = OrderPlaced({ orderId: 'a'.repeat(2_000_000), n: 2 })

    const outcomes = await Promise.allSettled(
      [order(1), large, order(3)].map((message) => publisher.publish(message)),
    )

    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    const [, refused] = outcomes as [unknown, PromiseRejectedResult]
    assert.ok(refused.reason instanceof NotPublishedError)
    assert.equal(refused.reason.outcome, 'not-written')
    assert.deepEqual(await stage.numbersIn('orders'), [1, 3])
  })

  it('a topic that does not exist is a typed error', async () => {
    const stage = new Stage()
    const { publisher } = await stage.publisher()

    await assert.rejects(publisher.publish(order(1)), (error) => {
      return error instanceof NotPublishedError && /no topic orders/.test(error.message)
    })
  })
})

describe('rule 14: a publish without an answer', () => {
  it('says that the event may be there, and under its id it is the same event', async () => {
    const stage = new Stage({ faults: { seed: 2, chances: { 'lost-answer': 0.5 } } })
    await stage.prepare()
    const { publisher } = await stage.publisher()
    const handled: string[] = []

    for (let n = 1; n <= 10; n++) {
      let id: string | undefined
      for (let isDone = false; !isDone; ) {
        const options = id === undefined ? {} : { id }
        await publisher.publish(order(n), options).then(
          () => {
            isDone = true
          },
          (error: unknown) => {
            assert.ok(error instanceof NotPublishedError && error.outcome === 'unknown')
            id ??= error.id
            assert.equal(error.id, id)
          },
        )
      }
    }
    stage.engine.faults!.expectFired()
    stage.engine.faults!.stop()
    const claims = new Set<string>()
    const reading = consumer('reading', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      on: {
        OrderPlaced: ({ id, data }) => {
          if (!claims.has(id)) handled.push(`${data.n}`)
          claims.add(id)
        },
      },
    })
    await stage.start(reading)
    await stage.time.advance(1_000)

    assert.deepEqual(
      handled,
      Array.from({ length: 10 }, (_, n) => `${n + 1}`),
    )
    assert.ok((await stage.numbersIn('orders')).length > 10, 'some of them stand there twice')
  })
})

describe('rule 22: flush and close say what was not sent', () => {
  it('flush waits for what was accepted, and tells which of it failed', async () => {
    const { publisher } = await watched()
    const large = OrderPlaced({ orderId: 'a'.repeat(2_000_000), n: 2 })
    const published = [publisher.publish(order(1)), publisher.publish(large)]
    void Promise.allSettled(published)

    const { unsent } = await publisher.flush()

    assert.equal(unsent.length, 1)
    assert.equal(unsent[0]?.eventType, 'shop.OrderPlaced')
  })

  it('close takes nothing more, and tells what it could not send in time', async () => {
    const { publisher, gate, stage } = await watched()
    gate.hold()
    const first = publisher.publish(order(1))
    await stage.time.settle()
    const second = publisher.publish(order(2))
    const outcomes = Promise.allSettled([first, second])

    const { unsent } = await stage.drive(publisher.close({ timeoutMs: 1_000 }))

    assert.deepEqual(
      unsent.map(({ outcome }) => outcome),
      ['unknown', 'not-written'],
    )
    assert.deepEqual(
      (await outcomes).map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    await assert.rejects(publisher.publish(order(3)), PublisherClosedError)
  })
})
