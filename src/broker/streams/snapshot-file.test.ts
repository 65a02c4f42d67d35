import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startTestBroker } from '../../../test/support/test-broker.ts'
import { nodeDisk } from '../../host/node-disk.ts'
import { openSqlite } from '../../host/sqlite.ts'
import { type Broker, startBroker } from '../broker.ts'
import { deleteTopics } from '../protocol/20-delete-topics.ts'
import { MAX_SNAPSHOT_BYTES } from './snapshot-file.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-snapshots-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function start(t: TestContext, folder: string) {
  const logged: string[] = []
  const onLog = (line: string) => logged.push(JSON.parse(line).event)
  const broker = await startBroker({ folder, listen: false, onLog })
  t.after(() => broker.close())
  return { broker, dropped: () => logged.filter((event) => event === 'snapshots-dropped').length }
}

async function append(broker: Broker): Promise<void> {
  const events = [{ value: null, headers: [] }]
  await broker.eventStore().append([{ stream: 'a', expectedVersion: 'any', events }])
}

async function loaded(broker: Broker, store?: string): Promise<string | undefined> {
  return (await broker.eventStore(store).loadSnapshot('a', 'sum'))?.toString()
}

describe('snapshots in the data folder', () => {
  it('are there after a restart, and gone without harm when their file is deleted', async (t) => {
    const folder = newFolder(t)
    const first = await start(t, folder)
    await append(first.broker)
    await first.broker.eventStore().saveSnapshot('a', 'sum', Buffer.from('7'))
    await first.broker.close()

    const second = await start(t, folder)
    const kept = await loaded(second.broker)
    await second.broker.close()
    await nodeDisk(folder).remove('index')
    const third = await start(t, folder)

    assert.equal(kept, '7')
    assert.equal(await loaded(third.broker), undefined)
    assert.equal((await third.broker.eventStore().head('a')).headVersion, 0)
  })

  it('are begun anew when their file is damaged', async (t) => {
    const folder = newFolder(t)
    const first = await start(t, folder)
    await append(first.broker)
    await first.broker.eventStore().saveSnapshot('a', 'sum', Buffer.from('7'))
    await first.broker.close()
    writeFileSync(join(folder, 'index/snapshots.sqlite'), 'no database at all'.repeat(1000))

    const { broker, dropped } = await start(t, folder)
    const lost = await loaded(broker)
    const outcome = await broker.eventStore().saveSnapshot('a', 'sum', Buffer.from('8'))

    assert.equal(lost, undefined)
    assert.equal(dropped(), 1)
    assert.equal(outcome.kind, 'saved')
    assert.equal(await loaded(broker), '8')
  })

  it('stay where they are while somebody else has their file', async (t) => {
    const folder = newFolder(t)
    const { broker, dropped } = await start(t, folder)
    await append(broker)
    const store = broker.eventStore()
    await store.saveSnapshot('a', 'sum', Buffer.from('7'))
    const other = openSqlite(join(folder, 'index/snapshots.sqlite'))
    other.exec('BEGIN IMMEDIATE')

    const busy = await store.saveSnapshot('a', 'sum', Buffer.from('8'))
    other.exec('COMMIT')
    other.close()

    assert.equal(busy.kind === 'refused' && busy.reason, 'not-kept')
    assert.equal(await loaded(broker), '7')
    assert.equal(dropped(), 0)
  })

  it('go with their topic: another of the same name has none', async (t) => {
    const { broker, connect } = await startTestBroker(t)
    const client = await connect()
    await append(broker)
    await broker.eventStore().saveSnapshot('a', 'sum', Buffer.from('7'))

    await client.send(deleteTopics, 5, { topics: [], topicNames: ['streams'], timeoutMs: 10_000 })
    await append(broker)

    assert.equal(await loaded(broker), undefined)
  })

  it('of a broker in memory have a bound, beyond which those that are there stay', async (t) => {
    const { broker } = await startTestBroker(t)
    await append(broker)
    const store = broker.eventStore()
    const save = (name: string) =>
      store.saveSnapshot('a', name, Buffer.alloc(MAX_SNAPSHOT_BYTES, 7))

    const kinds: string[] = []
    for (let i = 0; i < 65; i++) kinds.push((await save(`${i}`)).kind)
    const again = await save('0')

    assert.deepEqual([kinds[0], kinds.at(-1)], ['saved', 'refused'])
    assert.equal((await store.loadSnapshot('a', '0'))?.[0], 7)
    assert.equal(again.kind, 'saved')
  })

  it('of more than 1 MiB, or of a store that is not there, are refused with a sentence', async (t) => {
    const { broker } = await startTestBroker(t)
    await append(broker)

    const large = await broker
      .eventStore()
      .saveSnapshot('a', 'sum', Buffer.alloc(MAX_SNAPSHOT_BYTES + 1))
    const nowhere = await broker.eventStore('nowhere').saveSnapshot('a', 'sum', Buffer.from('7'))

    assert.match(large.kind === 'refused' ? large.message : '', /1048577 bytes, and 1048576/)
    assert.match(nowhere.kind === 'refused' ? nowhere.message : '', /no store nowhere/)
  })
})
