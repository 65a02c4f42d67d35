import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppendOrder } from './append-order.ts'

describe('the order of appends', () => {
  it('is that of their arrival, whichever is ready first and whatever becomes of one', async () => {
    const order = new AppendOrder()
    const decided: string[] = []
    const decide = async (name: string) => void decided.push(name)
    const [slow, broken] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const all = Promise.allSettled([
      order.join(slow.promise, decide),
      order.join(broken.promise, decide),
      order.join('quick', decide),
    ])

    broken.reject(new Error('a bug'))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([decided, order.isEmpty], [[], false])
    slow.resolve('slow')

    const outcomes = await all
    assert.deepEqual(decided, ['slow', 'quick'])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.equal(order.isEmpty, true)
  })
})
