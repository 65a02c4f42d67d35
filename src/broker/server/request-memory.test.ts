import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RequestMemory } from './request-memory.ts'

function waiter(isMidFrame = true) {
  const calls = { count: 0 }
  return { calls, isMidFrame, onMemory: () => void calls.count++ }
}

/** A frame of which so many bytes have arrived. */
const arrived = (arrivedBytes: number) => ({ arrivedBytes, reservedBytes: arrivedBytes })

describe('request memory', () => {
  it('lets a connection wait while complete requests fill it, and calls it when they are answered', () => {
    const memory = new RequestMemory(100)
    const first = waiter()
    memory.addComplete(150)

    assert.equal(memory.mustWait(first), true)
    memory.release(20)
    assert.equal(first.calls.count, 0)
    memory.release(40)

    assert.equal(first.calls.count, 1)
    assert.equal(memory.mustWait(first), false)
  })

  it('lets one go on when nothing but unfinished frames is held', () => {
    const memory = new RequestMemory(100)
    const [first, second] = [waiter(), waiter()]
    memory.addPartial(arrived(80))
    memory.addPartial(arrived(80))

    assert.equal(memory.mustWait(first), false, 'the first may read beyond the limit')
    assert.equal(memory.mustWait(second), true, 'the second waits')
    memory.addPartial(arrived(-80))
    memory.forget(first)

    assert.equal(second.calls.count, 1)
  })

  it('lets an unfinished frame go on before a connection that only waits for its client', () => {
    const memory = new RequestMemory(100)
    const [idle, midway] = [waiter(false), waiter()]
    memory.addPartial(arrived(120))
    memory.mustWait(idle)

    assert.equal(memory.mustWait(midway), false)

    assert.equal(idle.calls.count, 0)
  })

  it('lets the next one go on when the one that may dawdles', () => {
    const memory = new RequestMemory(100)
    const [slow, next] = [waiter(), waiter()]
    memory.addPartial(arrived(120))
    memory.mustWait(slow)
    memory.mustWait(next)
    assert.equal(next.calls.count, 0)

    memory.passOn()

    assert.equal(next.calls.count, 1)
  })

  it('sets memory aside for arriving frames only while there is some', () => {
    const memory = new RequestMemory(100)
    memory.addPartial({ arrivedBytes: 1, reservedBytes: 80 })

    assert.equal(memory.mayReserve(20), true)
    assert.equal(memory.mayReserve(21), false)
  })

  it('forgets a connection that closed while it waited', () => {
    const memory = new RequestMemory(100)
    const gone = waiter()
    memory.addComplete(200)
    memory.mustWait(gone)

    memory.forget(gone)
    memory.release(200)

    assert.equal(gone.calls.count, 0)
    assert.equal(memory.usedBytes, 0)
  })
})
