// Holds a broker that has just started, or has come to rest, against everything that anybody was ever
// told, over the wire as any client would.

import { ErrorCode } from '../../../src/broker/wire/error-codes.ts'
import type { Connection } from '../../../src/cli/client/connection.ts'
import { BreachError } from '../crash/ledger.ts'
import type { SimWorld } from '../sim-world.ts'
import { DATA_TOPIC } from './admin.ts'
import { type ClusterLedger, partitionKey } from './cluster-ledger.ts'
import { FOLLOWERS, WORKERS } from './readers.ts'
import {
  committedOffsets,
  describeCluster,
  earliestOffset,
  endOfEpoch,
  type Fetched,
  fetchFrom,
  hasCode,
  type Place,
  retentionOf,
} from './wire.ts'

const LOADING_WITHIN_MS = 10_000

export interface CheckOptions {
  readonly connection: Connection
  readonly ledger: ClusterLedger
  readonly world: SimWorld
}

/** @throws BreachError */
export async function checkCluster(options: CheckOptions): Promise<void> {
  const { connection, ledger } = options
  const { clusterId, topics } = await describeCluster(connection)
  ledger.sawCluster(clusterId)
  ledger.sawTopics(topics)
  const epochs = new Map<string, number>()
  for (const { name, partitions, leaderEpochs } of topics) {
    const facts = ledger.topic(name)!
    ledger.sawRetention(name, await retentionOf(connection, name))
    for (let partition = 0; partition < partitions; partition++) {
      const key = partitionKey(facts, partition)
      const leaderEpoch = leaderEpochs.get(partition)!
      epochs.set(key, leaderEpoch)
      await checkPartition(options, { topic: name, partition }, key, leaderEpoch)
    }
  }
  ledger.sawLeaderEpochs(epochs)
  if (ledger.topic(DATA_TOPIC)?.exists === true) await checkCommits(options)
}

async function checkPartition(
  { connection, ledger }: CheckOptions,
  place: Place,
  key: string,
  leaderEpoch: number,
): Promise<void> {
  const earliest = await earliestOffset(connection, place)
  ledger.sawLogStart(key, earliest)
  const records: Fetched['records'][number][] = []
  for (let next = earliest; ; ) {
    const fetched = await fetchFrom(connection, place, { fromOffset: next })
    ledger.sawHighWatermark(key, fetched.highWatermark)
    records.push(...fetched.records)
    if (fetched.records.length > 0) {
      next = fetched.nextOffset
      continue
    }
    if (next < fetched.highWatermark) {
      throw new BreachError('lost', `${key} ends at ${next}, not at ${fetched.highWatermark}`)
    }
    ledger.records.check(key, records)
    await checkEpochs(connection, place, { records, endOffset: next, leaderEpoch })
    return
  }
}

/** Who asks where an epoch ended is told what the batches themselves say (KIP-320). */
async function checkEpochs(
  connection: Connection,
  place: Place,
  log: { records: Fetched['records']; endOffset: number; leaderEpoch: number },
): Promise<void> {
  const starts = new Map<number, number>()
  let last = -1
  for (const record of log.records) {
    if (record.leaderEpoch < last || record.leaderEpoch > log.leaderEpoch) {
      const where = `${place.topic}-${place.partition}@${record.offset}`
      throw new BreachError('went back', `${where}: epoch ${record.leaderEpoch} after ${last}`)
    }
    last = record.leaderEpoch
    if (!starts.has(last)) starts.set(last, record.offset)
  }
  const epochs = [...starts.keys()]
  for (const [index, epoch] of epochs.entries()) {
    const expected = starts.get(epochs[index + 1] ?? -1) ?? log.endOffset
    const told = await endOfEpoch(connection, place, epoch)
    if (told.leaderEpoch === epoch && told.endOffset === expected) continue
    const what = `epoch ${epoch} of ${place.topic}-${place.partition} ends at ${expected}`
    throw new BreachError('changed', `${what}, told was ${told.leaderEpoch}: ${told.endOffset}`)
  }
}

async function checkCommits({ connection, ledger, world }: CheckOptions): Promise<void> {
  const facts = ledger.topic(DATA_TOPIC)!
  const partitions = Array.from({ length: facts.minPartitions }, (_, partition) => partition)
  for (const group of [FOLLOWERS, WORKERS]) {
    const committed = await whenLoaded(world, () =>
      committedOffsets(connection, group, DATA_TOPIC, partitions),
    )
    for (const [partition, offset] of committed) {
      ledger.sawCommitted(group, partitionKey(facts, partition), offset)
    }
  }
}

async function whenLoaded<T>(world: SimWorld, ask: () => Promise<T>): Promise<T> {
  const deadlineMs = world.nowMs + LOADING_WITHIN_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const isLoading = hasCode(
        error,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
      )
      if (!isLoading) throw error
      if (world.nowMs > deadlineMs) throw new BreachError('stuck', 'a group is never loaded')
      await world.pass(1)
    }
  }
}
