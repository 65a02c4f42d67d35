import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../testing/seeded-random.ts'
import type { TimerRecord } from './timer-record.ts'
import { WaitingTimers } from './waiting-timers.ts'

const ENOUGH = { maxKeptBytes: 1_000_000 }

function timer(name: string, dueMs: number, value = '{}'): TimerRecord {
  const record = { key: Buffer.from('k'), value: Buffer.from(value), headers: [] }
  return { kind: 'timer', timer: { name, topic: 'orders', dueMs, record } }
}

/** Names of all that is due by then, in the order in which they would be delivered. */
function due(waiting: WaitingTimers, nowMs = Number.MAX_SAFE_INTEGER): string[] {
  const taken: string[] = []
  for (let next = waiting.takeDue(nowMs); next !== undefined; next = waiting.takeDue(nowMs)) {
    taken.push(next.name)
  }
  return taken
}

describe('timers that wait', () => {
  it('are due in the order of their times, those of one moment in that of the log', () => {
    const waiting = new WaitingTimers(ENOUGH)
    const written = [timer('a', 30), timer('b', 10), timer('c', 20), timer('d', 10)]
    for (const [offset, one] of written.entries()) waiting.apply(one, offset)

    assert.equal(waiting.nextDueMs, 10)
    assert.deepEqual(due(waiting, 9), [])
    assert.deepEqual(due(waiting, 20), ['b', 'd', 'c'])
    assert.equal(waiting.nextDueMs, 30)
    assert.equal(waiting.size, 4, 'until they are delivered')
  })

  it('wait once by their name, for the time that was said last', () => {
    const waiting = new WaitingTimers(ENOUGH)
    waiting.apply(timer('a', 10), 0)
    waiting.apply(timer('a', 50), 1)

    assert.equal(waiting.size, 1)
    assert.equal(waiting.nextDueMs, 50)
    assert.deepEqual(due(waiting), ['a'])
  })

  it('do not wait again once they are delivered, whatever is still read of them', () => {
    const waiting = new WaitingTimers(ENOUGH)
    waiting.apply(timer('a', 10), 0)
    const taken = waiting.takeDue(10)!
    waiting.apply(timer('a', 20), 1) // written before the record that ends the waiting
    waiting.delivered(taken)
    waiting.apply(timer('a', 30), 2)

    assert.equal(waiting.size, 0)
    waiting.apply({ kind: 'delivered', name: 'a' }, 3)
    waiting.apply(timer('a', 40), 4)
    assert.equal(waiting.nextDueMs, 40, 'after that it is a new one')
  })

  it('go back where they were when they could not be delivered', () => {
    const waiting = new WaitingTimers(ENOUGH)
    waiting.apply(timer('a', 10), 0)
    waiting.apply(timer('b', 11), 1)
    const taken = [waiting.takeDue(20)!, waiting.takeDue(20)!]
    waiting.apply(timer('b', 99), 2)

    waiting.putBack(taken)

    assert.deepEqual(due(waiting), ['a', 'b'])
  })

  it('keep the bytes of their events up to a bound, and copies only', () => {
    const waiting = new WaitingTimers({ maxKeptBytes: 10 })
    const bytes = Buffer.from('123456')
    const record = { key: null, value: bytes, headers: [] }
    const of = (name: string): TimerRecord => {
      return { kind: 'timer', timer: { name, topic: 'orders', dueMs: 1, record } }
    }
    waiting.apply(of('a'), 0)
    waiting.apply(of('b'), 1)
    bytes.fill(0)

    const [a, b] = [waiting.takeDue(1)!, waiting.takeDue(1)!]
    assert.equal(`${a.record?.value}`, '123456')
    assert.equal(b.record, undefined, 'it is read again')
    waiting.delivered(a)
    waiting.apply(of('c'), 2)
    assert.notEqual(waiting.takeDue(1)!.record, undefined, 'there is room again')
  })

  it('are the same for an owner who read a compacted log, for 200 seeds', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed)
      const log: TimerRecord[] = []
      for (let n = 0; n < 60; n++) {
        const name = `n${Math.floor(random.fraction() * 8)}`
        if (random.fraction() < 0.3) log.push({ kind: 'delivered', name })
        else log.push(timer(name, Math.floor(random.fraction() * 20)))
      }
      const whole = new WaitingTimers(ENOUGH)
      const compacted = new WaitingTimers(ENOUGH)
      for (const [offset, record] of log.entries()) {
        whole.apply(record, offset)
        const isNewest = log.findLastIndex((other) => nameOf(other) === nameOf(record)) === offset
        if (isNewest) compacted.apply(record, offset)
      }

      assert.deepEqual(due(compacted), due(whole), `seed ${seed}`)
    }
  })

  it('do not pile up when one event is delayed over and over', () => {
    const waiting = new WaitingTimers(ENOUGH)
    for (let offset = 0; offset < 10_000; offset++) waiting.apply(timer('a', 1 + offset), offset)
    waiting.apply(timer('b', 5), 10_000)

    assert.ok(waiting.queued < 300, `${waiting.queued} stand in the queue`)
    assert.deepEqual(due(waiting), ['b', 'a'])
  })
})

function nameOf(record: TimerRecord): string | undefined {
  if (record.kind === 'timer') return record.timer.name
  return record.kind === 'delivered' ? record.name : undefined
}
