import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { buildBatch } from '../batch/builder.ts'
import type { HandlerWorld } from './handler-test-world.ts'
import { openHandlerWorld } from './handler-test-world.ts'

const newDisk = () => memoryDisk({ maxBytes: 512 * 1024 * 1024 })

async function create(
  world: HandlerWorld,
  name: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
) {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const request = { name, partitions, replicationFactor: 1, assignments: [], configs: entries }
  const [outcome] = await world.catalog.createTopics([request])
  assert.equal(outcome?.kind, 'created')
  return world.catalog.topic(name)!
}

const foldersOf = async (disk: Disk) => (await disk.list('topics')).sort()

/** A partition as another broker would have left it. */
async function writeFolder(disk: Disk, folder: string, topicId?: string): Promise<void> {
  await disk.makeFolder(`topics/${folder}`)
  if (topicId === undefined) return
  const text = `version: 0\ntopic_id: ${topicId}\n`
  await disk.replaceFile(`topics/${folder}/partition.metadata`, text)
}

async function untilDeletionsAreForgotten(world: HandlerWorld): Promise<void> {
  const deadline = Date.now() + 10_000
  while (world.catalog.deletedTopics().size > 0) {
    assert.ok(Date.now() < deadline, 'a deletion is not forgotten')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const ID = 'b3JkZXJzb3JkZXJzb3JkZQ'
const OTHER_ID = 'bmV3bmV3bmV3bmV3bmV3bg'

describe('partitions', () => {
  it('are there when their topic shows, without a folder before the first append', async () => {
    await using world = await openHandlerWorld()
    await create(world, 'orders', { partitions: 3 })

    assert.equal(world.partitions.get('orders', 2)?.state, 'online')
    assert.equal(world.partitions.get('orders', 3), undefined)
    assert.deepEqual(await foldersOf(world.disk), [])

    await world.produce('orders', 1, ['a'])

    assert.deepEqual(await foldersOf(world.disk), ['orders-1'])
  })

  it('that are added leave the logs of the others as they are', async () => {
    await using world = await openHandlerWorld()
    await create(world, 'orders', { partitions: 1 })
    const first = world.partitions.get('orders', 0)

    await world.catalog.createPartitions({ name: 'orders', count: 4, assignments: null })

    assert.equal(world.partitions.get('orders', 0), first)
    assert.equal(world.partitions.get('orders', 3)?.state, 'online')
  })

  it('follow the settings of their topic, and of the broker where it has none', async () => {
    await using world = await openHandlerWorld()
    await create(world, 'orders', { configs: { 'max.message.bytes': '1000' } })
    await create(world, 'plain')
    const limitOf = (topic: string) => world.partitions.get(topic, 0)?.config.maxMessageBytes
    const alter = (type: 'topic' | 'broker', name: string, texts: Record<string, string>) =>
      world.catalog.alterConfigs({ type, name }, () => ({ kind: 'allowed', texts }))

    assert.deepEqual([limitOf('orders'), limitOf('plain')], [1000, 1_048_588])

    await alter('broker', '', { 'message.max.bytes': '2000' })
    assert.deepEqual([limitOf('orders'), limitOf('plain')], [1000, 2000])

    await alter('topic', 'orders', {})
    assert.deepEqual([limitOf('orders'), limitOf('plain')], [2000, 2000])
  })

  it('roll their segments at different times when segment.jitter.ms says so', async () => {
    await using world = await openHandlerWorld()
    const partitions = 8
    const segmentMs = { 'segment.ms': '10000' }
    await create(world, 'even', { partitions, configs: segmentMs })
    const jitter = { 'segment.jitter.ms': '10000' }
    await create(world, 'uneven', { partitions, configs: { ...segmentMs, ...jitter } })
    const rolledOf = async (topic: string) => {
      let rolled = 0
      for (let partition = 0; partition < partitions; partition++) {
        const log = world.partitions.get(topic, partition)!
        for (const ageMs of [0, 5000]) {
          const record = { timestamp: Date.now() - 60_000 + ageMs, key: null, value: null }
          await log.append(buildBatch({ records: [record] }), { acks: -1, origin: 'client' })
        }
        const files = await world.disk.list(`topics/${topic}-${partition}`)
        if (files.filter((file) => file.endsWith('.log')).length > 1) rolled += 1
      }
      return rolled
    }

    const uneven = await rolledOf('uneven')

    assert.equal(await rolledOf('even'), 0)
    assert.ok(uneven > 0 && uneven < partitions, `${uneven} of ${partitions} rolled`)
  })

  it('have their data after a restart', async () => {
    const disk = newDisk()
    {
      await using world = await openHandlerWorld({ disk })
      await create(world, 'orders', { partitions: 2 })
      await world.produce('orders', 1, ['a', 'b', 'c'])
    }

    await using world = await openHandlerWorld({ disk })

    assert.equal(world.partitions.get('orders', 1)?.highWatermark, 3)
    assert.equal(world.partitions.get('orders', 0)?.highWatermark, 0)
  })

  it('carry the leader epoch of an unclean start', async () => {
    const disk = newDisk()
    {
      await using world = await openHandlerWorld({ disk })
      await create(world, 'orders')
    }

    await using world = await openHandlerWorld({ disk, wasCleanStop: false })

    assert.equal(world.partitions.get('orders', 0)?.leaderEpoch, 1)
    await create(world, 'later')
    assert.equal(world.partitions.get('later', 0)?.leaderEpoch, 1)
  })
})

describe('deleting a topic', () => {
  it('wakes who waits for its data, and leaves no folder of its name', async () => {
    await using world = await openHandlerWorld()
    const { id } = await create(world, 'orders', { partitions: 2 })
    await world.produce('orders', 0, ['a'])
    const log = world.partitions.get('orders', 0)!
    let found: unknown = 'not woken'
    log.onAdvance(() => {
      found = world.partitions.get('orders', 0)
    })

    await world.catalog.deleteTopics([id])

    assert.equal(found, undefined)
    assert.equal(log.state, 'offline')
    assert.deepEqual(await foldersOf(world.disk), [`${id}-0-delete`])
  })

  it('answers or refuses what is being appended, and crashes nothing', async () => {
    await using world = await openHandlerWorld()
    const { id } = await create(world, 'orders')
    const produced = Array.from({ length: 20 }, (_, index) =>
      world.produce('orders', 0, [`${index}`]).catch((error: Error) => error.message),
    )

    await world.catalog.deleteTopics([id])

    assert.equal((await Promise.all(produced)).length, 20)
    assert.equal(world.partitions.get('orders', 0), undefined)
  })

  it('frees the name for an empty topic with another id', async () => {
    await using world = await openHandlerWorld()
    const first = await create(world, 'orders')
    await world.produce('orders', 0, ['old'])

    const [, second] = await Promise.all([
      world.catalog.deleteTopics([first.id]),
      create(world, 'orders'),
    ])

    assert.notEqual(second.id, first.id)
    assert.equal(world.partitions.get('orders', 0)?.logEndOffset, 0)
    await world.produce('orders', 0, ['new'])
    assert.deepEqual(await foldersOf(world.disk), [`${first.id}-0-delete`, 'orders-0'].sort())
  })

  it('removes the files after file.delete.delay.ms, and forgets the deletion then', async () => {
    await using world = await openHandlerWorld()
    const { id } = await create(world, 'orders', { configs: { 'file.delete.delay.ms': '0' } })
    await world.produce('orders', 0, ['a'])

    await world.catalog.deleteTopics([id])

    await untilDeletionsAreForgotten(world)
    assert.deepEqual(await foldersOf(world.disk), [])
  })
})

describe('folders found at start', () => {
  it('of a deleted topic are removed, whether they were renamed before the stop or not', async () => {
    const disk = newDisk()
    let id = ''
    {
      await using world = await openHandlerWorld({ disk })
      id = (await create(world, 'orders', { partitions: 2 })).id
      await world.produce('orders', 0, ['a'])
      await world.catalog.deleteTopics([id])
    }
    await writeFolder(disk, 'orders-1', id) // its rename did not survive the power cut

    await using world = await openHandlerWorld({ disk, wasCleanStop: false })

    assert.equal(world.catalog.topic('orders'), undefined)
    await untilDeletionsAreForgotten(world)
    assert.deepEqual(await foldersOf(disk), [])
  })

  it('that nobody knows are adopted as the topic that they say they are', async () => {
    const disk = newDisk()
    await writeFolder(disk, 'from-kafka-0', ID)
    await writeFolder(disk, 'from-kafka-2', ID)

    await using world = await openHandlerWorld({ disk })

    assert.equal(world.catalog.topic('from-kafka')?.id, ID)
    assert.equal(world.catalog.topic('from-kafka')?.partitions, 3)
    assert.equal(world.partitions.get('from-kafka', 1)?.state, 'online')
  })

  it('that hold committed offsets are compacted, not deleted by their age', async () => {
    const disk = newDisk()
    await writeFolder(disk, '__consumer_offsets-0', ID)

    await using world = await openHandlerWorld({ disk })

    const topic = world.catalog.topic('__consumer_offsets')
    assert.equal(topic?.configs['cleanup.policy'], 'compact')
    assert.deepEqual(world.partitions.get('__consumer_offsets', 0)?.config.cleanupPolicy, [
      'compact',
    ])
  })

  it('that are not well-formed or contradict each other are left alone, and named', async () => {
    const disk = newDisk()
    await writeFolder(disk, 'no-number')
    await writeFolder(disk, 'no-metadata-0')
    await writeFolder(disk, 'mixed-0', ID)
    await writeFolder(disk, 'mixed-1', OTHER_ID)
    await writeFolder(disk, 'huge-999999999', OTHER_ID)

    await using world = await openHandlerWorld({ disk })

    assert.deepEqual([...world.catalog.topics()], [])
    assert.equal((await foldersOf(disk)).length, 5)
    const named = world.logged.map(({ fields }) => fields['folder'])
    assert.deepEqual(named.sort(), await foldersOf(disk))
  })

  it('that would be partitions which a topic does not have are left alone', async () => {
    const disk = newDisk()
    {
      await using world = await openHandlerWorld({ disk })
      await create(world, 'orders')
    }
    await writeFolder(disk, 'orders-5', OTHER_ID)

    await using world = await openHandlerWorld({ disk })

    assert.equal(world.catalog.topic('orders')?.partitions, 1)
    assert.deepEqual(await foldersOf(disk), ['orders-5'])
  })
})
