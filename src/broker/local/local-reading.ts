// Reading for a program in the broker's own process: the partitions' batches as a fetch finds them,
// taken apart into records. Only committed records are given, up to the last stable offset.
// Invariant: what is given is nobody else's memory, so that a caller may keep it, and change it.

import { abortedFilter } from '../batch/aborted-filter.ts'
import { type BatchHeader, batchCrc, readBatchHeader } from '../batch/header.ts'
import { RecordCursor } from '../batch/record-cursor.ts'
import { recordBytes, recordBytesAsync, timestampOf } from '../batch/records.ts'
import {
  type FetchPlan,
  isReady,
  lookAtAll,
  type PartitionAnswer,
  readAll,
  waitForMore,
} from '../server/partition-reads.ts'
import type { BrokerServices } from '../server/services.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { LocalPartition } from './local-groups.ts'
import type { LocalRecord } from './local-producing.ts'
import { type LocalRefusal, refusal } from './local-refusal.ts'

export interface LocalFetch {
  /** In the order in which they are read; later ones get what is left of `maxBytes`. */
  readonly partitions: readonly (LocalPartition & { readonly fromOffset: number })[]
  /** Soft: the first batch is given whatever its size (KIP-74). */
  readonly maxBytes: number
  /** Of one partition. */
  readonly partitionMaxBytes: number
  readonly maxWaitMs: number
  /** Ends the wait early. */
  readonly interrupt: FetchPlanInterrupt
}

/** Ends a wait that is no longer wanted. */
export interface FetchPlanInterrupt {
  readonly isClosed: boolean
  /** @returns how to take the listener away */
  onClose(listener: () => void): () => void
}

export interface LocalRecords extends LocalPartition {
  readonly kind: 'records'
  /** As it was asked for. */
  readonly fromOffset: number
  readonly records: readonly (LocalRecord & { readonly offset: number })[]
  /** Behind the last batch that was read. */
  readonly nextOffset: number
  /** The last stable offset: the end of what can be read now. */
  readonly endOffset: number
}

export type LocalAnswer = LocalRecords | (LocalPartition & LocalRefusal)

export interface LocalBounds {
  readonly startOffset: number
  readonly endOffset: number
}

/** Of Fetch: the first that names topics by id. */
const FETCH_VERSION = 13
const NO_EPOCH = -1

export class LocalReading {
  readonly #broker: BrokerServices

  constructor(broker: BrokerServices) {
    this.#broker = broker
  }

  /** -1: there is no such partition. */
  leaderEpochOf(topic: string, partition: number): number {
    return this.#broker.partitions.get(topic, partition)?.leaderEpoch ?? NO_EPOCH
  }

  /** Waits until there is something to give, or an error. @returns one for each, in their order */
  async fetch(request: LocalFetch): Promise<LocalAnswer[]> {
    const { partitions, interrupt } = request
    const own = new Set<ArrayBufferLike>()
    const plan = toPlan(request, own)
    let looks = lookAtAll(plan, this.#broker)
    if (!isReady(plan, looks)) {
      await waitForMore(plan, looks, { broker: this.#broker, connection: interrupt })
      looks = lookAtAll(plan, this.#broker)
      // A broker that stops lets nobody wait: whoever asks again must not keep others from their turn.
      if (!isReady(plan, looks)) await this.#broker.host.timers.yield()
    }
    const answers = await readAll(plan, looks)
    const decoded: LocalAnswer[] = []
    for (const [index, answer] of answers.entries()) {
      const { fromOffset, ...place } = partitions[index]!
      if (answer.errorCode !== ErrorCode.NONE) {
        decoded.push({ ...place, ...refusal(answer.errorCode) })
        continue
      }
      this.#broker.metrics.sent(place.topic, answer.records.length)
      const isOwn = own.has(answer.records.buffer)
      const records = isOwn ? answer.records : Buffer.from(answer.records)
      const read = await decode({ ...answer, records }, fromOffset)
      decoded.push({ kind: 'records', ...place, ...read, endOffset: answer.lastStableOffset })
    }
    return decoded
  }

  /** Undefined when there is no such partition, or it is offline. */
  bounds(topic: string, partition: number): LocalBounds | undefined {
    const log = this.#broker.partitions.get(topic, partition)
    if (log === undefined || log.state === 'offline') return undefined
    return { startOffset: log.logStartOffset, endOffset: log.lastStableOffset }
  }

  /** The first record at or after a moment; the end where there is none that can be read. */
  async offsetAt(topic: string, partition: number, atMs: number): Promise<number | LocalRefusal> {
    const log = this.#broker.partitions.get(topic, partition)
    if (log === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const found = await log.offsetForTimestamp(atMs)
    if (found === 'offline') return refusal(ErrorCode.KAFKA_STORAGE_ERROR)
    return Math.min(found?.offset ?? Number.POSITIVE_INFINITY, log.lastStableOffset)
  }
}

/** @param own gets the memory that nobody else holds */
function toPlan(
  { partitions, maxBytes, partitionMaxBytes, maxWaitMs }: LocalFetch,
  own: Set<ArrayBufferLike>,
): FetchPlan {
  return {
    partitions: partitions.map(({ topic, topicId, partition, fromOffset }) => ({
      ...{ topic, topicId, partition, fetchOffset: fromOffset, partitionMaxBytes },
      ...{ currentLeaderEpoch: NO_EPOCH, lastFetchedEpoch: NO_EPOCH },
    })),
    ...{ upTo: 'lastStableOffset', minBytes: 1, maxBytes, maxWaitMs },
    apiVersion: FETCH_VERSION,
    mayRead: () => true,
    allocate: (bytes) => {
      const buffer = Buffer.allocUnsafeSlow(bytes)
      own.add(buffer.buffer)
      return buffer
    },
  }
}

/** @throws DecodeError | CodecError when a batch is damaged */
async function decode(
  { records: bytes, abortedTransactions, wanted }: PartitionAnswer,
  fromOffset: number,
): Promise<Pick<LocalRecords, 'fromOffset' | 'records' | 'nextOffset'>> {
  const isAborted = abortedFilter(abortedTransactions)
  const records: (LocalRecord & { offset: number })[] = []
  let nextOffset = fromOffset
  for (let at = 0; at < bytes.length; ) {
    const header = readBatchHeader(bytes, at)
    const batch = bytes.subarray(at, at + header.sizeBytes)
    at += header.sizeBytes
    nextOffset = header.lastOffset + 1
    if (isAborted(header, batch) || header.isControlBatch) continue
    if (batchCrc(batch, 0, batch.length) !== header.crc) {
      const where = `${wanted.topic} partition ${wanted.partition}`
      throw new Error(`The batch at offset ${header.baseOffset} of ${where} is damaged.`)
    }
    const isPlain = header.compression === 'none'
    const content = isPlain ? recordBytes(batch) : await recordBytesAsync(batch)
    take(records, { header, content, fromOffset })
  }
  return { fromOffset, records, nextOffset }
}

function take(
  records: (LocalRecord & { offset: number })[],
  { header, content, fromOffset }: { header: BatchHeader; content: Buffer; fromOffset: number },
): void {
  const cursor = new RecordCursor(content, header.recordCount)
  while (cursor.next()) {
    const offset = header.baseOffset + cursor.offsetDelta
    if (offset < fromOffset) continue
    const timestampMs = timestampOf(header, cursor.timestampDelta)
    const { key, value } = cursor
    records.push({ offset, key, value, headers: cursor.headers(), timestampMs })
  }
}
