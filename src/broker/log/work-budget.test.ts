import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Work, WorkBudget } from './work-budget.ts'

/** Asks for memory and notes, in `begun`, when it was given. */
async function ask(work: Work, bytes: number, begun: string[], name: string): Promise<void> {
  void work.run(bytes).then(() => begun.push(name))
  await turn()
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('the budget of work on batches', () => {
  it('lets as many run at once as it may, in the order in which they began', async () => {
    const budget = new WorkBudget({ maxBytes: 1000, maxAtOnce: 2 })
    const [a, b, c, d] = [budget.begin(), budget.begin(), budget.begin(), budget.begin()]
    const begun: string[] = []
    await ask(d, 1, begun, 'd')
    await ask(c, 1, begun, 'c')
    await ask(b, 1, begun, 'b')
    await ask(a, 1, begun, 'a')
    assert.deepEqual(begun, ['d', 'c', 'a'], 'two, and the oldest beyond the limit')

    c.ready(1)
    d.ready(1)
    await turn()

    assert.deepEqual(begun, ['d', 'c', 'a', 'b'])
    assert.equal(budget.runningCount, 2)
  })

  it('counts what was made until it is let go', async () => {
    const budget = new WorkBudget({ maxBytes: 100, maxAtOnce: 9 })
    const [a, b] = [budget.begin(), budget.begin()]
    const begun: string[] = []
    await ask(a, 90, begun, 'a')
    await ask(b, 50, begun, 'b')

    a.ready(60)
    await turn()
    assert.deepEqual(begun, ['a'])
    assert.equal(budget.heldBytes, 60)

    a.release()
    await turn()
    assert.deepEqual(begun, ['a', 'b'])
    assert.equal(budget.heldBytes, 50)
    b.release()
    assert.deepEqual([budget.heldBytes, budget.runningCount], [0, 0])
  })

  it('never lets younger work keep the oldest from going on', async () => {
    const budget = new WorkBudget({ maxBytes: 100, maxAtOnce: 1 })
    const [oldest, younger] = [budget.begin(), budget.begin()]
    const begun: string[] = []
    await ask(younger, 100, begun, 'younger')
    younger.ready(100)

    await ask(oldest, 10, begun, 'oldest')
    await ask(oldest, 500, begun, 'oldest again')

    assert.deepEqual(begun, ['younger', 'oldest', 'oldest again'])
    assert.equal(budget.heldBytes, 600)
  })
})
