// One partition of a topic that a coordinator keeps its state in: read back at start, then appended
// to. While it loads nobody is served; a log that cannot be read, or records that cannot be
// understood, leave it unserved rather than guessed at.
// Invariant: appends settle in the order in which they were made, whatever the disk does.

import type { Host } from '../../host/host.ts'
import { buildBatch } from '../batch/builder.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { describeError, type JsonLog } from './json-log.ts'

/** Read at once while loading; between two reads others have their turn. */
const LOAD_BYTES = 1_048_576

export interface CoordinatorLogNeeds {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly log: JsonLog
}

export interface EncodedRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

/** Records that count only once their producer's transaction is committed. */
export interface StagedBy {
  readonly producerId: number
  readonly producerEpoch: number
  /** Asked when the batch is judged: does it belong to an open transaction? */
  readonly transactionCheck: () => ErrorCode
}

export class CoordinatorLog {
  readonly #partition: PartitionLog
  readonly #needs: CoordinatorLogNeeds
  #state: 'loading' | 'ready' | 'failed' | 'closed' = 'loading'
  #lastAppend: Promise<unknown> = Promise.resolve()

  constructor(partition: PartitionLog, needs: CoordinatorLogNeeds) {
    this.#partition = partition
    this.#needs = needs
  }

  /** NONE when what it keeps is served. */
  get errorCode(): ErrorCode {
    if (this.#state === 'loading') return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    if (this.#state === 'ready') return ErrorCode.NONE
    return ErrorCode.COORDINATOR_NOT_AVAILABLE
  }

  get leaderEpoch(): number {
    return this.#partition.leaderEpoch
  }

  /**
   * Reads it all. Never rejects: what goes wrong is logged and leaves the partition unserved.
   * @param replay takes whole batches, returns the offset to read on from
   * @returns whether it is served from now on
   */
  async load(replay: (batches: Buffer) => number): Promise<boolean> {
    const { topic, partition } = this.#partition
    try {
      await this.#read(replay)
    } catch (error) {
      this.#state = 'failed'
      const fields = { topic, partition, error: describeError(error) }
      this.#needs.log.error('coordinator-not-loaded', fields)
      return false
    }
    if (this.#state === 'closed') return false
    this.#state = 'ready'
    return true
  }

  /** @returns NONE once the records are durable, or why they were not written */
  append(records: readonly EncodedRecord[], stagedBy?: StagedBy): Promise<ErrorCode> {
    const timestamp = this.#needs.host.clock.nowMs()
    const batch = buildBatch({
      records: records.map((record) => ({ ...record, timestamp })),
      ...(stagedBy && {
        producerId: stagedBy.producerId,
        producerEpoch: stagedBy.producerEpoch,
        isTransactional: true,
      }),
    })
    return this.#append(batch, stagedBy?.transactionCheck)
  }

  /** The end of a transaction, behind everything that was staged by it. */
  appendMarker(marker: Buffer): Promise<ErrorCode> {
    return this.#append(marker)
  }

  /** Waits for what is under way, so that the log can be closed. */
  async close(): Promise<void> {
    this.#state = 'closed'
    await this.#lastAppend
  }

  async #read(replay: (batches: Buffer) => number): Promise<void> {
    const log = this.#partition
    let fromOffset = log.logStartOffset
    while (fromOffset < log.highWatermark && this.#state !== 'closed') {
      const outcome = await log.read({
        fromOffset,
        maxBytes: LOAD_BYTES,
        upTo: 'highWatermark',
        atLeastOneBatch: true,
      })
      if (outcome.kind !== 'records') throw new Error(`read at ${fromOffset}: ${outcome.kind}`)
      if (outcome.bytes.length === 0) break
      fromOffset = replay(outcome.bytes)
      await this.#needs.host.timers.yield()
    }
  }

  #append(batch: Buffer, transactionCheck?: () => ErrorCode): Promise<ErrorCode> {
    const settled = this.#inTurn(this.#appendBatch(batch, transactionCheck), this.#lastAppend)
    this.#lastAppend = settled
    return settled
  }

  async #inTurn(appended: Promise<ErrorCode>, before: Promise<unknown>): Promise<ErrorCode> {
    const errorCode = await appended
    await before
    return errorCode
  }

  async #appendBatch(
    batch: Buffer,
    transactionCheck: (() => ErrorCode) | undefined,
  ): Promise<ErrorCode> {
    try {
      const request = { acks: -1, origin: 'coordinator', transactionCheck } as const
      const outcome = await this.#partition.append(batch, request)
      return outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE
    } catch (error) {
      const { topic, partition } = this.#partition
      const fields = { topic, partition, error: describeError(error) }
      this.#needs.log.error('coordinator-append-failed', fields)
      return ErrorCode.KAFKA_STORAGE_ERROR
    }
  }
}
