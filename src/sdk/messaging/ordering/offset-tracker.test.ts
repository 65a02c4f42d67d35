import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../testing/seeded-random.ts'
import { type DoneSpan, OffsetTracker } from './offset-tracker.ts'
import { decodeProgress, encodeProgress } from './progress.ts'

describe('rule 1: commit only the lowest unfinished offset', () => {
  it('an unfinished offset holds the watermark, however much is finished above it', () => {
    const tracker = new OffsetTracker(10)
    const tickets = [10, 11, 12].map((offset) => tracker.receive(offset) as number)

    tracker.finish(tickets[1] as number)
    tracker.finish(tickets[2] as number)

    assert.equal(tracker.watermark, 10)
    assert.deepEqual(tracker.spans(), [{ start: 11, end: 13 }])
  })

  it('offsets with holes between them don’t hold it', () => {
    const tracker = new OffsetTracker(0)
    const first = tracker.receive(3) as number
    const second = tracker.receive(90) as number
    tracker.advanceTo(100)

    tracker.finish(first)
    assert.equal(tracker.watermark, 90)
    tracker.finish(second)

    assert.equal(tracker.watermark, 100)
  })

  it('what an earlier owner finished is not handed out again, and stays known until it is passed', () => {
    const tracker = new OffsetTracker(5, [
      { start: 6, end: 8 },
      { start: 20, end: 21 },
    ])

    const tickets = [5, 6, 7, 8].map((offset) => tracker.receive(offset))

    assert.deepEqual(
      tickets.map((ticket) => ticket !== undefined),
      [true, false, false, true],
    )
    assert.deepEqual(tracker.spans(), [
      { start: 6, end: 8 },
      { start: 20, end: 21 },
    ])
    assert.equal(tracker.watermark, 5)
  })

  it('agrees with a model that keeps every offset in a set, over crashes, for 200 seeds', () => {
    for (let seed = 1; seed <= 200; seed++) compareWithModel(seed)
  })
})

/** One partition with holes, owned by one consumer after another; each dies at some point. */
function compareWithModel(seed: number): void {
  const random = new SeededRandom(seed)
  const below = (limit: number) => Math.floor(random.fraction() * limit)
  const log: number[] = []
  for (let offset = below(5); log.length < 120; offset += 1 + (below(4) === 0 ? below(9) : 0)) {
    log.push(offset)
  }
  const handled = new Map<number, number>()
  let committed = { offset: 0, metadata: '' }

  for (let owner = 0; owner < 6; owner++) {
    const { done } = decodeProgress(committed.offset, committed.metadata)
    const tracker = new OffsetTracker(committed.offset, done)
    const finished = new Set([...handled.keys()].filter((offset) => inSpans(done, offset)))
    const running = new Map<number, number>()
    let next = log.findIndex((offset) => offset >= committed.offset)
    for (let step = 0; step < 60; step++) {
      const choice = below(3)
      if (choice === 0 && next >= 0 && next < log.length) {
        const offset = log[next++] as number
        const ticket = tracker.receive(offset)
        assert.equal(ticket === undefined, finished.has(offset), `seed ${seed}, offset ${offset}`)
        if (ticket !== undefined) running.set(offset, ticket)
      } else if (choice === 1 && running.size > 0) {
        const [offset, ticket] = [...running][below(running.size)] as [number, number]
        running.delete(offset)
        tracker.finish(ticket)
        finished.add(offset)
        handled.set(offset, (handled.get(offset) ?? 0) + 1)
      } else {
        const offset = tracker.watermark
        const unfinishedBelow = log.filter((at) => at < offset && !handled.has(at))
        assert.deepEqual(unfinishedBelow, [], `seed ${seed}: committed past unfinished offsets`)
        const { metadata } = encodeProgress(offset, {
          isOpen: true,
          crashes: 0,
          suspects: [],
          done: tracker.spans(),
        })
        const known = decodeProgress(offset, metadata).done
        for (const at of log.filter((entry) => entry >= offset)) {
          assert.equal(inSpans(known, at), finished.has(at), `seed ${seed}, offset ${at}`)
        }
        committed = { offset, metadata }
      }
    }
  }
}

function inSpans(spans: readonly DoneSpan[], offset: number): boolean {
  return spans.some(({ start, end }) => start <= offset && offset < end)
}
