// The power goes at every write and every sync of read-process-write loops, classic and of version 2.
// Afterwards every transaction is there in all of its partitions and offsets, or in none of them; one
// whose commit was answered is there, one that was aborted is not; and no reader is held back.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type BatchHeader, readBatchHeader } from '../../src/broker/batch/header.ts'
import type { PartitionLog } from '../../src/broker/log/partition-log.ts'
import type { Api } from '../../src/broker/protocol/api.ts'
import { handlerFor } from '../../src/broker/server/handler-table.ts'
import { openHandlerWorld } from '../../src/broker/server/handler-test-world.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { Fields, InferInput } from '../../src/broker/wire/field.ts'
import { nodeNet } from '../../src/host/node-net.ts'
import { valuesIn } from '../support/test-broker.ts'
import { TransactionalProducer } from '../support/transactional-producer.ts'
import { type DiskFaults, SimDisk } from './sim-disk.ts'
import { SimStorage } from './sim-storage.ts'
import { SimWorld } from './sim-world.ts'

const SEEDS = 2
const ROUNDS = 5
/** Of one workload, spread evenly over its writes and syncs. */
const MAX_CUTS = 60
const PARTITIONS = 2

type World = Awaited<ReturnType<typeof openHandlerWorld>>
type Cut = DiskFaults['cutAt']

/** What producers were told, outside of the disk. */
interface Ledger {
  readonly committed: Set<string>
  readonly aborted: Set<string>
  /** Producers that wait for the answer to an end. */
  readonly ending: Set<number>
}

interface Life {
  readonly world: SimWorld
  readonly disk: SimDisk
  open(): Promise<World>
}

function life(seed: number, storage: SimStorage, startMs?: number, cutAt?: Cut): Life {
  const world = new SimWorld({ seed, ...(startMs !== undefined && { startMs }) })
  const disk = new SimDisk(world, storage, { cutAt })
  const { clock, timers, random } = world
  const host = { disk, net: nodeNet, clock, timers, random, openFilesLimit: async () => undefined }
  const onFatal = (reason: unknown) => world.fail(reason)
  return { world, disk, open: () => openHandlerWorld({ host, wasCleanStop: false, onFatal }) }
}

it('a transaction is all or nothing wherever the power goes', async () => {
  const seen = { runs: 0, cuts: 0, ended: 0, openEnds: 0, settledLater: 0 }
  for (let seed = 0; seed < SEEDS; seed++) {
    const { write, sync } = await runOnce(seed, undefined, seen)
    const places = [
      ...Array.from({ length: write }, (_, index) => ({ action: 'write', index }) as const),
      ...Array.from({ length: sync }, (_, index) => ({ action: 'sync', index }) as const),
    ]
    const step = Math.max(1, places.length / MAX_CUTS)
    for (let at = seed % step; at < places.length; at += step) {
      await runOnce(seed, places[Math.floor(at)], seen)
    }
  }
  // A green run must not be an empty one.
  assert.ok(seen.cuts > 60 && seen.ended > 200 && seen.openEnds > 10, JSON.stringify(seen))
  assert.ok(seen.settledLater > 0, 'no end was ever gone through with after a restart')
})

async function runOnce(
  seed: number,
  cutAt: Cut,
  seen: { runs: number; cuts: number; ended: number; openEnds: number; settledLater: number },
) {
  const storage = new SimStorage()
  const ledger: Ledger = { committed: new Set(), aborted: new Set(), ending: new Set() }
  const first = life(seed, storage, undefined, cutAt)
  const outcome = await first.world.run(work(first, ledger, seed))
  seen.runs += 1
  seen.ended += ledger.committed.size + ledger.aborted.size
  if (outcome === 'cut') seen.cuts += 1
  if (ledger.ending.size > 0) seen.openEnds += 1
  storage.crash(first.world.random)

  const second = life(seed + 1_000, storage, first.world.nowMs)
  const where = `seed ${seed}, cut ${JSON.stringify(cutAt)}`
  const settled = await second.world.run(verify(second, ledger, where))
  if (settled !== 'cut' && settled > 0) seen.settledLater += 1
  return { write: first.disk.counts['write'] ?? 0, sync: first.disk.counts['sync'] ?? 0 }
}

async function work({ open, world }: Life, ledger: Ledger, seed: number): Promise<void> {
  const broker = await open()
  // The records carry the time outside of the simulation.
  const configs = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }]
  await broker.catalog.createTopics([
    { name: 'orders', partitions: PARTITIONS, replicationFactor: 1, assignments: [], configs },
  ])
  await Promise.all(
    [0, 1].map((index) => loop(broker, ledger, { index, isV2: (seed + index) % 2 === 0, world })),
  )
}

function producerOf(broker: World, transactionalId: string, isV2: boolean): TransactionalProducer {
  const send = <Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: InferInput<Req>,
  ) => broker.ask(handlerFor(api.key)!, api, version, body)
  return new TransactionalProducer({ send }, { transactionalId, isV2, timeoutMs: 900_000 })
}

/** Each transaction writes its name to every partition and moves the offset of its group. */
async function loop(
  broker: World,
  ledger: Ledger,
  { index, isV2, world }: { index: number; isV2: boolean; world: SimWorld },
): Promise<void> {
  const producer = producerOf(broker, `tx${index}`, isV2)
  const groupId = `group${index}`
  assert.equal(await begin(producer, world), ErrorCode.NONE)
  for (let round = 0; round < ROUNDS; round++) {
    const isCommit = round % 3 !== 1
    const name = `${index}-${round}`
    for (let partition = 0; partition < PARTITIONS; partition++) {
      if (!isV2) assert.equal(await producer.add('orders', partition), ErrorCode.NONE)
      assert.equal(await producer.produce('orders', [name], { partition }), ErrorCode.NONE)
    }
    if (!isV2) assert.equal(await producer.addOffsets(groupId), ErrorCode.NONE)
    assert.equal(await producer.commitOffset(groupId, 'orders', round + 1), ErrorCode.NONE)
    if (!isCommit) ledger.aborted.add(name)
    ledger.ending.add(index)
    assert.equal(await producer.end(isCommit), ErrorCode.NONE)
    ledger.ending.delete(index)
    if (isCommit) ledger.committed.add(name)
  }
}

async function begin(producer: TransactionalProducer, world: SimWorld): Promise<number> {
  for (;;) {
    const errorCode = await producer.initOnce()
    if (errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) return errorCode
    await world.pass(10)
  }
}

/** @returns how many ends were decided before the cut and gone through with after it */
async function verify({ open, world }: Life, ledger: Ledger, where: string): Promise<number> {
  const broker = await open()
  await broker.groups.loaded()
  await broker.transactions.loaded()
  const atStart = broker.transactions.list()
  assert.ok(typeof atStart !== 'number', where)
  const ending = atStart.filter(({ state }) => state.startsWith('Prepare')).length
  const zombies = atStart.map(({ transactionalId, producerId, producerEpoch }) => ({
    ...{ transactionalId, producerId, producerEpoch },
  }))
  // Whoever starts again aborts what is open.
  for (const index of [0, 1]) {
    const producer = producerOf(broker, `tx${index}`, true)
    assert.equal(await begin(producer, world), ErrorCode.NONE, where)
  }
  for (const { transactionalId, ...old } of zombies) {
    const zombie = Object.assign(producerOf(broker, transactionalId, true), old)
    if (broker.partitions.get('orders', 0) === undefined) break
    const refused = await zombie.produce('orders', ['zombie'])
    assert.equal(refused, ErrorCode.INVALID_PRODUCER_EPOCH, where)
  }
  const seen: Set<string>[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const log = broker.partitions.get('orders', partition)
    if (log === undefined) {
      assert.equal(ledger.committed.size, 0, where)
      return ending
    }
    assert.equal(log.lastStableOffset, log.highWatermark, `${where}: readers are held back`)
    const values = await committedIn(log)
    assert.equal(new Set(values).size, values.length, `${where}: twice in ${values}`)
    seen.push(new Set(values))
  }
  assert.deepEqual(seen[0], seen[1], `${where}: torn`)
  for (const name of ledger.committed) assert.ok(seen[0]!.has(name), `${where}: lost ${name}`)
  for (const name of ledger.aborted) assert.ok(!seen[0]!.has(name), `${where}: aborted ${name}`)
  for (const index of [0, 1]) {
    const rounds = [...seen[0]!].filter((name) => name.startsWith(`${index}-`))
    const last = rounds.map((name) => Number(name.split('-')[1])).sort((a, b) => b - a)[0]
    const offset = await offsetOf(broker, `group${index}`)
    assert.equal(offset, last === undefined ? undefined : last + 1, `${where}: offset of ${index}`)
  }
  return ending
}

async function offsetOf(broker: World, groupId: string): Promise<number | undefined> {
  const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'
  const asked = [{ topic: 'orders', topicId, partitions: [0] }]
  const { topics } = await broker.groups.fetchOffsets({
    groupId,
    topics: asked,
    requireStable: true,
  })
  const { committed, isUnstable } = topics[0]!.partitions[0]!
  assert.equal(isUnstable, false)
  return committed?.offset
}

async function committedIn(log: PartitionLog): Promise<string[]> {
  const values: string[] = []
  for (let fromOffset = log.logStartOffset; fromOffset < log.lastStableOffset; ) {
    const request = {
      maxBytes: 1_000_000,
      upTo: 'lastStableOffset',
      atLeastOneBatch: true,
    } as const
    const outcome = await log.read({ fromOffset, ...request })
    assert.ok(outcome.kind === 'records')
    const open = new Set<number>()
    for (let at = 0; at < outcome.bytes.length; ) {
      const header: BatchHeader = readBatchHeader(outcome.bytes, at)
      for (const { producerId, firstOffset } of outcome.abortedTransactions) {
        if (firstOffset === header.baseOffset) open.add(producerId)
      }
      const batch = outcome.bytes.subarray(at, at + header.sizeBytes)
      if (header.isControlBatch) open.delete(header.producerId)
      else if (!open.has(header.producerId)) values.push(...valuesIn(batch))
      at += header.sizeBytes
      fromOffset = header.lastOffset + 1
    }
  }
  return values
}
