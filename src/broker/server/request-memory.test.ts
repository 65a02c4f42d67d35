import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RequestMemory } from './request-memory.ts'

function waiter() {
  const calls = { count: 0 }
  return { calls, onMemory: () => void calls.count++ }
}

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
    memory.addPartial(80)
    memory.addPartial(80)

    assert.equal(memory.mustWait(first), false, 'the first may read beyond the limit')
    assert.equal(memory.mustWait(second), true, 'the second waits')
    memory.addPartial(-80)
    memory.forget(first)

    assert.equal(second.calls.count, 1)
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
