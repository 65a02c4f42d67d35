// Against the real API, with a provider that keeps what it is told: the user's SDK would export it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import * as api from '@opentelemetry/api'
import { RecordedSpans } from '../../../test/support/recorded-spans.ts'
import { DefinitionError } from './errors.ts'
import { ReadEvent } from './stored-event.ts'
import { loadTracing, type TracingOptions } from './tracing.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const traceparent = `00-${traceId}-${spanId}-01`
const where = { topic: 'orders', partition: 3, offset: 17 }
const to = { topic: 'orders', type: 'shop.OrderPaid' }
const sentEvent = { id: 'e1', key: 'k' } as never

const recorded = new RecordedSpans()
const { spans } = recorded

describe('with no tracer registered', () => {
  it('an event makes its own trace, and work runs as it would', async () => {
    const tracing = await tracingWith()

    const span = tracing.startSend(to, { traceparent })
    span.sent(sentEvent, where)
    const result = await tracing.process(
      [eventFrom(traceparent)],
      { group: 'billing' },
      async () => 7,
    )

    assert.equal(span.trace, undefined)
    assert.equal(result, 7)
  })

  it('says that nothing is recorded, and that it is once somebody registers one', async () => {
    const tracing = await tracingWith()

    const before = tracing.isRecorded
    recorded.begin()
    const during = tracing.isRecorded
    recorded.end()

    assert.deepEqual([before, during, tracing.isRecorded], [false, true, false])
  })
})

describe('rule 27: spans', () => {
  before(() => recorded.begin())
  after(() => recorded.end())
  beforeEach(() => recorded.clear())

  it('an event that is published has a send span beneath what is active, and carries it', async () => {
    const tracing = await tracingWith()
    const request = api.trace.getTracer('http').startSpan('POST /orders')

    const span = api.context.with(api.trace.setSpan(api.context.active(), request), () =>
      tracing.startSend(to, { traceparent }),
    )
    span.sent(sentEvent, where)

    const sent = spans[1]!
    assert.equal(sent.name, 'send orders')
    assert.equal(sent.kind, api.SpanKind.PRODUCER)
    assert.equal(sent.parent?.spanId, request.spanContext().spanId)
    assert.equal(sent.ended, true)
    const { traceId, spanId } = sent.spanContext()
    assert.equal(span.trace?.traceparent, `00-${traceId}-${spanId}-01`)
    assert.deepEqual(sent.attributes, {
      'messaging.system': 'kafka',
      'messaging.destination.name': 'orders',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'cloudevents.event_type': 'shop.OrderPaid',
      'messaging.message.id': 'e1',
      'messaging.kafka.message.key': 'k',
      'messaging.destination.partition.id': '3',
      'messaging.kafka.offset': 17,
    })
  })

  it('with no span active it goes on with the trace of the cause, and its state', async () => {
    const tracing = await tracingWith()

    const span = tracing.startSend(to, { traceparent, tracestate: 'vendor=1' })

    assert.equal(spans[0]?.parent?.spanId, spanId)
    assert.match(span.trace?.traceparent ?? '', new RegExp(`^00-${traceId}-`))
    assert.equal(span.trace?.tracestate, 'vendor=1')
  })

  it('one event is processed in its own trace, linked to its sender, and what it does stands beneath', async () => {
    const tracing = await tracingWith()
    const event = eventFrom(traceparent)

    await tracing.process([event], { group: 'billing' }, async () => {
      await Promise.resolve()
      tracing.startSend(to, event)
    })

    const [processed, sent] = spans
    assert.equal(processed?.name, 'process orders')
    assert.equal(processed?.kind, api.SpanKind.CONSUMER)
    assert.equal(processed?.parent?.spanId, spanId)
    assert.deepEqual(
      processed?.links.map(({ context }) => context.spanId),
      [spanId],
    )
    assert.equal(processed?.attributes['messaging.consumer.group.name'], 'billing')
    assert.equal(processed?.attributes['messaging.message.id'], 'orders/3/17')
    assert.equal(processed?.ended, true)
    assert.equal(sent?.parent?.spanId, processed?.spanContext().spanId)
  })

  it('work that waits for nothing ends its span when it returns, or throws', async () => {
    const tracing = await tracingWith()
    const event = eventFrom(traceparent)

    const result = tracing.process([event], { group: 'billing' }, () => 7)
    const fail = () => {
      throw new RangeError('no')
    }
    assert.throws(() => tracing.process([event], { group: 'billing' }, fail), RangeError)

    assert.equal(result, 7)
    assert.deepEqual(
      spans.map(({ attributes, ended }) => [attributes['error.type'], ended]),
      [
        [undefined, true],
        ['RangeError', true],
      ],
    )
  })

  it('a batch is a trace of its own with a link to each sender', async () => {
    const tracing = await tracingWith()
    const other = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
    const events = [eventFrom(traceparent), eventFrom(other), eventFrom('garbage')]

    await tracing.process(events, { group: 'billing' }, async () => 'done')

    const [processed] = spans
    assert.equal(processed?.parent, undefined)
    assert.deepEqual(
      processed?.links.map(({ context }) => context.spanId),
      [spanId, '2'.repeat(16)],
    )
    assert.equal(processed?.attributes['messaging.batch.message_count'], 3)
    assert.equal(processed?.attributes['messaging.message.id'], undefined)
  })

  it('a failure is recorded with its code and goes on to the caller', async () => {
    const tracing = await tracingWith()
    const failure = new DefinitionError('no')

    const work = tracing.process([eventFrom(traceparent)], { group: 'b' }, async () => {
      throw failure
    })
    await assert.rejects(work, failure)
    tracing.startSend(to, undefined).failed(new RangeError('too large'))

    assert.deepEqual(
      spans.map(({ attributes, status, ended }) => [attributes['error.type'], status?.code, ended]),
      [
        ['bad-definition', api.SpanStatusCode.ERROR, true],
        ['RangeError', api.SpanStatusCode.ERROR, true],
      ],
    )
    assert.deepEqual(
      spans.map(({ exceptions }) => exceptions.length),
      [1, 1],
    )
  })

  it('older names of the conventions are written beside the newer when the environment asks', async () => {
    const tracing = await tracingWith({ optIn: 'http, messaging/dup' })

    tracing.startSend(to, undefined).sent(sentEvent, where)
    await tracing.process([eventFrom(traceparent)], { group: 'billing' }, async () => 'done')

    const [sent, processed] = spans
    assert.equal(sent?.attributes['messaging.operation'], 'publish')
    assert.equal(sent?.attributes['messaging.operation.type'], 'send')
    assert.equal(processed?.attributes['messaging.kafka.consumer.group'], 'billing')
    assert.equal(processed?.attributes['messaging.kafka.message.offset'], 17)
    assert.equal(processed?.attributes['messaging.kafka.offset'], 17)
  })
})

async function tracingWith({ optIn }: Partial<TracingOptions> = {}) {
  const tracing = await loadTracing({ system: 'kafka', optIn })
  assert.ok(tracing)
  return tracing
}

function eventFrom(sender: string): ReadEvent {
  const headers = [['traceparent', Buffer.from(sender)] as const]
  const record = { ...where, key: Buffer.from('k'), value: null, headers }
  return new ReadEvent({ ...record, timestampMs: 0 }, 'shop.OrderPaid', {})
}
