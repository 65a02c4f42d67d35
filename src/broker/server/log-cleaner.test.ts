import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeHost } from '../../host/node-host.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { type HandlerWorld, openHandlerWorld } from './handler-test-world.ts'
import type { LogFields } from './json-log.ts'
import { LogCleaner } from './log-cleaner.ts'

const LONG = 'leader.replication.throttled.replicas'
const NEVER = new AbortController().signal

async function openWorld(settings: Readonly<Record<string, string>> = {}) {
  const world = await openHandlerWorld({ settings })
  const configs = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'internal.segment.bytes', value: '300' },
  ]
  await world.catalog.createTopics(
    ['a', 'b'].map((name) => ({
      name,
      partitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs,
    })),
  )
  return world
}

function cleanerOf(world: HandlerWorld, logs?: () => Iterable<PartitionLog>) {
  const said: { event: string; fields: LogFields }[] = []
  const note = (event: string, fields: LogFields = {}) => void said.push({ event, fields })
  const { clock, timers } = nodeHost({ disk: world.disk })
  const log = { info: note, warn: note, error: note }
  const all = logs ?? (() => world.partitions.all())
  return {
    said,
    cleaner: new LogCleaner({ clock, timers, config: world.catalog.config, log, logs: all }),
  }
}

describe('the log cleaner', () => {
  it('compacts what is due, the dirtiest first, until nothing is', async () => {
    await using world = await openWorld()
    const { said, cleaner } = cleanerOf(world)
    await world.produce('a', 0, keyed(10))
    await cleaner.run(NEVER)
    await world.produce('a', 0, keyed(30))
    await world.produce('b', 0, keyed(10))

    await cleaner.run(NEVER)

    const order = said.map(({ event, fields }) => `${event} ${fields['topic']}`)
    assert.deepEqual(order, ['log-compacted a', 'log-compacted b', 'log-compacted a'])
    await cleaner.run(NEVER)
    assert.equal(said.length, 3)
  })

  it('leaves a log that failed alone for a while, and says so', async () => {
    await using world = await openWorld()
    await world.produce('a', 0, keyed(10))
    const log = world.partitions.get('a', 0)!
    let tries = 0
    log.upkeep.compact = async () => {
      tries += 1
      throw new Error('no space')
    }
    const { said, cleaner } = cleanerOf(world, () => [log])

    await cleaner.run(NEVER)
    await cleaner.run(NEVER)

    assert.equal(tries, 1)
    assert.deepEqual(
      said.map(({ event }) => event),
      ['compaction-failed'],
    )
  })

  it('does nothing when it is not enabled', async () => {
    await using world = await openWorld({ 'log.cleaner.enable': 'false' })
    await world.produce('a', 0, keyed(10))
    const { said, cleaner } = cleanerOf(world)

    await cleaner.run(NEVER)

    assert.deepEqual(said, [])
  })

  it('keeps the catalogue small, and what it says', async () => {
    let world = await openWorld()
    const { disk } = world
    for (let round = 0; round < 400; round++) {
      const texts = { 'retention.ms': String(round), [LONG]: Array(8000).fill('0:1').join() }
      const decide = () => ({ kind: 'allowed', texts }) as const
      await world.catalog.alterConfigs({ type: 'topic', name: 'a' }, decide)
    }
    const { cleaner } = cleanerOf(world, () => [world.catalog.log])
    const before = world.catalog.log.sizeBytes

    await cleaner.run(NEVER)

    assert.ok(world.catalog.log.sizeBytes < before - 8_000_000)
    const { clusterId } = world.catalog
    await world[Symbol.asyncDispose]()
    world = await openHandlerWorld({ disk })
    assert.equal(world.catalog.clusterId, clusterId)
    assert.equal(world.catalog.topic('a')?.configs['retention.ms'], '399')
    assert.ok(world.catalog.topic('b') !== undefined)
    await world[Symbol.asyncDispose]()
  })
})

/** Values of so many records, each with the same few keys. */
function keyed(count: number): { key: string; value: string }[] {
  return Array.from({ length: count }, (_, i) => ({ key: `key ${i % 3}`, value: `value ${i}` }))
}
