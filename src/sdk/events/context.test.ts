import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { currentContext, runCausedBy, withContext } from './context.ts'
import { DefinitionError } from './errors.ts'
import type { IncomingRecord } from './record.ts'
import { ReadEvent } from './stored-event.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('the cause of an event', () => {
  it('is known however deep beneath the handler, across awaits and timers, and nowhere else', async () => {
    const cause = eventWith({ ce_id: 'e1', ce_correlationid: 'c1', ce_actor: 'u7', traceparent })
    const deep = async (suffix: string) => {
      await delay(1)
      const { correlationId, causationId, metadata } = currentContext() ?? {}
      return { correlationId, causationId, metadata, suffix }
    }

    const seen = await runCausedBy(cause, deep, 'given')

    assert.deepEqual(seen, {
      correlationId: 'c1',
      causationId: 'e1',
      metadata: { actor: 'u7' },
      suffix: 'given',
    })
    assert.equal(currentContext(), undefined)
  })

  it('two handlers that run at once keep their causes apart', async () => {
    const handle = async () => {
      await delay(1)
      return currentContext()?.causationId
    }

    const seen = await Promise.all(
      ['a', 'b', 'c'].map((id) => runCausedBy(eventWith({ ce_id: id }), handle)),
    )

    assert.deepEqual(seen, ['a', 'b', 'c'])
  })

  it('withContext changes what it is given and leaves the rest as it is around', () => {
    const cause = eventWith({ ce_id: 'e1', ce_correlationid: 'c1', ce_tenant: 'acme', traceparent })

    const seen = runCausedBy(cause, () =>
      withContext({ metadata: { actor: 'u7' } }, () => currentContext()),
    )

    assert.deepEqual(seen, {
      correlationId: 'c1',
      causationId: 'e1',
      traceparent,
      tracestate: undefined,
      metadata: { tenant: 'acme', actor: 'u7' },
    })
  })

  it('a trace from outside does not keep the state of the one around it', () => {
    const other = '00-11111111111111111111111111111111-2222222222222222-01'

    const seen = withContext({ traceparent, tracestate: 'a=1' }, () =>
      withContext({ traceparent: other }, () => currentContext()),
    )

    assert.equal(seen?.traceparent, other)
    assert.equal(seen?.tracestate, undefined)
  })

  it('metadata cannot take the name of what the envelope says itself', () => {
    for (const name of ['id', 'type', 'source', 'correlationid', 'causationid', 'traceparent']) {
      assert.throws(
        () => withContext({ metadata: { [name]: 'x' } }, () => 1),
        DefinitionError,
        name,
      )
    }
    for (const name of ['millrace-version', 'Actor', 'a_b', '', 'a'.repeat(21)]) {
      assert.throws(
        () => withContext({ metadata: { [name]: 'x' } }, () => 1),
        DefinitionError,
        name,
      )
    }
  })

  it('an empty correlation is refused: it would join what has nothing in common', () => {
    assert.throws(() => withContext({ correlationId: '' }, () => 1), DefinitionError)
  })
})

function eventWith(headers: Record<string, string>): ReadEvent {
  const record: IncomingRecord = {
    topic: 'orders',
    partition: 0,
    offset: 0,
    key: null,
    value: null,
    timestampMs: 0,
    headers: Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]),
  }
  return new ReadEvent(record, 'shop.OrderPlaced', {})
}
