// The disk had no space for an append, and the partition took it back. Nothing may speak of it any more:
// a producer that is remembered for what was never stored would be told that it was, and never send it again.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FileCache } from '../../src/broker/log/file-cache.ts'
import { GroupCommit } from '../../src/broker/log/group-commit.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/broker/log/log-config.ts'
import { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { decodeSnapshot } from '../../src/broker/log/producer-snapshot.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
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

async function open(disk: FaultyDisk) {
  const host = nodeHost({ disk })
  const onFatal = (error: unknown) => assert.fail(String(error))
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const log = await PartitionLog.open({
    host,
    folder: FOLDER,
    topic: 'orders',
    partition: 0,
    topicId: 'AAAAAAAAAAAAAAAAAAAABA',
    config: { ...DEFAULT_LOG_CONFIG, segmentBytes: 100 },
    leaderEpoch: 0,
    commit,
    files: new FileCache({ disk, maxOpenFiles: 10 }),
    wasCleanStop: false,
  })
  await commit.finishRecovery()
  return { log, commit }
}
