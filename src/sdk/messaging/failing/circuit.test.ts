import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Circuit } from './circuit.ts'
import { ParkLimit } from './park-limit.ts'

const limits = { failures: 4, keys: 2, probeMs: 1000, maxProbeMs: 3000 }

describe('rule 9: a dependency that is down opens a circuit', () => {
  it('opens after failures in a row of several keys', () => {
    const circuit = new Circuit(limits)

    for (const key of ['a', 'b', 'a']) circuit.failed(key, 0)
    assert.equal(circuit.state.kind, 'closed')
    circuit.failed('a', 0)

    assert.equal(circuit.state.kind, 'open')
    assert.equal(circuit.admits(999), false)
  })

  it('stays closed when it is always the same key, or something succeeds between', () => {
    const oneKey = new Circuit(limits)
    const mixed = new Circuit(limits)

    for (let i = 0; i < 100; i++) oneKey.failed('a', 0)
    for (let i = 0; i < 100; i++) {
      mixed.failed(`k${i}`, 0)
      if (i % 3 === 0) mixed.succeeded()
    }

    assert.equal(oneKey.state.kind, 'closed')
    assert.equal(mixed.state.kind, 'closed')
  })

  it('lets one event through when the wait is over, and waits longer when that fails', () => {
    const circuit = new Circuit(limits)
    for (const key of ['a', 'b', 'c', 'd']) circuit.failed(key, 0)

    assert.deepEqual([circuit.admits(1000), circuit.admits(1000)], [true, false])
    circuit.failed('a', 1000)
    assert.deepEqual([circuit.admits(2999), circuit.admits(3000)], [false, true])
    circuit.failed('b', 3000)
    assert.deepEqual([circuit.admits(5999), circuit.admits(6000)], [false, true])

    circuit.succeeded()
    assert.equal(circuit.state.kind, 'closed')
  })

  it('lets the next event be the one when there was none', () => {
    const circuit = new Circuit(limits)
    circuit.open(0)

    assert.equal(circuit.admits(1000), true)
    circuit.probeUnused(1000)

    assert.equal(circuit.admits(1001), true)
  })
})

describe('rule 9: a bad deployment does not park everything', () => {
  it('allows no more after so many in a row', () => {
    const limit = new ParkLimit({ consecutive: 3, ratio: 1, window: 100 })

    for (let i = 0; i < 3; i++) limit.parked()
    assert.equal(limit.allows, false)
    limit.handled()

    assert.equal(limit.allows, true)
  })

  it('allows no more when they are too large a share of the last events', () => {
    const limit = new ParkLimit({ consecutive: 100, ratio: 0.5, window: 10 })

    for (let i = 0; i < 5; i++) {
      assert.equal(limit.allows, true)
      limit.handled()
      limit.parked()
    }
    assert.equal(limit.allows, false)
    limit.handled()
    limit.handled()

    assert.equal(limit.allows, true)
  })
})
