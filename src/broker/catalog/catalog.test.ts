import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { FileCache } from '../log/file-cache.ts'
import { GroupCommit } from '../log/group-commit.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { Catalog } from './catalog.ts'
import type { CatalogChange, TopicFiles } from './catalog-log.ts'
import type { Topic } from './catalog-state.ts'
import type { TopicRequest } from './decide-topic.ts'
import { resolveSettings } from './static-settings.ts'

interface Opened {
  readonly catalog: Catalog
  readonly fatal: string[]
  close(): Promise<void>
}

async function openCatalog(
  disk: Disk = memoryDisk({ maxBytes: 64_000_000 }),
  { wasCleanStop = true }: { wasCleanStop?: boolean } = {},
): Promise<Opened> {
  const host = nodeHost({ disk })
  const fatal: string[] = []
  const onFatal = (reason: unknown) => fatal.push(String(reason))
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const files = new FileCache({ disk, maxOpenFiles: 16 })
  const settings = resolveSettings({})
  const catalog = await Catalog.open({ host, commit, files, settings, wasCleanStop, onFatal })
  await commit.finishRecovery()
  const close = async () => {
    await catalog.close()
    await commit.close()
  }
  return { catalog, fatal, close }
}

const request = (name: string, fields: Partial<TopicRequest> = {}): TopicRequest => ({
  name,
  partitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...fields,
})

async function create(catalog: Catalog, name: string, fields?: Partial<TopicRequest>) {
  const [outcome] = await catalog.createTopics([request(name, fields)])
  assert.equal(outcome!.kind, 'created')
  return catalog.topic(name)!
}

const retentionOf = (text: string) => () => ({
  kind: 'allowed' as const,
  texts: { 'retention.ms': text },
})

describe('a catalogue', () => {
  it('that is new has a cluster id of 22 characters, no topic and leader epoch 0', async () => {
    const { catalog, close } = await openCatalog(undefined, { wasCleanStop: false })

    assert.match(catalog.clusterId, /^[A-Za-z0-9_-]{22}$/)
    assert.equal(catalog.leaderEpoch, 0)
    assert.deepEqual([...catalog.topics()], [])
    await close()
  })

  it('knows after a restart what it has answered before', async () => {
    const disk = memoryDisk({ maxBytes: 64_000_000 })
    const first = await openCatalog(disk)
    const orders = await create(first.catalog, 'orders', { partitions: 3 })
    await create(first.catalog, 'gone')
    await first.catalog.deleteTopics([first.catalog.topic('gone')!.id])
    await first.catalog.createPartitions({ name: 'orders', count: 5, assignments: null })
    const resource = { type: 'topic', name: 'orders' } as const
    await first.catalog.alterConfigs(resource, retentionOf('7'))
    const block = await first.catalog.takeProducerIdBlock()
    await first.close()

    const second = await openCatalog(disk)

    assert.equal(second.catalog.clusterId, first.catalog.clusterId)
    assert.equal(second.catalog.topic('gone'), undefined)
    assert.deepEqual([...second.catalog.deletedTopics().values()], ['gone'])
    const after = second.catalog.topicById(orders.id)!
    assert.equal(after.name, 'orders')
    assert.equal(after.partitions, 5)
    assert.deepEqual(after.configs, { 'retention.ms': '7' })
    const next = await second.catalog.takeProducerIdBlock()
    assert.equal(next.firstProducerId, block.firstProducerId + block.count)
    await second.close()
  })

  it('raises the leader epoch at every unclean start, and at no other', async () => {
    const disk = memoryDisk({ maxBytes: 64_000_000 })
    const epochs: number[] = []
    for (const wasCleanStop of [false, true, false, false, true]) {
      const { catalog, close } = await openCatalog(disk, { wasCleanStop })
      epochs.push(catalog.leaderEpoch)
      await close()
    }

    assert.deepEqual(epochs, [0, 0, 1, 2, 2])
  })
})

describe('making topics', () => {
  it('lets one of two clients win, and tells the other that the topic exists', async () => {
    const { catalog, close } = await openCatalog()

    const outcomes = await Promise.all([
      catalog.createTopics([request('orders', { partitions: 2 })]),
      catalog.createTopics([request('orders', { partitions: 9 })]),
    ])

    assert.equal(outcomes[0][0]!.kind, 'created')
    const second = outcomes[1][0]!
    assert.ok(second.kind === 'refused' && second.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS)
    assert.equal(catalog.topic('orders')?.partitions, 2)
    await close()
  })

  it('decides each of a request by itself, seeing those before it', async () => {
    const { catalog, close } = await openCatalog()

    const outcomes = await catalog.createTopics([
      request('a.b'),
      request('a_b'),
      request('..'),
      request('c'),
    ])

    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.errorCode : outcome.kind)),
      ['created', ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.INVALID_TOPIC_EXCEPTION, 'created'],
    )
    await close()
  })

  it('makes nothing when it only validates', async () => {
    const { catalog, close } = await openCatalog()

    const [outcome] = await catalog.createTopics([request('a', { partitions: 3 })], {
      validateOnly: true,
    })

    assert.deepEqual(outcome, { kind: 'valid', partitions: 3, configs: {} })
    assert.equal(catalog.topic('a'), undefined)
    await close()
  })

  it('gives a topic that is made again another id', async () => {
    const { catalog, close } = await openCatalog()
    const first = await create(catalog, 'orders')
    await catalog.deleteTopics([first.id])

    const second = await create(catalog, 'orders')

    assert.notEqual(second.id, first.id)
    assert.equal(catalog.topicById(first.id), undefined)
    await close()
  })

  it('takes thousands at once', async () => {
    const { catalog, close } = await openCatalog()
    const requests = Array.from({ length: 3000 }, (_, index) => request(`topic-${index}`))

    const outcomes = await catalog.createTopics(requests)

    assert.ok(outcomes.every((outcome) => outcome.kind === 'created'))
    assert.equal(catalog.partitionCount, 3000)
    await close()
  })
})

describe('deleting topics', () => {
  it('is refused for an id that is unknown, also when it is the second of two', async () => {
    const { catalog, close } = await openCatalog()
    const { id } = await create(catalog, 'orders')

    const outcomes = await Promise.all([catalog.deleteTopics([id]), catalog.deleteTopics([id])])

    assert.equal(outcomes[0][0]!.kind, 'done')
    const second = outcomes[1][0]!
    assert.ok(second.kind === 'refused' && second.errorCode === ErrorCode.UNKNOWN_TOPIC_ID)
    await close()
  })

  it('is remembered until the files are gone', async () => {
    const { catalog, close } = await openCatalog()
    const { id } = await create(catalog, 'orders')
    await catalog.deleteTopics([id])

    assert.equal(catalog.deletedTopics().get(id), 'orders')

    await catalog.forgetDeletedTopics([id])

    assert.equal(catalog.deletedTopics().size, 0)
    await close()
  })
})

describe('topics and their files', () => {
  it('show together: opened before a topic shows, retired before its name is free again', async () => {
    const { catalog, close } = await openCatalog()
    const seen: string[] = []
    const files: TopicFiles = {
      open: async (topic: Topic, from: number) => {
        await Promise.resolve()
        const shown = catalog.topic(topic.name)?.partitions ?? 0
        seen.push(`open ${topic.name} ${from}..${topic.partitions}, shown ${shown}`)
      },
      retire: async (topics) => {
        await Promise.resolve()
        seen.push(`retire ${topics.map((topic) => topic.name)}, shown ${catalog.topicCount}`)
      },
    }
    catalog.keepFilesWith(files)

    const made = create(catalog, 'a', { partitions: 2 })
    const grown = catalog.createPartitions({ name: 'a', count: 3, assignments: null })
    await made
    await grown
    const deleted = catalog.deleteTopics([catalog.topic('a')!.id])
    await Promise.all([deleted, create(catalog, 'a')])

    assert.deepEqual(seen, [
      'open a 0..2, shown 0',
      'open a 2..3, shown 2',
      'retire a, shown 0',
      'open a 0..1, shown 0',
    ])
    await close()
  })

  it('that cannot be brought in line end the broker', async () => {
    const { catalog, fatal, close } = await openCatalog()
    catalog.keepFilesWith({
      open: () => Promise.resolve(),
      retire: () => Promise.reject(new Error('disk is gone')),
    })
    const { id } = await create(catalog, 'a')

    await assert.rejects(catalog.deleteTopics([id]), /disk is gone/)

    assert.match(fatal[0] ?? '', /disk is gone/)
    await close()
  })
})

describe('altering configurations', () => {
  it('is refused for what does not exist', async () => {
    const { catalog, close } = await openCatalog()
    const codeFor = async (type: 'topic' | 'broker' | 'group', name: string) => {
      const outcome = await catalog.alterConfigs({ type, name }, retentionOf('1'))
      return outcome.kind === 'refused' ? outcome.errorCode : 0
    }

    assert.equal(await codeFor('topic', 'nope'), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await codeFor('topic', ''), ErrorCode.INVALID_REQUEST)
    assert.equal(await codeFor('broker', '2'), ErrorCode.INVALID_REQUEST)
    assert.equal(await codeFor('group', ''), ErrorCode.INVALID_REQUEST)
    await close()
  })

  it('of the broker shows in its settings at once and after a restart', async () => {
    const disk = memoryDisk({ maxBytes: 64_000_000 })
    const first = await openCatalog(disk)
    const everyBroker = { type: 'broker', name: '' } as const
    const texts = { 'log.cleaner.backoff.ms': '9' }
    await first.catalog.alterConfigs(everyBroker, () => ({ kind: 'allowed', texts }))

    assert.equal(first.catalog.config.logCleanerBackoffMs, 9)
    await first.close()

    const second = await openCatalog(disk)

    assert.equal(second.catalog.config.logCleanerBackoffMs, 9)
    await second.close()
  })
})

describe('listeners of a catalogue', () => {
  it('hear of every change once it shows', async () => {
    const { catalog, close } = await openCatalog()
    const heard: string[] = []
    const name = (change: CatalogChange) => ('topic' in change ? change.topic.name : '')
    const stop = catalog.onChange((change) => heard.push(`${change.kind} ${name(change)}`.trim()))

    const { id } = await create(catalog, 'a')
    await catalog.alterConfigs({ type: 'topic', name: 'a' }, retentionOf('1'))
    await catalog.alterConfigs({ type: 'broker', name: '' }, () => ({ kind: 'allowed', texts: {} }))
    await catalog.deleteTopics([id])
    stop()
    await create(catalog, 'b')

    assert.deepEqual(heard, [
      'topic-created a',
      'topic-altered a',
      'broker-altered',
      'topic-deleted a',
    ])
    await close()
  })
})

describe('a disk without space', () => {
  it('refuses mutations, leaves what is known, and lets them pass when there is space again', async () => {
    const disk = memoryDisk({ maxBytes: 66_000_000 })
    const { catalog, close } = await openCatalog(disk)
    await create(catalog, 'before')
    const filler = await disk.open('filler', { create: true })
    await assert.rejects(async () => {
      for (let at = 0; ; at += 1_000_000) await filler.write([Buffer.alloc(1_000_000)], at)
    })
    let refusal: unknown
    for (let index = 0; refusal === undefined; index++) {
      const [outcome] = await catalog.createTopics([request(`t-${index}`)])
      if (outcome?.kind === 'refused') refusal = outcome.errorCode
    }

    assert.equal(refusal, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(catalog.topic('before')?.partitions, 1)

    await filler.truncate(0)
    await create(catalog, 'after')
    await filler.close()
    await close()
  })
})
