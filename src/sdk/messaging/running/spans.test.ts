import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type RecordedSpan, RecordedSpans } from '../../../../test/support/recorded-spans.ts'
import { InvalidEventError } from '../../events/errors.ts'
import { parseTraceparent } from '../../events/traceparent.ts'
import { loadTracing } from '../../events/tracing.ts'
import { OrderPlaced, OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'

const recorded = new RecordedSpans()

async function tracedStage(): Promise<Stage> {
  const stage = new Stage()
  await stage.prepare()
  stage.tracing = await loadTracing({ system: 'kafka', optIn: undefined })
  return stage
}

describe('rule 27: spans of publishing and handling', () => {
  before(() => recorded.begin())
  after(() => recorded.end())
  beforeEach(() => recorded.clear())

  it('lead in one trace from what is published through its handler to what that publishes', async () => {
    const stage = await tracedStage()
    const { publisher } = await stage.publisher()
    const traceparents: (string | undefined)[] = []
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      on: {
        OrderPlaced: async (event, context) => {
          traceparents.push(event.traceparent)
          await context.publish(OrderShipped({ orderId: 'a', n: 1 }))
        },
      },
    })
    const app = await stage.start(billing)

    await stage.drive(publisher.publish(OrderPlaced({ orderId: 'a', n: 1 })))
    await stage.time.until(() => traceparents.length === 1)
    await stage.close(app)

    const [sent, processed, created] = recorded.spans
    assert.deepEqual(
      recorded.spans.map(({ name, ended }) => [name, ended]),
      [
        ['send orders', true],
        ['process orders', true],
        ['create shipments', true],
      ],
    )
    assert.equal(parseTraceparent(traceparents[0] ?? '')?.spanId, idOf(sent))
    assert.equal(processed?.parent?.spanId, idOf(sent))
    assert.equal(created?.parent?.spanId, idOf(processed))
    assert.equal(sent?.attributes['messaging.kafka.offset'], 0)
    assert.equal(processed?.attributes['messaging.consumer.group.name'], 'billing')
  })

  it('each attempt of a handler has its own, and says how it failed', async () => {
    const stage = await tracedStage()
    let attempts = 0
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      on: {
        OrderPlaced: () => {
          if (++attempts < 3) throw new RangeError('not yet')
        },
      },
    })
    await stage.place('a', 1)
    const app = await stage.start(billing)

    await stage.time.until(() => attempts === 3)
    await stage.close(app)

    assert.deepEqual(
      recorded.spans.map(({ attributes }) => attributes['error.type']),
      ['RangeError', 'RangeError', undefined],
    )
  })

  it('a batch has one with a link to each of its events', async () => {
    const stage = await tracedStage()
    const batches: number[] = []
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      batch: { max: 3, handle: (events) => void batches.push(events.length) },
    })
    await stage.place('a', 1, 2, 3)
    const app = await stage.start(billing)

    await stage.time.until(() => batches.length === 1)
    await stage.close(app)

    assert.deepEqual(
      recorded.spans.map(({ links }) => links.length),
      [3],
    )
    assert.equal(recorded.spans[0]?.attributes['messaging.batch.message_count'], 3)
  })

  it('what is refused ends its span, and those of the messages that came with it', async () => {
    const stage = await tracedStage()
    const { publisher } = await stage.publisher()
    const good = OrderPlaced({ orderId: 'a', n: 1 })
    const bad = { ...good, data: { orderId: 'a' } }

    await assert.rejects(publisher.publish([good, bad]), InvalidEventError)

    assert.deepEqual(
      recorded.spans.map(({ attributes, ended }) => [attributes['error.type'], ended]),
      [
        ['invalid-event', true],
        ['invalid-event', true],
      ],
    )
  })
})

function idOf(span: RecordedSpan | undefined): string | undefined {
  return span?.spanContext().spanId
}
