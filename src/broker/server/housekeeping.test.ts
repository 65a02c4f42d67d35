import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeHost } from '../../host/node-host.ts'
import { ManualTime } from './coordinator-test-world.ts'
import { type HandlerWorld, openHandlerWorld } from './handler-test-world.ts'
import { Housekeeping } from './housekeeping.ts'

const HOUR_MS = 3_600_000

async function openWithOldSegments(): Promise<HandlerWorld> {
  const world = await openHandlerWorld()
  const configs = [
    { name: 'retention.bytes', value: '0' },
    { name: 'internal.segment.bytes', value: '100' },
    { name: 'file.delete.delay.ms', value: '0' },
  ]
  await world.catalog.createTopics([
    { name: 'a', partitions: 2, replicationFactor: 1, assignments: [], configs },
  ])
  for (const partition of [0, 1]) await world.produce('a', partition, ['one', 'two', 'three'])
  return world
}

function keepHouse(world: HandlerWorld) {
  const time = new ManualTime()
  const host = { ...nodeHost({ disk: world.disk }), timers: time }
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const { catalog, partitions } = world
  return { time, housekeeping: new Housekeeping({ host, catalog, partitions, log }) }
}

async function until(isDone: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!isDone()) {
    assert.ok(Date.now() < deadline, what)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('housekeeping', () => {
  it('removes old segments of every partition, again and again', async () => {
    await using world = await openWithOldSegments()
    const { time, housekeeping } = keepHouse(world)
    const startOf = (partition: number) => world.partitions.get('a', partition)!.logStartOffset

    time.advance(HOUR_MS)
    await until(() => startOf(0) > 0 && startOf(1) > 0, 'nothing was removed')

    const before = startOf(0)
    await world.produce('a', 0, ['four', 'five'])
    await until(() => {
      time.advance(HOUR_MS)
      return startOf(0) > before
    }, 'nothing more was removed')
    await housekeeping.close()
  })

  it('leaves alone what is offline, and looks after the others', async () => {
    await using world = await openWithOldSegments()
    await world.partitions.get('a', 0)!.close()
    const { time, housekeeping } = keepHouse(world)

    time.advance(HOUR_MS)

    await until(() => world.partitions.get('a', 1)!.logStartOffset > 0, 'nothing was removed')
    await housekeeping.close()
  })

  it('does nothing more once it is closed', async () => {
    await using world = await openWithOldSegments()
    const { time, housekeeping } = keepHouse(world)

    await housekeeping.close()
    time.advance(HOUR_MS)
    await new Promise((resolve) => setImmediate(resolve))

    assert.equal(world.partitions.get('a', 0)!.logStartOffset, 0)
    assert.equal(time.timerCount, 0)
  })
})
