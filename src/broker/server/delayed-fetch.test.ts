import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type AwaitedPartition, DelayedFetches } from './delayed-fetch.ts'

/** A partition whose readable bytes the test moves. */
class TestLog {
  bytes = 0
  state: 'online' | 'offline' = 'online'
  logStartOffset = 0
  readonly listeners = new Set<() => void>()

  readableBytes() {
    return this.bytes
  }
  onAdvance(listener: () => void) {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
  advance(change: Partial<Pick<TestLog, 'bytes' | 'state' | 'logStartOffset'>>) {
    Object.assign(this, change)
    for (const listener of [...this.listeners]) listener()
  }
}

function waiting(partitions = 2, minBytes = 100, maxBytes = 1000) {
  const logs = Array.from({ length: partitions }, () => new TestLog())
  const timers = new Set<() => void>()
  const closers = new Set<() => void>()
  const fetches = new DelayedFetches({
    after: (_delayMs, callback) => {
      timers.add(callback)
      return { cancel: () => void timers.delete(callback) }
    },
    yield: () => Promise.resolve(),
  })
  const connection = {
    isClosed: false,
    onClose: (listener: () => void) => {
      closers.add(listener)
      return () => void closers.delete(listener)
    },
  }
  const outcome = { isOver: false }
  const awaited: AwaitedPartition[] = logs.map((log) => ({ log, fromOffset: 5, maxBytes }))
  const wait = () =>
    fetches
      .wait({ partitions: awaited, upTo: 'highWatermark', minBytes, maxWaitMs: 500, connection })
      .then(() => {
        outcome.isOver = true
      })
  void wait()
  /** What is left of the waiting fetch. */
  const leftBehind = () =>
    timers.size +
    closers.size +
    fetches.waitingCount +
    logs.reduce((n, l) => n + l.listeners.size, 0)
  return { logs, timers, closers, fetches, connection, outcome, leftBehind, wait }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('a fetch that waits', () => {
  it('ends when the bytes of all its partitions together are enough', async () => {
    const { logs, outcome, leftBehind } = waiting()

    logs[0]!.advance({ bytes: 60 })
    await settle()
    assert.equal(outcome.isOver, false)
    logs[1]!.advance({ bytes: 40 })
    await settle()

    assert.equal(outcome.isOver, true)
    assert.equal(leftBehind(), 0)
  })

  it('counts of a partition only what it asks of it', async () => {
    const { logs, outcome } = waiting(2, 100, 50)

    logs[0]!.advance({ bytes: 10_000 })
    await settle()

    assert.equal(outcome.isOver, false)
  })

  it('ends when its time is up', async () => {
    const { timers, outcome, leftBehind } = waiting()

    for (const fire of timers) fire()
    await settle()

    assert.equal(outcome.isOver, true)
    assert.equal(leftBehind(), 0)
  })

  it('ends at once when its connection closes', async () => {
    const { closers, outcome, leftBehind } = waiting()

    for (const close of closers) close()
    await settle()

    assert.equal(outcome.isOver, true)
    assert.equal(leftBehind(), 0)
  })

  it('ends when a partition goes offline, is deleted, or starts beyond the offset', async () => {
    for (const change of [{ state: 'offline' as const }, { logStartOffset: 6 }]) {
      const { logs, outcome, leftBehind } = waiting()

      logs[1]!.advance(change)
      await settle()

      assert.equal(outcome.isOver, true)
      assert.equal(leftBehind(), 0)
    }
  })

  it('ends when the broker stops, and none waits afterwards', async () => {
    const { fetches, outcome, leftBehind, wait } = waiting()

    fetches.stop()
    await settle()
    assert.equal(outcome.isOver, true)
    await wait()

    assert.equal(leftBehind(), 0)
  })
})
