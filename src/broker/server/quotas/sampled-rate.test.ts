import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SampledRate } from './sampled-rate.ts'

const WINDOWS = { count: 11, windowMs: 1000 }

describe('the rate of a client', () => {
  it('spreads a first burst over all windows but the current one', () => {
    const rate = new SampledRate(WINDOWS, 5000)

    rate.record(1000, 5000)

    assert.equal(rate.perSecond(5000), 100)
    assert.equal(rate.delayMs(100, 5000), 0)
    assert.equal(rate.delayMs(50, 5000), 10_000, 'twice as much as allowed: as long again')
  })

  it('is down to its bound when the delay is over', () => {
    const rate = new SampledRate(WINDOWS, 0)
    rate.record(1200, 0)
    const delayMs = rate.delayMs(100, 0)

    assert.equal(delayMs, 2000)
    assert.equal(rate.delayMs(100, delayMs - 1000) > 0, true)
  })

  it('forgets what is older than its windows', () => {
    const rate = new SampledRate(WINDOWS, 0)
    rate.record(1000, 0)

    assert.equal(rate.perSecond(10_999) > 0, true)
    assert.equal(rate.perSecond(11_000), 0)
  })

  it('counts every window of a steady stream', () => {
    const rate = new SampledRate(WINDOWS, 0)
    for (let atMs = 0; atMs < 60_000; atMs += 100) rate.record(10, atMs)

    const perSecond = rate.perSecond(59_900)
    assert.ok(perSecond > 90 && perSecond < 111, `${perSecond}`)
  })

  it('takes back what is not to count', () => {
    const rate = new SampledRate(WINDOWS, 0)
    rate.record(1000, 0)
    rate.record(5000, 10)
    rate.record(-5000, 10)

    assert.equal(rate.perSecond(0), 100)
  })
})
