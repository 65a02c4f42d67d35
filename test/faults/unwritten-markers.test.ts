// The marker that ends a transaction has its place in the log before it is on the disk. What is noted
// of the partition meanwhile must still know the transaction: a crash may take the marker back.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { buildControlMarker } from '../../src/broker/batch/control-marker.ts'
import { FileCache } from '../../src/broker/log/file-cache.ts'
import { GroupCommit } from '../../src/broker/log/group-commit.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/broker/log/log-config.ts'
import { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import { batchOf } from '../support/test-broker.ts'
import { FaultyDisk } from './faulty-disk.ts'

const PRODUCER = { producerId: 7, producerEpoch: 0 }

it('a crash that takes a marker back leaves its transaction open, whatever was noted before', async () => {
  const disk = new FaultyDisk(memoryDisk({ maxBytes: 64 * 1024 * 1024 }))
  const before = await open(disk)
  const batch = batchOf(['of a transaction'], {
    ...PRODUCER,
    baseSequence: 0,
    isTransactional: true,
  })
  const transactionCheck = () => ErrorCode.NONE
  await before.log.append(batch, { acks: -1, origin: 'client', transactionCheck })
  await close(before)
  const { log, commit } = await open(disk)
  disk.inject({ on: 'write', path: /\.log$/, fails: 'io' })

  const marker = buildControlMarker({
    ...PRODUCER,
    ...{ kind: 'abort', timestamp: 0, coordinatorEpoch: 0 },
  })
  const refused = await log.append(marker, { acks: -1, origin: 'internal' })
  await commit.saveCheckpoint()
  disk.healAll()
  const again = await open(disk)

  assert.equal(refused.kind, 'refused')
  assert.deepEqual([again.log.highWatermark, again.log.lastStableOffset], [1, 0])
  await close(again)
})

async function open(disk: FaultyDisk) {
  const host = nodeHost({ disk })
  const onFatal = (error: unknown) => assert.fail(String(error))
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const log = await PartitionLog.open({
    host,
    folder: 'topics/orders-0',
    topic: 'orders',
    partition: 0,
    topicId: 'AAAAAAAAAAAAAAAAAAAABA',
    config: DEFAULT_LOG_CONFIG,
    leaderEpoch: 0,
    commit,
    files: new FileCache({ disk, maxOpenFiles: 10 }),
    wasCleanStop: false,
  })
  await commit.finishRecovery()
  return { log, commit }
}

async function close({ log, commit }: Awaited<ReturnType<typeof open>>) {
  await log.close()
  await commit.close()
}
