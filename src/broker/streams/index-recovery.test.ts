import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { type Broker, startBroker } from '../broker.ts'
import type { EventStore } from './event-store.ts'
import { INDEX_FOLDER } from './index-files.ts'

const STREAMS = 50
const EVENTS = 2000

async function start(t: TestContext, disk: Disk) {
  const learnt: Record<string, unknown>[] = []
  const broker = await startBroker({
    host: nodeHost({ disk }),
    listen: false,
    onLog: (line) => {
      const entry: Record<string, unknown> = JSON.parse(line)
      if (entry['event'] === 'stream-index-learnt') learnt.push(entry)
    },
  })
  t.after(() => broker.close())
  return { broker, learnt }
}

function streamOf(i: number): string {
  return `stream-${(i * 7) % STREAMS}`
}

async function fill(store: EventStore, from: number, to: number): Promise<void> {
  await Promise.all(
    Array.from({ length: to - from }, (_, k) => {
      const id = from + k
      const headers = [['ce_id', Buffer.from(`e${id}`)]] as const
      const events = [{ value: Buffer.from(`${id}`), headers }]
      return store.append([{ stream: streamOf(id), expectedVersion: 'any', events }])
    }),
  )
}

/** Every stream with its events, and what is answered when all of them are sent again. */
async function facts(broker: Broker, events: number) {
  const store = broker.eventStore()
  const streams: Record<string, string[]> = {}
  for (let i = 0; i < STREAMS; i++) {
    const all: string[] = []
    for await (const { version, value } of store.readStream(streamOf(i))) {
      all.push(`${version}=${value}`)
    }
    streams[streamOf(i)] = all
  }
  const again = []
  for (const id of [0, 1, events >> 1, events - 1]) {
    const headers = [['ce_id', Buffer.from(`e${id}`)]] as const
    const append = { stream: streamOf(id), expectedVersion: 'any' as const }
    again.push(await store.append([{ ...append, events: [{ value: null, headers }] }]))
  }
  return { streams, again }
}

async function filled(t: TestContext) {
  const disk = memoryDisk({ maxBytes: 256 * 1024 * 1024 })
  const first = await start(t, disk)
  await fill(first.broker.eventStore(), 0, EVENTS)
  const before = await facts(first.broker, EVENTS)
  await first.broker.close()
  return { disk, before }
}

async function indexFiles(disk: Disk): Promise<string[]> {
  return (await disk.list(INDEX_FOLDER)).map((name) => `${INDEX_FOLDER}/${name}`)
}

describe('the stream index', () => {
  it('is saved at a stop, and a start learns nothing again', async (t) => {
    const { disk, before } = await filled(t)

    const { broker, learnt } = await start(t, disk)

    assert.deepEqual(await facts(broker, EVENTS), before)
    assert.deepEqual([learnt[0]?.['records'], learnt[0]?.['fromCheckpoint']], [0, true])
    for (const answer of before.again) {
      assert.equal(answer.kind === 'appended' && answer.deduplicated, true)
    }
  })

  it('learns the tail that came after it was saved', async (t) => {
    const { disk, before } = await filled(t)
    const kept: [string, Buffer][] = []
    for (const path of await indexFiles(disk)) kept.push([path, (await disk.readFile(path))!])
    const second = await start(t, disk)
    await fill(second.broker.eventStore(), EVENTS, EVENTS + 100)
    const after = await facts(second.broker, EVENTS + 100)
    await second.broker.close()
    for (const [path, content] of kept) await disk.replaceFile(path, content)

    const { broker, learnt } = await start(t, disk)

    assert.deepEqual(await facts(broker, EVENTS + 100), after)
    assert.notDeepEqual(after, before)
    assert.deepEqual([learnt[0]?.['records'], learnt[0]?.['fromCheckpoint']], [100, true])
  })

  for (const [what, spoil] of [
    ['deleted', (disk: Disk, path: string) => disk.remove(path)],
    ['empty', (disk: Disk, path: string) => disk.replaceFile(path, '')],
    [
      'torn',
      async (disk: Disk, path: string) => {
        const content = (await disk.readFile(path))!
        await disk.replaceFile(path, content.subarray(0, content.length >> 1))
      },
    ],
    [
      'damaged in one byte',
      async (disk: Disk, path: string) => {
        const content = (await disk.readFile(path))!
        if (content.length > 0) content[content.length - 1000]! ^= 1
        await disk.replaceFile(path, content)
      },
    ],
  ] as const) {
    it(`that is ${what} is learnt from the log again`, async (t) => {
      const { disk, before } = await filled(t)
      for (const path of await indexFiles(disk)) {
        if (path.endsWith('.index')) await spoil(disk, path)
      }

      const { broker, learnt } = await start(t, disk)

      assert.deepEqual(await facts(broker, EVENTS), before)
      assert.deepEqual([learnt[0]?.['records'], learnt[0]?.['fromCheckpoint']], [EVENTS, false])
    })
  }

  it('that is ahead of its log is not believed', async (t) => {
    const disk = memoryDisk({ maxBytes: 256 * 1024 * 1024 })
    const first = await start(t, disk)
    await fill(first.broker.eventStore(), 0, 100)
    await first.broker.close()
    const files = await allFiles(disk, '.')
    const second = await start(t, disk)
    await fill(second.broker.eventStore(), 100, 200)
    await second.broker.close()
    // The whole folder but the index goes back to where it was.
    for (const [path, content] of files) {
      if (!path.includes(INDEX_FOLDER)) await disk.replaceFile(path, content)
    }

    const { broker } = await start(t, disk)
    const outcome = await broker.eventStore().append([
      {
        stream: streamOf(150),
        expectedVersion: 'any',
        events: [{ value: null, headers: [['ce_id', Buffer.from('e150')]] }],
      },
    ])

    assert.equal(outcome.kind === 'appended' && outcome.deduplicated, false)
    assert.equal(outcome.kind === 'appended' && outcome.streams[0]?.position?.offset, 100)
  })

  it('of each of many stores is learnt from the log again', async (t) => {
    const disk = memoryDisk({ maxBytes: 256 * 1024 * 1024 })
    const names = Array.from({ length: 11 }, (_, i) => `store-${i}`)
    const first = await start(t, disk)
    for (const name of names) await fill(first.broker.eventStore(name), 0, 100)
    await first.broker.close()
    for (const path of await indexFiles(disk)) await disk.remove(path)

    const { broker, learnt } = await start(t, disk)

    for (const name of names) {
      const { headVersion } = await broker.eventStore(name).head(streamOf(0))
      assert.equal(headVersion, 1)
    }
    assert.equal(learnt.length, names.length)
  })

  it('goes with its topic', async (t) => {
    const { disk } = await filled(t)
    const names = await indexFiles(disk)
    // Of a topic that is none: ids are random, and begin with an x now and then.
    const another = names[0]!.startsWith('index/streams/x') ? 'y' : 'x'
    await disk.rename(names[0]!, names[0]!.replace(/streams\/./, `streams/${another}`))

    await start(t, disk)

    const left = await indexFiles(disk)
    assert.equal(left.length, names.length - 1)
  })
})

async function allFiles(disk: Disk, folder: string): Promise<[string, Buffer][]> {
  const files: [string, Buffer][] = []
  for (const name of await disk.list(folder)) {
    const path = folder === '.' ? name : `${folder}/${name}`
    if ((await disk.stat(path))?.isFolder === true) files.push(...(await allFiles(disk, path)))
    else files.push([path, (await disk.readFile(path))!])
  }
  return files
}
