import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Host } from '../../host/host.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch } from '../batch/builder.ts'
import { readBatchHeader } from '../batch/header.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { FileCache } from './file-cache.ts'
import { GroupCommit } from './group-commit.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'
import { type AppendOutcome, PartitionLog } from './partition-log.ts'

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAABA'

interface World extends AsyncDisposable {
  readonly host: Host
  readonly commit: GroupCommit
  open(partition?: number, config?: Partial<LogConfig>): Promise<PartitionLog>
  /** Closes everything and begins anew on the same folder. */
  restart(): Promise<World>
}

/** Nothing happens by itself: what is in the journal only stays there until somebody needs it. */
function timelessHost(): Host {
  const host = nodeHost({ disk: memoryDisk({ maxBytes: 256 * 1024 * 1024 }) })
  const timers = { ...host.timers, after: () => ({ cancel: () => undefined }) }
  return { ...host, timers }
}

async function world(
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-')),
  host = nodeHost({ folder }),
): Promise<World> {
  const commit = await GroupCommit.open({
    host,
    folder: 'journal',
    onFatal: (error) => assert.fail(String(error)),
  })
  const files = new FileCache({ disk: host.disk, maxOpenFiles: 100 })
  const logs: PartitionLog[] = []
  const close = async () => {
    for (const log of logs) await log.close()
    await commit.close()
  }
  return {
    host,
    commit,
    async open(partition = 0, config = {}) {
      const log = await PartitionLog.open({
        host,
        folder: `topics/orders-${partition}`,
        topic: 'orders',
        partition,
        topicId: TOPIC_ID,
        config: { ...DEFAULT_LOG_CONFIG, ...config },
        leaderEpoch: 0,
        commit,
        files,
        wasCleanStop: true,
      })
      logs.push(log)
      return log
    },
    async restart() {
      await close()
      return world(folder)
    },
    async [Symbol.asyncDispose]() {
      await close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function batchOf(values: string[], fields: Partial<Parameters<typeof buildBatch>[0]> = {}) {
  const records = values.map((value) => ({
    timestamp: 1_700_000_000_000,
    key: null,
    value: Buffer.from(value),
  }))
  return buildBatch({ records, ...fields })
}

function appended(outcome: AppendOutcome) {
  assert.notEqual(outcome.kind, 'refused', JSON.stringify(outcome))
  return outcome.kind === 'refused' ? -1 : outcome.baseOffset
}

describe('a partition log', () => {
  it('gives appends the offsets that follow, in the order of the calls', async () => {
    await using w = await world()
    const log = await w.open()

    const outcomes = await Promise.all([
      log.append(batchOf(['a', 'b']), { acks: -1, origin: 'client' }),
      log.append(batchOf(['c']), { acks: 1, origin: 'client' }),
      log.append(batchOf(['d']), { acks: -1, origin: 'client' }),
    ])

    assert.deepEqual(outcomes.map(appended), [0, 2, 3])
    assert.equal(log.highWatermark, 4)
  })

  it('reads back whole batches from the one that contains the offset', async () => {
    await using w = await world()
    const log = await w.open()
    await w.commit.finishRecovery()
    for (const value of ['a', 'b', 'c']) {
      await log.append(batchOf([value, value]), { acks: -1, origin: 'client' })
    }

    const outcome = await log.read({
      fromOffset: 3,
      maxBytes: 1e6,
      upTo: 'highWatermark',
      atLeastOneBatch: true,
    })

    assert.equal(outcome.kind, 'records')
    assert.ok(outcome.kind === 'records')
    assert.equal(readBatchHeader(outcome.bytes, 0).baseOffset, 2)
    assert.equal(outcome.bytes.length, 2 * batchOf(['a', 'a']).length)
  })

  it('opens after a restart with what it had', async () => {
    let w = await world()
    const log = await w.open()
    await w.commit.finishRecovery()
    await log.append(batchOf(['a', 'b']), { acks: -1, origin: 'client' })

    w = await w.restart()
    const again = await w.open()

    assert.equal(again.highWatermark, 2)
    await w[Symbol.asyncDispose]()
  })

  it('says in its time index after a clean stop when its latest record was, as Kafka does', async () => {
    await using first = await world()
    const log = await first.open()
    for (const timestamp of [1_000, 3_000, 2_000]) {
      // Smaller logs are left without: one read finds everything.
      const records = [{ timestamp, key: null, value: Buffer.alloc(8192) }]
      await log.append(buildBatch({ records }), { acks: -1, origin: 'client' })
    }

    await log.close()

    const index = await first.host.disk.readFile('topics/orders-0/00000000000000000000.timeindex')
    assert.equal(index?.readBigInt64BE(index.length - 12), 3000n)
    assert.equal(index?.readInt32BE(index.length - 4), 1)
  })

  it('commits over many partitions through the journal', async () => {
    await using w = await world()
    const logs = await Promise.all(Array.from({ length: 40 }, (_, i) => w.open(i)))
    await w.commit.finishRecovery()

    for (let round = 0; round < 3; round++) {
      await Promise.all(
        logs.map((log) => log.append(batchOf(['a']), { acks: -1, origin: 'client' })),
      )
    }

    assert.ok(logs.every((log) => log.highWatermark === 3))
  })

  it('keeps what is in the journal only when everything written before it is deleted', async () => {
    await using w = await world(undefined, timelessHost())
    const opened = [0, 1, 2, 3].map((i) => w.open(i))
    const [log, ...others] = await Promise.all(opened)
    await w.commit.finishRecovery()
    await log!.append(batchOf(['written']), { acks: -1, origin: 'client' })
    await log!.maxTimestamp() // looks into the files, so the batch is in one now
    await Promise.all(
      [log!, ...others].map((each) =>
        each.append(batchOf(['journaled']), { acks: -1, origin: 'client' }),
      ),
    )

    await log!.deleteRecordsBefore(1)

    const request = { maxBytes: 1e6, upTo: 'highWatermark', atLeastOneBatch: true } as const
    const outcome = await log!.read({ fromOffset: 1, ...request })
    assert.equal(log!.logStartOffset, 1)
    assert.ok(outcome.kind === 'records' && outcome.bytes.length > 0, outcome.kind)
  })

  it('keeps records that are only old until the next check of retention when others are deleted', async () => {
    await using w = await world()
    const log = await w.open(0, { retentionMs: 1 }) // the records are years old
    for (const value of ['deleted', 'old']) {
      await log.append(batchOf([value]), { acks: -1, origin: 'client' })
    }

    await log.deleteRecordsBefore(1)

    assert.equal(log.logStartOffset, 1)
    await log.applyRetention(w.host.clock.nowMs())
    assert.equal(log.logStartOffset, 2)
  })

  it('answers a resent batch with the offset it was first given', async () => {
    await using w = await world()
    const log = await w.open()
    const idempotent = { producerId: 7, producerEpoch: 0, baseSequence: 0 }
    await log.append(batchOf(['a', 'b'], idempotent), { acks: -1, origin: 'client' })

    const outcome = await log.append(batchOf(['a', 'b'], idempotent), {
      acks: -1,
      origin: 'client',
    })

    assert.equal(outcome.kind, 'duplicate')
    assert.equal(appended(outcome), 0)
    assert.equal(log.logEndOffset, 2)
  })

  it('refuses a batch whose checksum is wrong', async () => {
    await using w = await world()
    const log = await w.open()
    const batch = batchOf(['a'])
    batch[batch.length - 2]! ^= 1

    const outcome = await log.append(batch, { acks: -1, origin: 'client' })

    assert.ok(outcome.kind === 'refused')
    assert.equal(outcome.errorCode, ErrorCode.CORRUPT_MESSAGE)
  })
})
