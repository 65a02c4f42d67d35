// The disk had no space for an append, and the partition took it back. Nothing may speak of it any more:
// a producer that is remembered for what was never stored would be told that it was, and never send it again.
// Only that it was refused is remembered: what the producer sent behind it must not pass for its first.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AppendOutcome } from '../../src/broker/log/append-outcome.ts'
import type { AppendRequest } from '../../src/broker/log/appender.ts'
import { FileCache } from '../../src/broker/log/file-cache.ts'
import { GroupCommit } from '../../src/broker/log/group-commit.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../src/broker/log/log-config.ts'
import { PartitionLog, type PartitionLogOptions } from '../../src/broker/log/partition-log.ts'
import type { PreparedBatch } from '../../src/broker/log/prepare-batch.ts'
import { decodeSnapshot } from '../../src/broker/log/producer-snapshot.ts'
import { ErrorCode, errorName } from '../../src/broker/wire/error-codes.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import { batchOf } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { FaultyDisk } from './faulty-disk.ts'

const FOLDER = 'topics/orders-0'
const PRODUCER = { producerId: 7, producerEpoch: 0, baseSequence: 0 }
const ACKS_ALL = { acks: -1, origin: 'client' } as const

it('no snapshot knows anything of a batch that was refused on a full disk', async () => {
  const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
  const { log, commit } = await open(disk)
  await log.append(batchOf(['fills a segment']), ACKS_ALL)
  const full = disk.inject({ on: 'write', path: /0002\.log$/, fails: 'no-space' })

  // The second one begins a segment, and the state is captured with the third one in it.
  const [stored, refused] = await Promise.all([
    log.append(batchOf(['begins the next']), ACKS_ALL),
    log.append(batchOf(['has no space'], PRODUCER), ACKS_ALL),
  ])
  full.heal()
  for (const text of ['takes its place', 'goes on', 'seals']) {
    await until(async () => (await log.append(batchOf([text]), ACKS_ALL)).kind === 'appended')
  }
  await log.close()
  await commit.close()

  assert.equal(stored.kind, 'appended')
  assert.equal(refused.kind, 'refused')
  const names = (await disk.list(FOLDER)).filter((name) => name.endsWith('.snapshot'))
  assert.notEqual(names.length, 0)
  for (const name of names) {
    const content = await disk.readFile(`${FOLDER}/${name}`)
    const known = decodeSnapshot(content!)?.flatMap(({ recentBatches }) => recentBatches)
    assert.deepEqual(known, [], name)
  }
})

for (const when of ['while it is written', 'before it is taken']) {
  it(`a new producer's second batch is not taken for its first, which found no space ${when}`, async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
    const { log, commit } = await open(disk)
    const [first, second] = [0, 1].map((baseSequence) => ({ ...PRODUCER, baseSequence }))
    const full = disk.inject({ on: 'write', path: /./, fails: 'no-space' })
    if (when !== 'while it is written') await log.append(batchOf(['finds no space']), ACKS_ALL)

    const refused = await log.append(batchOf(['first'], first), ACKS_ALL)
    full.heal()
    await until(
      async () => (await log.append(batchOf(['space again']), ACKS_ALL)).kind === 'appended',
    )
    const early = await log.append(batchOf(['second'], second), ACKS_ALL)
    const again = await log.append(batchOf(['first'], first), ACKS_ALL)
    const inOrder = await log.append(batchOf(['second'], second), ACKS_ALL)
    await log.close()
    await commit.close()

    assert.equal(refused.kind === 'refused' && refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(
      early.kind === 'refused' && early.errorCode,
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    )
    assert.deepEqual([again.kind, inOrder.kind], ['appended', 'appended'])
  })
}

const AGAIN_LATER = { kind: 'refused', errorCode: ErrorCode.NOT_ENOUGH_REPLICAS } as const

/** Appends the first of a new producer's two batches as `refuse` wants it, then everything in disorder. */
async function sendInDisorder(
  log: PartitionLog,
  refuse: (first: Buffer) => Promise<AppendOutcome>,
  fields: Parameters<typeof batchOf>[1] = {},
  request: AppendRequest = ACKS_ALL,
) {
  const send = (text: string, baseSequence: number) =>
    log.append(batchOf([text], { ...PRODUCER, ...fields, baseSequence }), request)
  const refused = await refuse(batchOf(['first'], { ...PRODUCER, ...fields }))
  const outcomes = [
    refused,
    await send('second', 1),
    await send('first', 0),
    await send('second', 1),
  ]
  return outcomes.map((outcome) =>
    outcome.kind === 'refused' ? errorName(outcome.errorCode) : outcome.baseOffset,
  )
}

describe("a new producer's second batch is not taken for its first", () => {
  it('when the system opened no file for it', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
    const { log, commit } = await open(disk)
    const full = disk.inject({ on: 'open', path: /^topics/, fails: 'too-many-files' })

    const outcomes = await sendInDisorder(log, async (first) => {
      const outcome = await log.append(first, ACKS_ALL)
      full.heal()
      return outcome
    })
    await log.close()
    await commit.close()

    assert.deepEqual(outcomes, ['KAFKA_STORAGE_ERROR', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 0, 1])
  })

  for (const compressionType of ['producer', 'gzip'] as const) {
    it(`when the producers of a log could not be read, ${compressionType} compression`, async () => {
      const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
      const before = await open(disk)
      await before.log.append(batchOf(['before']), ACKS_ALL)
      await before.log.close()
      await before.commit.close()
      const { log, commit } = await open(disk, { wasCleanStop: true, compressionType })
      const full = disk.inject({ on: 'read', path: /^topics/, fails: 'too-many-files' })

      const outcomes = await sendInDisorder(log, async (first) => {
        const outcome = await log.append(first, ACKS_ALL)
        full.heal()
        return outcome
      })
      await log.close()
      await commit.close()

      assert.ok(full.hits > 0)
      assert.deepEqual(outcomes, ['KAFKA_STORAGE_ERROR', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 1, 2])
    })
  }

  it('when the stream of it was busy', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
    let isBusy = true
    const gate = {
      isReady: true,
      ready: async () => undefined,
      begin: () => undefined,
      accepted: () => undefined,
      refusedFrom: () => undefined,
      judge: ({ bytes, header }: PreparedBatch) =>
        isBusy ? AGAIN_LATER : ({ kind: 'append', bytes, header } as const),
    }
    const { log, commit } = await open(disk, { gate })

    const outcomes = await sendInDisorder(log, async (first) => {
      const outcome = await log.append(first, ACKS_ALL)
      isBusy = false
      return outcome
    })
    await log.close()
    await commit.close()

    assert.deepEqual(outcomes, ['NOT_ENOUGH_REPLICAS', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 0, 1])
  })

  it('when the transaction of it was not known yet', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
    const { log, commit } = await open(disk)
    const verified = { ...ACKS_ALL, transactionCheck: () => ErrorCode.NONE }

    const outcomes = await sendInDisorder(
      log,
      (first) => log.append(first, { ...ACKS_ALL, transactionCheck: () => AGAIN_LATER.errorCode }),
      { isTransactional: true },
      verified,
    )
    await log.close()
    await commit.close()

    assert.deepEqual(outcomes, ['NOT_ENOUGH_REPLICAS', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 0, 1])
  })

  it('unless it was refused for good: then the producer begins anew with what is good', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
    const { log, commit } = await open(disk)
    const check = () => ErrorCode.INVALID_TXN_STATE

    const outcomes = await sendInDisorder(
      log,
      (first) => log.append(first, { ...ACKS_ALL, transactionCheck: check }),
      { isTransactional: true },
      { ...ACKS_ALL, transactionCheck: () => ErrorCode.NONE },
    )
    await log.close()
    await commit.close()

    assert.deepEqual(outcomes.slice(0, 2), ['INVALID_TXN_STATE', 0])
  })
})

it('who waits for what will never be durable hears so, also when the disk has failed before', async () => {
  const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
  const { log, commit } = await open(disk)
  disk.inject({ on: 'sync', path: /^topics.*log$/, fails: 'io' })
  await until(async () => (await log.append(batchOf(['lost']), ACKS_ALL)).kind === 'refused')

  const late = await log.onceDurable(log.highWatermark)
  await log.close()
  await commit.close()

  assert.equal(late.kind, 'refused')
})

it('who appends after the journal has failed hears so, also where nothing was under way', async () => {
  const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
  const onFatal = () => undefined
  const { log, commit, openPartition } = await open(disk, { onFatal })
  const other = await openPartition(1)
  disk.inject({ on: 'write', path: /^journal/, fails: 'io' })

  const first = await log.append(batchOf(['finds it out']), ACKS_ALL)
  const later = await other.append(batchOf(['comes later']), ACKS_ALL)
  await log.close()
  await other.close()
  await commit.close()

  assert.deepEqual([first.kind, later.kind], ['refused', 'refused'])
})

interface OpenOptions {
  wasCleanStop?: boolean
  compressionType?: LogConfig['compressionType']
  gate?: PartitionLogOptions['gate']
  onFatal?: (error: unknown) => void
}

async function open(
  disk: FaultyDisk,
  {
    wasCleanStop = false,
    compressionType = 'producer',
    gate,
    onFatal = (error) => assert.fail(String(error)),
  }: OpenOptions = {},
) {
  const host = nodeHost({ disk })
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const openPartition = (partition: number) =>
    PartitionLog.open({
      host,
      folder: `topics/orders-${partition}`,
      topic: 'orders',
      partition,
      topicId: 'AAAAAAAAAAAAAAAAAAAABA',
      config: { ...DEFAULT_LOG_CONFIG, segmentBytes: 100, compressionType },
      leaderEpoch: 0,
      commit,
      files: new FileCache({ disk, maxOpenFiles: 10 }),
      wasCleanStop,
      gate,
    })
  const log = await openPartition(0)
  await commit.finishRecovery()
  return { log, commit, openPartition }
}
