import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TopicRegexes } from './topic-regexes.ts'

/** A clock on which every look takes a millisecond, and which counts the turns that others had. */
function worldOf(names: readonly string[]) {
  const world = { version: 1, names, turns: 0, looks: 0 }
  const clock = { nowMs: () => 0, monotonicMs: () => ++world.looks }
  const timers = {
    after: () => ({ cancel: () => undefined }),
    yield: async () => {
      world.turns += 1
    },
  }
  const regexes = new TopicRegexes({
    host: { clock, timers },
    version: () => world.version,
    names: () => world.names,
  })
  return { world, regexes }
}

describe('topics that match an expression', () => {
  it('match with their whole name, in the order of their names', async () => {
    const { regexes } = worldOf(['orders-us', 'orders', 'orders-eu', 'my-orders-eu'])

    const resolved = await regexes.resolve(['orders-.*', 'my.*', 'bad('])

    assert.deepEqual(resolved.get('orders-.*'), ['orders-eu', 'orders-us'])
    assert.deepEqual(resolved.get('my.*'), ['my-orders-eu'])
    assert.equal(resolved.get('bad('), 'invalid')
  })

  it('are found while others have their turns, whatever the pattern was made to cost', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `${'a'.repeat(200)}${index}`)
    const { world, regexes } = worldOf(names)

    const resolved = await regexes.resolve([`(?:${'a?'.repeat(100)})(a*)*b`])

    assert.deepEqual([...resolved.values()], [[]])
    assert.ok(world.turns >= names.length / 10, `${world.turns} turns`)
  })

  it('are looked for again only when a topic has come or gone', async () => {
    const { world, regexes } = worldOf(['a'])
    await regexes.resolve(['.*'])
    const { looks } = world

    await Promise.all([regexes.resolve(['.*']), regexes.resolve(['.*'])])
    assert.equal(world.looks, looks)
    world.names = ['a', 'b']
    world.version += 1

    assert.deepEqual((await regexes.resolve(['.*'])).get('.*'), ['a', 'b'])
  })
})
