// A segment is removed before its own file was ever synced: the journal had made its records durable,
// the disk was slow, and retention was quick. Nothing of it is needed any more, so nothing is wrong.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FileCache } from '../../src/broker/log/file-cache.ts'
import { GroupCommit } from '../../src/broker/log/group-commit.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/broker/log/log-config.ts'
import { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import { batchOf } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { FaultyDisk } from './faulty-disk.ts'

const FOLDER = 'topics/orders-0'

it('a partition stays online when its segments go before they were synced', async () => {
  const disk = new FaultyDisk(memoryDisk({ maxBytes: 256 * 1024 * 1024 }))
  const host = nodeHost({ disk })
  const onFatal = (error: unknown) => assert.fail(String(error))
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const files = new FileCache({ disk, maxOpenFiles: 10 })
  const config = {
    ...DEFAULT_LOG_CONFIG,
    segmentBytes: 100,
    retentionBytes: 1,
    fileDeleteDelayMs: 0,
  }
  const logs = await Promise.all(
    ['orders', 'payments', 'refunds'].map((topic, index) =>
      PartitionLog.open({
        host,
        folder: `topics/${topic}-0`,
        topic,
        partition: 0,
        topicId: `AAAAAAAAAAAAAAAAAAAAB${'AQg'[index]}`,
        config,
        leaderEpoch: 0,
        commit,
        files,
        wasCleanStop: false,
      }),
    ),
  )
  await commit.finishRecovery()
  const released = Promise.withResolvers<void>()
  const held = disk.inject({
    on: 'sync-folder',
    path: new RegExp(`^${FOLDER}$`),
    waitsFor: () => released.promise,
  })
  // Three partitions at once: the journal makes them durable, and the files are written later.
  for (let round = 0; round < 4; round++) {
    const appends = logs.map((log) => log.append(batchOf(['x']), { acks: -1, origin: 'client' }))
    for (const { kind } of await Promise.all(appends)) assert.equal(kind, 'appended')
  }
  const orders = logs[0]!
  await orders.maxTimestamp() // looks into the files, so that all batches stand in them
  await until(() => held.hits > 0)

  await orders.applyRetention(host.clock.nowMs())
  const isGone = async () => (await disk.list(FOLDER)).every((name) => !name.endsWith('.deleted'))
  await until(isGone)
  held.heal()
  released.resolve()
  await commit.saveCheckpoint()
  await commit.close()

  assert.ok(orders.logStartOffset > 0, 'nothing was removed')
  assert.equal(orders.offlineReason, undefined)
})
