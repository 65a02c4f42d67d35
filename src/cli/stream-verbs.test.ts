// Event stores by the command: over Kafka's protocol from a running broker, and from a folder whose
// broker has stopped.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type RunOptions, runCommand } from '../../test/cli/memory-terminal.ts'
import { KafkaClient } from '../../test/support/kafka-client.ts'
import { makeTopic } from '../../test/support/test-broker.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import type { NewEvent, StreamInfo } from '../broker/streams/event-store.ts'
import { INDEX_FOLDER } from '../broker/streams/index-files.ts'
import { formatAddress } from './client/address.ts'

describe('millrace stream, of a running broker', () => {
  let broker: Broker
  before(async () => {
    broker = await startBroker({ memory: true, listen: '127.0.0.1:0' })
  })
  after(() => broker.close())

  const run = (args: readonly string[], options: RunOptions = {}) =>
    runCommand(['stream', ...args, '--broker', formatAddress(broker.addresses[0]!)], options)
  const ok = async (args: readonly string[], options: RunOptions = {}) => {
    const { exitCode, stdout, stderr } = await run(args, options)
    assert.equal(exitCode, 0, `millrace stream ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const append = (stream: string, expected: string, ...rest: readonly string[]) =>
    run([
      'append',
      stream,
      '--type',
      'Paid',
      '--data',
      '{}',
      '--expected-version',
      expected,
      ...rest,
    ])
  const read = async (stream: string, ...rest: readonly string[]) => {
    const events: Record<string, unknown>[] = JSON.parse(
      await ok(['read', stream, '--json', ...rest]),
    )
    return events
  }
  const versions = async (stream: string, ...rest: readonly string[]) =>
    (await read(stream, ...rest)).map(({ version }) => version)
  const unique = (what: string) => `${what}-${randomUUID()}`

  it('an event is appended with its version and position, and read as an event', async () => {
    const [stream, store] = [unique('account'), unique('store')]

    const expected = ['--expected-version', 'none', '--store', store]
    const told = await ok(['append', stream, '--type', 'Opened', '--data', '-', ...expected], {
      input: '{"owner":"Ann"}\n',
    })

    const [, version, place, id] = told.trimEnd().split('\t')
    assert.deepEqual([version, place], ['0', '0@0'])
    const [event] = await read(stream, '--store', store)
    assert.deepEqual(
      [event?.['version'], event?.['type'], event?.['id'], event?.['value'], event?.['topic']],
      [0, 'Opened', id, '{"owner":"Ann"}', store],
    )
    const headers = new Map(event?.['headers'] as [string, string][])
    assert.equal(headers.get('ce_specversion'), '1.0')
    assert.equal(headers.get('ce_correlationid'), id)
    assert.equal(headers.has('millrace-expected-version'), false)
  })

  it('a version that is not as expected ends with 8 and the reason in one line', async () => {
    const stream = unique('account')
    await append(stream, 'none')
    await append(stream, '0')

    const conflict = await append(stream, '0')

    assert.deepEqual([conflict.exitCode, conflict.stdout], [8, ''])
    assert.equal(
      conflict.stderr,
      `error: Stream ${stream} of store streams is at version 1, expected 0: reload and decide again.\n`,
    )
    assert.deepEqual(await versions(stream), [0, 1])
    assert.equal((await append(unique('new'), 'exists')).exitCode, 8)
    assert.equal((await append(unique('new'), 'any')).exitCode, 0)
  })

  it('the same id again is not appended twice, and is told where it is', async () => {
    const stream = unique('account')
    const id = randomUUID()
    const first = await append(stream, 'any', '--id', id)
    await append(stream, '0')

    const again = await append(stream, 'any', '--id', id, '--json')

    const [row] = JSON.parse(again.stdout)
    assert.equal(`${stream}\t${row.version}\t${row.partition}@${row.offset}\t${id}\n`, first.stdout)
    assert.equal(row.deduplicated, true)
    assert.match(again.stderr, /nothing was appended/)
    assert.deepEqual(await versions(stream), [0, 1])
  })

  it('a stream is read from either end, from a version, and so far', async () => {
    const stream = unique('account')
    const store = broker.eventStore()
    // More than a window of offsets, with other streams between.
    await fill(broker, stream, 1500)
    await store.append([{ stream: unique('other'), expectedVersion: 'any', events: events(2000) }])

    assert.deepEqual(await versions(stream), [...Array(1500).keys()])
    assert.deepEqual(await versions(stream, '--from', '1497'), [1497, 1498, 1499])
    assert.deepEqual(await versions(stream, '--from', '3', '--limit', '2'), [3, 4])
    assert.deepEqual(await versions(stream, '--backward', '--limit', '2'), [1499, 1498])
    assert.deepEqual(await versions(stream, '--backward', '--from', '1'), [1, 0])
    assert.deepEqual(await versions(stream, '--from', '1500'), [])
    assert.deepEqual(await versions(stream, '--limit', '0'), [])
    assert.equal((await versions(stream, '--backward')).length, 1500)
  })

  it('what was deleted or truncated is not read, and numbering goes on', async () => {
    const stream = unique('account')
    const store = broker.eventStore()
    await fill(broker, stream, 5)
    await store.truncateStream(stream, 3)
    assert.deepEqual(await versions(stream), [3, 4])
    assert.deepEqual(await versions(stream, '--backward'), [4, 3])

    await store.deleteStream(stream, 4)
    const gone = await run(['read', stream])
    assert.equal(gone.exitCode, 3)
    assert.match(gone.stderr, /is deleted, at version 4/)

    await append(stream, 'none')
    assert.deepEqual(await versions(stream), [5])
  })

  it('streams are listed by prefix as the store itself knows them', async () => {
    const store = broker.eventStore(unique('listed'))
    const eventsOf = (stream: string, count: number) =>
      store.append([{ stream, expectedVersion: 'any', events: events(count) }])
    for (const stream of ['a-1', 'b-1', 'a-2', 'a-3', 'a-4']) await eventsOf(stream, 3)
    await store.truncateStream('a-2', 2)
    await store.deleteStream('a-3', 'any')
    await store.tombstoneStream('a-4', 'any')
    await store.deleteStream('a-1', 'any')
    await eventsOf('a-1', 1)

    const listed = JSON.parse(await ok(['ls', '--store', store.topic, '--prefix', 'a-', '--json']))

    const known: StreamInfo[] = []
    for await (const info of store.list({ prefix: 'a-' })) known.push(info)
    assert.deepEqual(
      listed,
      known.map(({ stream, headVersion, firstVersion, life }) => {
        const events = headVersion - firstVersion + 1
        return { stream, version: headVersion, firstVersion, events, state: life }
      }),
    )
    assert.equal(known.length, 4)
  })

  it('a store of several partitions is read and listed by the partition of each key', async () => {
    await using client = await KafkaClient.connect(broker.addresses[0]!)
    const store = unique('wide')
    await makeTopic(client, store, { partitions: 4, configs: { 'millrace.store': 'true' } })
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const name of names) await append(name, 'none', '--store', store)

    for (const name of names) assert.deepEqual(await versions(name, '--store', store), [0])
    const listed = await ok(['ls', '--store', store])
    assert.deepEqual(
      listed.split('\n').filter(Boolean).sort(),
      names.map((n) => `${n}\t0\t0\t1\tlive`),
    )
  })

  it('a wrong call ends with 2, what is not there with 3', async () => {
    await using client = await KafkaClient.connect(broker.addresses[0]!)
    const plain = unique('plain')
    await makeTopic(client, plain)
    const full = ['append', 's', '--type', 'T', '--data', '{}', '--expected-version', 'any']
    const without = (option: string) => full.toSpliced(full.indexOf(option), 2)
    const withValue = (option: string, value: string) => full.with(full.indexOf(option) + 1, value)

    for (const args of [
      without('--type'),
      without('--data'),
      without('--expected-version'),
      withValue('--data', '{'),
      withValue('--expected-version', '-1'),
      withValue('--type', 'millrace.stream.deleted'),
      [...full, '--id', '7'],
      [...full, '--store', plain],
      full.with(1, ''),
      ['read', 's', '--from', 'x'],
      ['read', 's', '--store', plain],
      ['ls', '--store', plain],
    ]) {
      const { exitCode, stdout, stderr } = await run(args)

      assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '))
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr)
    }
    for (const args of [
      ['read', unique('nobody')],
      ['read', 's', '--store', unique('none')],
      ['ls', '--store', unique('none')],
      withValue('--data', '@/no/such/file'),
    ]) {
      assert.equal((await run(args)).exitCode, 3, args.join(' '))
    }
  })
})

describe('millrace stream, of a stopped broker', () => {
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-streams-'))
    await using broker = await startBroker({ folder, listen: false })
    await fill(broker, 'account-1', 30)
    await fill(broker, 'other-1', 3)
    const expectedVersion = 'none'
    const append = { stream: 'a', expectedVersion, events: events(2) } as const
    await broker.eventStore('second').append([append])
  })
  after(() => rmSync(folder, { recursive: true }))

  const indexFiles = () => {
    const path = join(folder, INDEX_FOLDER)
    const names = readdirSync(path).filter((name) => name.endsWith('.index'))
    return names.map((name) => readFileSync(join(path, name)).toString('base64'))
  }
  const run = (...args: readonly string[]) =>
    runCommand(['stream', ...args], { env: { MILLRACE_DATA: folder } })

  it('its streams are listed from its folder', async () => {
    const listed = await run('ls', '--data', folder)
    const some = await run('ls', '--data', folder, '--prefix', 'other')

    assert.equal(listed.stdout, 'account-1\t29\t0\t30\tlive\nother-1\t2\t0\t3\tlive\n')
    assert.equal(some.stdout, 'other-1\t2\t0\t3\tlive\n')
    assert.equal((await run('ls', '--data', folder, '--store', 'none')).exitCode, 3)
    assert.equal((await run('ls', '--data', join(folder, 'topics'))).exitCode, 2)
  })

  it('the index is dropped and learnt again, and the next start believes it', async () => {
    const dropped = indexFiles()

    const { exitCode, stdout, stderr } = await run('reindex')

    assert.equal(exitCode, 0)
    assert.match(stdout, /^second-0\t2\t1\t\d+$/m)
    assert.match(stdout, /^streams-0\t33\t2\t\d+$/m)
    assert.match(stderr, /^streams-0: learning 33 records$/m)
    // Every index has seeds of its own.
    assert.equal(indexFiles().filter((file) => dropped.includes(file)).length, 0)
    assert.deepEqual(await learntAtStart(folder), [
      ['second', 0, true],
      ['streams', 0, true],
    ])
  })

  it('of one store, the others keep theirs', async () => {
    const before = indexFiles()

    const { stdout } = await run('reindex', '--store', 'second', '--json')

    assert.deepEqual(
      JSON.parse(stdout).map(({ partition }: { partition: string }) => partition),
      ['second-0'],
    )
    assert.equal(indexFiles().filter((file) => before.includes(file)).length, 1)
  })

  it('what is no store, not there or in use is refused, and stays as it is', async () => {
    const before = indexFiles()
    assert.equal((await run('reindex', '--store', 'none')).exitCode, 3)
    assert.equal((await run('reindex', '--data', join(folder, 'topics'))).exitCode, 2)
    {
      await using broker = await startBroker({ folder, listen: '127.0.0.1:0' })
      await using client = await KafkaClient.connect(broker.addresses[0]!)
      await makeTopic(client, 'plain')
      const inUse = await run('reindex')
      assert.deepEqual([inUse.exitCode, inUse.stdout], [2, ''])
      assert.match(inUse.stderr, /in use by process \d+: stop it first/)
    }

    const plain = await run('reindex', '--store', 'plain')

    assert.equal(plain.exitCode, 2)
    assert.match(plain.stderr, /Topic plain is no event store/)
    assert.deepEqual(indexFiles(), before)
  })
})

/** Of each store: how many records a start had to learn, and whether it believed the index. */
async function learntAtStart(folder: string): Promise<unknown[]> {
  const learnt: unknown[] = []
  await using broker = await startBroker({
    folder,
    listen: false,
    onLog: (line) => {
      const { event, topic, records, fromCheckpoint } = JSON.parse(line)
      if (event === 'stream-index-learnt') learnt.push([topic, records, fromCheckpoint])
    },
  })
  for (const name of ['second', 'streams']) await broker.eventStore(name).head('a')
  return learnt.sort()
}

function events(count: number): NewEvent[] {
  return Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${i}`), headers: [] }))
}

async function fill(broker: Broker, stream: string, count: number): Promise<void> {
  const store = broker.eventStore()
  const outcome = await store.append([{ stream, expectedVersion: 'none', events: events(count) }])
  assert.equal(outcome.kind, 'appended')
}
