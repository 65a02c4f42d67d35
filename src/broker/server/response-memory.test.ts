import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualTime } from './coordinator-test-world.ts'
import { ResponseMemory } from './response-memory.ts'

class TestConnection {
  lastActiveMs: number
  reason: string | undefined
  readonly #listeners = new Set<() => void>()
  readonly #onClosed: () => void

  constructor(lastActiveMs: number, onClosed: () => void = () => undefined) {
    this.lastActiveMs = lastActiveMs
    this.#onClosed = onClosed
  }
  onClose(listener: () => void) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  get listenerCount() {
    return this.#listeners.size
  }
  close(reason?: string) {
    this.reason = reason
    for (const listener of this.#listeners) listener()
    this.#onClosed()
  }
}

function world(limitBytes: number) {
  const time = new ManualTime()
  const counts = { waits: 0, closed: 0 }
  const memory = new ResponseMemory(limitBytes, {
    clock: time,
    timers: time,
    patienceMs: 1000,
    onWait: () => counts.waits++,
    onClosed: () => counts.closed++,
  })
  return { time, memory, counts }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('the memory of answers', () => {
  it('gives each a share of what is left, and at least a batch', () => {
    const { memory } = world(1000)
    const connection = new TestConnection(0)
    const take = (bytes: number, leastBytes: number) =>
      memory.reserve({ bytes, leastBytes }, connection)

    assert.equal(take(100, 10), 100)
    assert.equal(take(5000, 10), 225, 'a quarter of 900')
    assert.equal(take(5000, 500), 500)
    assert.equal(take(5000, 10), 43)
    assert.equal(take(5000, 400), 400, 'the last batch goes beyond')
    assert.equal(memory.isFull, true)
  })

  it('lets who comes later wait for room, in the order they came', async () => {
    const { memory, counts } = world(100)
    const connection = new TestConnection(0)
    const granted: [string, number][] = []
    const take = async (name: string, bytes: number) => {
      const wanted = { bytes, leastBytes: bytes }
      granted.push([name, await memory.reserve(wanted, connection)])
    }
    await take('first', 100)
    void take('second', 60)
    void take('third', 60)
    void take('fourth', 60)
    await settle()
    assert.deepEqual(granted, [['first', 100]])
    assert.equal(counts.waits, 3)

    memory.release(100)
    await settle()
    assert.deepEqual(
      granted.map(([name]) => name),
      ['first', 'second', 'third'],
    )
    memory.add(-50)
    await settle()

    assert.equal(granted.length, 4)
    assert.equal(memory.waitingCount, 0)
    assert.equal(connection.listenerCount, 0)
  })

  it('is no longer waited for by a connection that has closed', async () => {
    const { memory } = world(100)
    const [holder, waiter] = [new TestConnection(0), new TestConnection(0)]
    memory.reserve({ bytes: 100, leastBytes: 100 }, holder)
    const granted = memory.reserve({ bytes: 10, leastBytes: 10 }, waiter)

    waiter.close()

    assert.equal(await granted, 0)
    assert.equal(memory.waitingCount, 0)
    assert.equal(memory.usedBytes, 100)
  })

  it('closes those whose peers take nothing while others wait, the longest silent first', async () => {
    const { time, memory, counts } = world(100)
    const nowMs = time.monotonicMs()
    const readers = [nowMs - 300, nowMs - 500, nowMs + 900].map((lastActiveMs) => {
      const reader = new TestConnection(lastActiveMs, () => {
        memory.removeReader(reader)
        memory.release(40)
      })
      memory.add(40)
      memory.addReader(reader)
      return reader
    })
    const waiter = memory.reserve({ bytes: 10, leastBytes: 10 }, new TestConnection(0))

    time.advance(999)
    assert.equal(counts.closed, 0)
    time.advance(1)

    assert.equal(await waiter, 10)
    assert.deepEqual(
      readers.map(({ reason }) => reason !== undefined),
      [false, true, false],
    )
    time.advance(5000)
    assert.equal(counts.closed, 1, 'nobody waits any more')
    assert.equal(time.timerCount, 0)
  })
})
