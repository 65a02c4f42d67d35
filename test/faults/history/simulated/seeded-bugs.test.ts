// The checker's silence counts only if it is not silent about brokers that break their promises.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describe as describeAnomaly } from '../checker/smallest.ts'
import { findSeededBug } from './find-seeded-bug.ts'
import { seededBugs } from './seeded-bugs.ts'
import { runSimulated } from './simulated-run.ts'

describe('the checker finds a broker in which', () => {
  for (const [bug, seeded] of Object.entries(seededBugs)) {
    it(bug, async (t) => {
      const found = await findSeededBug(seeded)

      assert.ok(found !== undefined, 'not found')
      const { seed, anomaly, operations } = found
      const story = describeAnomaly(anomaly, operations).split('\n')
      t.diagnostic(`seed ${seed}: ${story[0]} (${story.length - 1} lines)`)
    })
  }

  it('nothing at all is wrong, and so finds nothing', async () => {
    for (const bug of ['open transactions hold nobody back', 'resent batches are appended again']) {
      const { settings = {} } = seededBugs[bug]!
      const { anomalies, operations } = await runSimulated({ seed: 1, settings })

      const [first] = anomalies
      assert.equal(first && describeAnomaly(first, operations), undefined)
    }
  })

  it('does exactly the same again from the same seed', async () => {
    const first = await runSimulated({ seed: 5 })
    const second = await runSimulated({ seed: 5 })

    assert.deepEqual(second.operations, first.operations)
  })
})
