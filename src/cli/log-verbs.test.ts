// A data folder as a broker left it, damaged, and the two verbs that are the way out.

import assert from 'node:assert/strict'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { runCommand } from '../../test/cli/memory-terminal.ts'
import { KafkaClient } from '../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceRequest,
  produceTo,
  startTestBroker,
  valuesIn,
} from '../../test/support/test-broker.ts'
import { startBroker } from '../broker/broker.ts'
import { crc32c } from '../broker/bytes/crc32c.ts'
import { produce } from '../broker/protocol/00-produce.ts'
import { listOffsets } from '../broker/protocol/02-list-offsets.ts'

const LOG = 'topics/orders-0/00000000000000000000.log'
const STORAGE_ERROR = 56

describe('millrace log check', () => {
  it('finds nothing in what a broker left behind, stopped or killed', async (t) => {
    const folder = copyOf(t, 'stopped')
    const killed = copyOf(t, 'killed')

    for (const data of [folder, killed]) {
      const { exitCode, stdout, stderr } = await runCommand(['log', 'check', '--data', data])

      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' })
      assert.match(stdout, /^meta\t1\t\d+\t\d+\t0\t\d+\tsound\t\\N$/m)
      assert.match(stdout, /^orders-0\t1\t20\t40\t0\t40\tsound\t\\N$/m)
      const segments = smallBases(data).length
      assert.match(stdout, new RegExp(`^small-0\t${segments}\t20\t40\t0\t40\tsound\t\\\\N$`, 'm'))
    }
  })

  it('names the first damage, says how much is good, and ends with 1', async (t) => {
    const folder = copyOf(t, 'stopped')
    const at = flipInBatch(join(folder, LOG), 10)
    const before = contents(folder)

    const { exitCode, stdout, stderr } = await check(folder, 'orders-0')

    assert.equal(exitCode, 1)
    const [row] = stdout
    assert.equal(row.state, 'damaged')
    assert.deepEqual([row.batches, row.records, row.startOffset, row.endOffset], [19, 38, 0, 20])
    const [damage] = row.findings
    assert.deepEqual(
      [damage.kind, damage.file, damage.position, damage.offset],
      ['damage', LOG, at, 20],
    )
    assert.match(stderr, /millrace log truncate orders-0 --at 20/)
    assert.deepEqual(contents(folder), before)
  })

  it('takes the end of a write that a crash cut short for no damage', async (t) => {
    const killed = copyOf(t, 'killed')
    const path = join(killed, LOG)
    const bytes = readFileSync(path)
    writeFileSync(path, Buffer.concat([bytes, bytes.subarray(0, 50)]))

    const { exitCode, stdout } = await check(killed, 'orders-0')

    assert.equal(exitCode, 0)
    assert.equal(stdout[0].state, 'torn end')
    assert.deepEqual([stdout[0].batches, stdout[0].endOffset], [20, 40])
  })

  it('finds an index, a snapshot, a checkpoint and a journal that are wrong', async (t) => {
    const folder = copyOf(t, 'stopped')
    const killed = copyOf(t, 'killed')
    const small = join(folder, 'topics/small-0')
    const indexes = readdirSync(small).filter((name) => name.endsWith('.index'))
    flip(join(small, indexes.find((name) => statSync(join(small, name)).size > 0)!), 7)
    const times = readdirSync(small).filter((name) => name.endsWith('.timeindex'))
    flip(join(small, times[1]!), 5)
    const snapshot = readdirSync(small).find((name) => name.endsWith('.snapshot'))!
    flip(join(small, snapshot), 8)
    flip(join(folder, 'journal/checkpoint'), 40)
    // The second entry: the first tells which filling the file is in.
    const journal = join(killed, 'journal/journal-0')
    const entries = readFileSync(journal)
    const filling = entries.subarray(12, 28)
    const second = entries.indexOf(filling, 28) - 12
    const last = entries.lastIndexOf(filling) - 12
    // The last says that the second was durable by then: else a power cut might have made the hole.
    entries.writeUInt32BE(2, last + 32)
    entries.writeUInt32BE(crc32c(entries.subarray(last + 12, last + 68)), last + 8)
    writeFileSync(journal, entries)
    flip(journal, second + 20)

    const { exitCode, stdout } = await check(folder)
    const afterKill = await check(killed)

    assert.equal(exitCode, 1)
    const found = stdout.flatMap((row: { findings: { file: string }[] }) => row.findings)
    assert.deepEqual(
      found.map(({ file }: { file: string }) => file.replace(/^.*\.|^.*\//, '')),
      ['index', 'timeindex', 'snapshot', 'checkpoint'],
    )
    const shared = afterKill.stdout.at(-1)
    assert.deepEqual([shared.partition, shared.state], ['journal/journal-0', 'damaged'])
  })

  it('finds a segment that is missing', async (t) => {
    const folder = copyOf(t, 'stopped')
    const [, base, next] = smallBases(folder)
    rmSync(join(folder, 'topics/small-0', logName(base!)))

    const { exitCode, stdout } = await check(folder, 'small-0')

    assert.equal(exitCode, 1)
    assert.equal(stdout[0].endOffset, base)
    assert.equal(stdout[0].findings[0].what, `is missing, with offsets ${base} to ${next! - 1}`)
  })
})

describe('millrace log truncate', () => {
  it('brings a partition back that was damaged in the middle, up to the damage', async (t) => {
    const folder = damagedFolder(t)
    {
      const { broker, entries, connect } = await startTestBroker(t, { folder })
      const client = await connect()
      const refused = await produceTo(client, 'orders', batchOf(['no']))
      const other = await produceTo(client, 'small', batchOf(['yes']))
      await broker.close()
      assert.equal(refused.errorCode, STORAGE_ERROR)
      assert.equal(other.errorCode, 0)
      const offline = entries.find(({ event }) => event === 'partition-offline')
      assert.match(String(offline?.['reason']), /damaged at offset 20 /)
    }
    assert.equal((await check(folder, 'orders-0')).exitCode, 1)
    const before = contents(folder)
    const bytes = readFileSync(join(folder, LOG))

    const dryRun = await truncate(folder, ['orders-0', '--at', '20'])
    assert.deepEqual(contents(folder), before)
    const done = await truncate(folder, ['orders-0', '--at', '20', '--yes'])

    assert.deepEqual([dryRun.exitCode, done.exitCode], [0, 0])
    const { keptIn, ...planned } = dryRun.stdout[0]
    assert.equal(keptIn, null)
    assert.deepEqual([planned.batches, planned.records, planned.endOffset], [9, 18, 20])
    assert.deepEqual([planned.firstLostOffset, planned.lastLostOffset], [22, 39])
    assert.equal(planned.bytes, bytes.length - planned.position)
    const [{ keptIn: kept, ...row }] = done.stdout
    assert.deepEqual(row, planned)
    const tail = readFileSync(join(kept, `00000000000000000000.log.from-${planned.position}`))
    assert.deepEqual(tail, bytes.subarray(planned.position))
    assert.equal((await check(folder)).exitCode, 0)

    const epochBefore = await epochAt(t, folder, 'small', 0)
    const { connect } = await startTestBroker(t, { folder })
    const client = await connect()
    const appended = await produceTo(client, 'orders', batchOf(['more']))
    const { records } = await fetchFrom(client, 'orders')
    assert.deepEqual([appended.errorCode, appended.baseOffset], [0, 20])
    assert.deepEqual(valuesIn(records ?? null).slice(-2), ['19', 'more'])
    const [first, last] = [await epochOf(client, 'orders', 0), await epochOf(client, 'orders', 21)]
    assert(last > first && last >= epochBefore, `epoch ${last} after ${first}`)
  })

  it('moves later segments away as a whole, and cuts in front of the batch that holds the offset', async (t) => {
    const folder = copyOf(t, 'stopped')

    const [, second, ...later] = smallBases(folder)
    const at = String(second! + 1)

    const { exitCode, stdout, stderr } = await truncate(folder, ['small-0', '--at', at, '--yes'])

    assert.equal(exitCode, 0)
    const [row] = stdout
    assert.deepEqual([row.endOffset, row.firstLostOffset, row.lastLostOffset], [second, second, 39])
    assert.equal(row.files.length, later.length)
    assert.match(stderr, new RegExp(`small-0 ends at offset ${second}\\.`))
    const kept = [`${logName(second!)}.from-0`, ...later.map(logName)]
    assert.deepEqual(readdirSync(row.keptIn).sort(), kept)
    const { connect } = await startTestBroker(t, { folder })
    const client = await connect()
    assert.equal((await produceTo(client, 'small', batchOf(['next']))).baseOffset, second)
  })

  it('takes what goes out of the journal as well', async (t) => {
    const killed = copyOf(t, 'killed')

    const { stdout } = await truncate(killed, ['orders-0', '--at', '38', '--yes'])

    assert.equal(stdout[0].endOffset, 38)
    const { connect } = await startTestBroker(t, { folder: killed })
    const client = await connect()
    assert.equal((await produceTo(client, 'orders', batchOf(['next']))).baseOffset, 38)
    assert.equal((await produceTo(client, 'small', batchOf(['next']))).baseOffset, 40)
  })

  it('serves a partition of which nothing is left, from the offset where it ended', async (t) => {
    const folder = copyOf(t, 'stopped')

    const { exitCode } = await truncate(folder, ['orders-0', '--at', '0', '--yes'])

    assert.equal(exitCode, 0)
    const { connect } = await startTestBroker(t, { folder })
    const client = await connect()
    assert.equal((await produceTo(client, 'orders', batchOf(['first']))).baseOffset, 0)
  })

  it('can be done again when it was cut short at any point', async (t) => {
    const folder = damagedFolder(t)
    const whole = contents(folder)
    await truncate(folder, ['orders-0', '--at', '20', '--yes'])
    // As if the stop had come before the log file itself was cut.
    writeFileSync(join(folder, LOG), whole.get(LOG)!)

    const { exitCode, stdout } = await truncate(folder, ['orders-0', '--at', '20', '--yes'])

    assert.equal(exitCode, 0)
    assert.match(stdout[0].keptIn, /cut-off\/orders-0-at-20-2$/)
    assert.equal((await check(folder)).exitCode, 0)
  })
})

describe('both refuse in one line, and touch nothing', () => {
  it('a folder that is in use, with the process that has it', async (t) => {
    const folder = newFolder(t)
    await startTestBroker(t, { folder })

    for (const args of [['check'], ['truncate', 'orders-0', '--at', '0']]) {
      const { exitCode, stderr } = await runCommand(['log', ...args, '--data', folder])

      assert.equal(exitCode, 2)
      assert.match(
        stderr,
        new RegExp(`^error: [^\\n]* in use by process ${process.pid}: [^\\n]*\\n$`),
      )
    }
  })

  it('a folder that is not ours, of another version, or not there', async (t) => {
    const empty = newFolder(t)
    const newer = newFolder(t)
    writeFileSync(join(newer, 'format'), '99\n')

    for (const data of [empty, newer, join(empty, 'nowhere')]) {
      const { exitCode, stderr } = await runCommand(['log', 'check', '--data', data])

      assert.equal(exitCode, 2)
      assert.match(stderr, /^error: [^\n]+\n$/)
    }
    assert.deepEqual(readdirSync(empty), [])
    assert.deepEqual(readdirSync(newer), ['format'])
  })

  it('a partition that is not there, an offset that is none or out of range', async (t) => {
    const folder = copyOf(t, 'stopped')
    flipInBatch(join(folder, LOG), 10)
    const wrong = [
      ['check', 'nothing-0'],
      ['truncate', 'orders-0', '--at', 'end'],
      ['truncate', 'orders-0', '--at', '21'],
      ['truncate', 'small-0', '--at', '40'],
      ['truncate', 'meta', '--at', '1'],
      ['truncate', 'nothing-0', '--at', '1'],
    ]
    for (const args of wrong) {
      const { exitCode, stdout, stderr } = await runCommand(['log', ...args, '--data', folder])

      assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: '' }, args.join(' '))
      assert.match(stderr, /^error: [^\n]+\n$/)
    }
  })
})

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-log-verbs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Filled {
  /** After a clean stop. */
  readonly stopped: string
  /** What `kill -9` leaves, with a journal that is in use. */
  readonly killed: string
}

let filled: Filled

before(async () => {
  filled = await fillFolders()
})
after(() => {
  for (const folder of Object.values(filled)) rmSync(folder, { recursive: true, force: true })
})

/** @returns the test's own copy */
function copyOf(t: TestContext, which: keyof Filled): string {
  const folder = newFolder(t)
  cpSync(filled[which], folder, { recursive: true })
  return folder
}

/**
 * Twenty batches of two records each, in one segment (orders) and in several (small). The last ones
 * were written by another run.
 */
async function fillFolders(): Promise<Filled> {
  const stopped = mkdtempSync(join(tmpdir(), 'millrace-log-verbs-'))
  const killed = mkdtempSync(join(tmpdir(), 'millrace-log-verbs-'))
  // The first round of a run reads the producers of each partition; the next one finds them there.
  for (const rounds of [range(0, 18), range(18, 20)]) {
    await using broker = await startBroker({ folder: stopped, listen: '127.0.0.1:0' })
    await using client = await KafkaClient.connect(broker.addresses[0]!)
    if (rounds[0] === 0) {
      await makeTopic(client, 'orders')
      const configs = { 'segment.bytes': '1048576', 'index.interval.bytes': '0' }
      await makeTopic(client, 'small', { configs })
      await makeTopic(client, 'third', { partitions: 3 })
    }
    for (const round of rounds) await produceRound(client, round)
    if (rounds[0] !== 0) cpSync(stopped, killed, { recursive: true })
  }
  return { stopped, killed }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

async function produceRound(client: KafkaClient, round: number): Promise<void> {
  const texts = [2 * round, 2 * round + 1].map(String)
  // Four such batches fill a segment: no run is copied while it closes one.
  const large = texts.map((text) => text.padEnd(120_000, '.'))
  const parts = [
    produceRequest('orders', batchOf(texts)),
    produceRequest('small', batchOf(large)),
    ...[0, 1, 2].map((partition) => produceRequest('third', batchOf(texts), { partition })),
  ]
  // In one request: so many partitions at once are made durable by the journal.
  const topicData = parts.flatMap((part) => part.topicData)
  const { responses } = await client.send(produce, 12, { ...parts[0]!, topicData })
  const codes = responses.flatMap(({ partitionResponses }) => partitionResponses)
  assert.deepEqual([...new Set(codes.map(({ errorCode }) => errorCode))], [0])
}

/** Where the segments of small begin. */
function smallBases(folder: string): number[] {
  const names = readdirSync(join(folder, 'topics/small-0'))
  const bases = names
    .filter((name) => name.endsWith('.log'))
    .map((name) => Number.parseInt(name, 10))
  assert(bases.length > 2, `${bases.length} segments`)
  return bases.sort((a, b) => a - b)
}

function logName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`
}

/** A killed broker's folder in which the eleventh batch of orders is damaged. */
function damagedFolder(t: TestContext): string {
  const folder = copyOf(t, 'stopped')
  flipInBatch(join(folder, LOG), 10)
  // Nothing says any more how far the log was looked at: the start has to read it.
  for (const name of ['clean-stop', 'journal/checkpoint']) rmSync(join(folder, name))
  return folder
}

/** @returns where the batch begins */
function flipInBatch(path: string, index: number): number {
  const bytes = readFileSync(path)
  let at = 0
  for (let i = 0; i < index; i++) at += 12 + bytes.readInt32BE(at + 8)
  flip(path, at + 64)
  return at
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at)
  writeFileSync(path, bytes)
}

/** Every file below the folder but the lock's. */
function contents(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => statSync(join(folder, name)).isFile() && !/^lock/.test(name))
  return new Map(files.sort().map((name) => [name, readFileSync(join(folder, name))]))
}

async function check(folder: string, ...partition: string[]) {
  const result = await runCommand(['log', 'check', ...partition, '--data', folder, '--json'])
  return { ...result, stdout: JSON.parse(result.stdout) }
}

async function truncate(folder: string, args: string[]) {
  const result = await runCommand(['log', 'truncate', ...args, '--data', folder, '--json'])
  assert.equal(result.exitCode, 0, result.stderr)
  return { ...result, stdout: JSON.parse(result.stdout) }
}

async function epochAt(t: TestContext, folder: string, topic: string, offset: number) {
  const { broker, connect } = await startTestBroker(t, { folder })
  const epoch = await epochOf(await connect(), topic, offset)
  await broker.close()
  return epoch
}

/** The leader epoch that a fetch from there shows in the batch. */
async function epochOf(client: KafkaClient, topic: string, offset: number): Promise<number> {
  const { topics } = await client.send(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    timeoutMs: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  })
  const end = topics[0]!.partitions[0]!.offset
  const { records } = await fetchFrom(client, topic, { offset: Math.min(offset, end - 1) })
  return records!.readInt32BE(12)
}
