// Producers that never pause: their partition has always something that is not written, or not durable.
// Whoever waits for what was there when he came must not wait for them as well.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FaultyDisk } from '../../../test/faults/faulty-disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch } from '../batch/builder.ts'
import { FileCache } from './file-cache.ts'
import { GroupCommit } from './group-commit.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'
import { PartitionLog } from './partition-log.ts'

/** More appends than anything below has to wait for. */
const ENOUGH = 10_000
const FOREVER = 'it waits for as long as somebody appends'

class BusyLogs {
  readonly logs: PartitionLog[]
  readonly #commit: GroupCommit
  readonly #producers: Promise<void>[]
  #count = 0
  #isStopped = false

  private constructor(logs: PartitionLog[], commit: GroupCommit) {
    this.logs = logs
    this.#commit = commit
    // Two for each: one appends while the other one's batch becomes durable.
    this.#producers = [...logs, ...logs].map((log, index) => this.#produce(log, 100 + index))
  }

  static async open(count: number, config: Partial<LogConfig> = {}): Promise<BusyLogs> {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: 256 * 1024 * 1024 }))
    // As of a disk, while which others have their turn.
    disk.inject({ on: 'sync', path: /./, waitsFor: () => new Promise((end) => setImmediate(end)) })
    const host = nodeHost({ disk })
    const onFatal = (error: unknown) => assert.fail(String(error))
    const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
    const files = new FileCache({ disk, maxOpenFiles: 100 })
    const logs: PartitionLog[] = []
    for (let partition = 0; partition < count; partition++) {
      const log = await PartitionLog.open({
        ...{ host, commit, files, partition, topic: 'orders', leaderEpoch: 0, wasCleanStop: false },
        ...{ folder: `topics/orders-${partition}`, topicId: 'AAAAAAAAAAAAAAAAAAAABA' },
        config: { ...DEFAULT_LOG_CONFIG, ...config },
      })
      logs.push(log)
    }
    await commit.finishRecovery()
    return new BusyLogs(logs, commit)
  }

  /** What comes of it, unless so many appends are answered before that it never will. */
  async within<T>(work: Promise<T>): Promise<T | typeof FOREVER> {
    return await Promise.race([work, this.appended(ENOUGH)])
  }

  /** So many more are. */
  async appended(count: number): Promise<typeof FOREVER> {
    const end = this.#count + count
    while (this.#count < end && !this.#isStopped) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    return FOREVER
  }

  async close(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#producers)
    for (const log of this.logs) await log.close()
    await this.#commit.close()
  }

  async #produce(log: PartitionLog, producerId: number): Promise<void> {
    for (let baseSequence = 0; !this.#isStopped; baseSequence++) {
      const batch = buildBatch({
        records: [{ timestamp: Date.now(), key: Buffer.from('k'), value: Buffer.from('v') }],
        ...{ producerId, producerEpoch: 0, baseSequence },
      })
      const outcome = await log.append(batch, { acks: -1, origin: 'client' })
      assert.equal(outcome.kind, 'appended')
      this.#count++
    }
  }
}

for (const partitions of [1, 4]) {
  describe(`while producers append to ${partitions} partitions without a pause`, () => {
    it('a question by time is answered', async () => {
      const busy = await BusyLogs.open(partitions)

      const found = await busy.within(busy.logs[0]!.offsetForTimestamp(0))
      await busy.close()

      assert.deepEqual(typeof found === 'object' && found.offset, 0)
    })

    it('the latest record that is found is one that may be read', async () => {
      const busy = await BusyLogs.open(partitions)
      const [log] = busy.logs

      const areDurable: boolean[] = []
      for (let count = 0; count < 20; count++) {
        const found = await busy.within(log!.maxTimestamp())
        areDurable.push(typeof found === 'object' && found.offset < log!.highWatermark)
      }
      await busy.close()

      assert.deepEqual(new Set(areDurable), new Set([true]))
    })

    it('records are deleted, with the producers that wrote them kept', async () => {
      const busy = await BusyLogs.open(partitions, { segmentBytes: 500 })
      const [log] = busy.logs

      await busy.appended(500)
      const { highWatermark } = log!
      const deleted = await busy.within(log!.deleteRecordsBefore(highWatermark).then(() => 'gone'))
      await busy.close()

      assert.equal(deleted, 'gone')
      assert.equal(log!.logStartOffset, highWatermark)
    })

    it('what can be compacted is', async () => {
      const busy = await BusyLogs.open(partitions, {
        segmentBytes: 500,
        cleanupPolicy: ['compact'],
      })
      const [log] = busy.logs

      await busy.appended(500)
      const map = { maxBytes: 64 * 1024, loadFactor: 0.9 }
      const { signal } = new AbortController()
      const report = await busy.within(log!.upkeep.compact({ map, signal }))
      await busy.close()

      assert.ok(typeof report === 'object', String(report))
    })
  })
}
