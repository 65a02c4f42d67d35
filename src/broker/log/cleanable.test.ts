import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type CleanableSegment,
  type CompactionState,
  decideCleanable,
  groupSegments,
  isRollDue,
} from './cleanable.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'

const NOW_MS = 1_000_000
const compact: LogConfig = { ...DEFAULT_LOG_CONFIG, cleanupPolicy: ['compact'] }

/** Ten offsets and a hundred bytes, written within a second. */
function segment(baseOffset: number, fields: Partial<CleanableSegment> = {}): CleanableSegment {
  return {
    baseOffset,
    endOffset: baseOffset + 10,
    sizeBytes: 100,
    firstTimestamp: NOW_MS - 1000,
    maxTimestamp: NOW_MS - 1000,
    createdMs: NOW_MS - 1000,
    ...fields,
  }
}

function state(fields: Partial<CompactionState> & { config?: LogConfig } = {}): CompactionState {
  return {
    config: compact,
    logStartOffset: 0,
    firstDirtyOffset: 0,
    stableOffset: 1000,
    nowMs: NOW_MS,
    ...fields,
  }
}

const four = [segment(0), segment(10), segment(20), segment(30)]

describe('what of a log can be compacted', () => {
  it('is all but the active segment, and nothing of a log that is not compacted', () => {
    assert.equal(decideCleanable(four, state())?.endOffset, 30)
    assert.equal(decideCleanable([segment(0)], state()), undefined)
    assert.equal(decideCleanable([], state()), undefined)
    assert.equal(decideCleanable(four, state({ config: DEFAULT_LOG_CONFIG })), undefined)
  })

  it('ends where the first open transaction begins, by whole segments', () => {
    assert.equal(decideCleanable(four, state({ stableOffset: 25 }))?.endOffset, 20)
    assert.equal(decideCleanable(four, state({ stableOffset: 5 })), undefined)
  })

  it('ends before what is younger than min.compaction.lag.ms', () => {
    const config = { ...compact, minCompactionLagMs: 5000 }
    const old = { maxTimestamp: NOW_MS - 5000 }
    const segments = [segment(0, old), segment(10), segment(20, old), segment(30)]

    assert.equal(decideCleanable(segments, state({ config }))?.endOffset, 10)
  })

  it('is due when its dirty share is above min.cleanable.dirty.ratio', () => {
    const clean = { firstDirtyOffset: 20 }

    const third = decideCleanable(four, state(clean))
    const strict = decideCleanable(
      four,
      state({ ...clean, config: { ...compact, minCleanableDirtyRatio: 0.3 } }),
    )

    assert.equal(third?.dirtyRatio, 1 / 3)
    assert.equal(third?.isDue, false)
    assert.equal(strict?.isDue, true)
  })

  it('is due when something has waited for max.compaction.lag.ms', () => {
    const config = { ...compact, minCleanableDirtyRatio: 1, maxCompactionLagMs: 1000 }

    assert.equal(decideCleanable(four, state({ config }))?.isDue, false)
    assert.equal(decideCleanable(four, state({ config, nowMs: NOW_MS + 1 }))?.isDue, true)
  })

  it('is nothing when nothing came after the last pass', () => {
    assert.equal(decideCleanable(four, state({ firstDirtyOffset: 30 })), undefined)
  })

  it('begins again at the start of a log that was cut', () => {
    const plan = decideCleanable(four, state({ firstDirtyOffset: 35, logStartOffset: 5 }))

    assert.equal(plan?.firstDirtyOffset, 5)
  })
})

describe('the active segment', () => {
  it('makes way when its first record, or itself, has become too old', () => {
    const lag = { ...compact, maxCompactionLagMs: 1000 }
    const age = { ...compact, segmentMs: 1000 }

    for (const config of [lag, age]) {
      assert.equal(isRollDue(segment(0), config, NOW_MS), false)
      assert.equal(isRollDue(segment(0), config, NOW_MS + 1), true)
      assert.equal(isRollDue(segment(0, { sizeBytes: 0 }), config, NOW_MS + 1), false)
    }
    assert.equal(isRollDue(segment(0), { ...age, cleanupPolicy: ['delete'] }, NOW_MS + 1), false)
  })
})

describe('segments become one', () => {
  const bases = (groups: CleanableSegment[][]) => groups.map((g) => g.map((s) => s.baseOffset))

  it('up to segment.bytes', () => {
    const groups = groupSegments(four, { ...compact, segmentBytes: 250 })

    assert.deepEqual(bases(groups), [
      [0, 10],
      [20, 30],
    ])
  })

  it('as far as offsets fit into 32 bits', () => {
    const far = segment(0x7fff_fffa)

    assert.deepEqual(bases(groupSegments([segment(0), segment(10), far], compact)), [
      [0, 10],
      [0x7fff_fffa],
    ])
  })

  it('never split, however large one is', () => {
    assert.deepEqual(bases(groupSegments(four.slice(0, 2), { ...compact, segmentBytes: 10 })), [
      [0],
      [10],
    ])
  })
})
