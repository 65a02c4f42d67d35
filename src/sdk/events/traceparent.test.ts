import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatTraceparent, parseTraceparent, traceparentFor } from './traceparent.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const id = '01890a5d-ac96-774b-bcce-b302099a8057'

describe('traceparent', () => {
  it('is parsed and formatted as W3C has it', () => {
    const text = `00-${traceId}-${spanId}-01`

    assert.deepEqual(parseTraceparent(text), { traceId, spanId, flags: 1 })
    assert.equal(formatTraceparent({ traceId, spanId, flags: 1 }), text)
  })

  it('of a later version is read by its first four fields', () => {
    assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-00-what-comes`), {
      traceId,
      spanId,
      flags: 0,
    })
  })

  it('that is none is none: zeros, capitals, version ff, too much of version 00', () => {
    for (const text of [
      '',
      `00-${'0'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `ff-${traceId}-${spanId}-01`,
      `00-${traceId}-${spanId}-01-x`,
      `00-${traceId}-${spanId}`,
    ]) {
      assert.equal(parseTraceparent(text), undefined, text)
    }
  })

  it('of an event is in the trace of its cause, with a span of its own', () => {
    const cause = `00-${traceId}-${spanId}-00`

    assert.equal(traceparentFor(id, cause), `00-${traceId}-bcceb302099a8057-00`)
  })

  it('of an event without a cause begins a trace that is named like the event', () => {
    const begun = '00-01890a5dac96774bbcceb302099a8057-bcceb302099a8057-01'

    assert.equal(traceparentFor(id, undefined), begun)
    assert.equal(traceparentFor(id, 'garbage'), begun)
  })

  it('of an id that is no UUID is as good as any, and the same each time', () => {
    const made = traceparentFor('paid-42', undefined)

    assert.notEqual(parseTraceparent(made), undefined)
    assert.equal(traceparentFor('paid-42', undefined), made)
    assert.notEqual(traceparentFor('paid-43', undefined), made)
  })
})
