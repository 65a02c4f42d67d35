// What a running log knows of its producers and their transactions. After a clean stop they are left on
// disk until somebody needs them: the first append, for one.
// Invariant: an ended transaction holds back the last stable offset until its marker is durable.

import type { BatchHeader } from '../batch/header.ts'
import type { FileCache } from './file-cache.ts'
import type { GroupCommit, LogHost } from './group-commit.ts'
import { hydrate } from './hydrate.ts'
import type { LogConfig } from './log-config.ts'
import type { LogOffsets } from './log-offsets.ts'
import type { LogWriter } from './log-writer.ts'
import { type BatchPlace, NO_OPEN_TRANSACTION, type ProducerEntry } from './producer-state.ts'
import { type CompletedTransaction, ProducerTable } from './producer-table.ts'
import type { RecoveredLog } from './recovered-log.ts'
import { isTooManyFiles } from './too-many-files.ts'
import type { Appended } from './waiting-appends.ts'

export interface LogProducersOptions {
  readonly recovered: Pick<RecoveredLog, 'producers' | 'firstOpenOffset'>
  readonly host: LogHost
  readonly commit: Pick<GroupCommit, 'faults'>
  readonly writer: LogWriter
  readonly offsets: LogOffsets
  readonly files: FileCache
  readonly config: () => LogConfig
}

export class LogProducers {
  readonly #options: LogProducersOptions
  #table: ProducerTable | undefined
  #loading: Promise<void> | undefined
  /** Of the first open transaction while the producers are on disk; -1 = none. */
  readonly #notedOpenOffset: number
  /** Whose batches were refused while the table is on disk. */
  readonly #refusedUnread = new ProducerTable()
  /** Ended transactions whose marker is not durable: they still hold back the last stable offset. */
  #undurableEnds: CompletedTransaction[] = []

  constructor(options: LogProducersOptions) {
    const { producers, firstOpenOffset } = options.recovered
    const areForgotten = options.commit.faults.producersForgotten === true
    this.#options = options
    this.#table = areForgotten ? withOpenTransactionsOnly(producers) : producers
    this.#notedOpenOffset = firstOpenOffset
  }

  /** undefined while they are left on disk, see `load`. */
  get table(): ProducerTable | undefined {
    return this.#table
  }

  /**
   * Of the transactions that are open, or would be again if a crash took back what is not durable.
   * -1 = none.
   */
  get firstOpenOffset(): number {
    const offset = this.stableBelow(Number.MAX_SAFE_INTEGER)
    return offset === Number.MAX_SAFE_INTEGER ? -1 : offset
  }

  /** Up to which everything below an offset belongs to no transaction, or to one that has ended. */
  stableBelow(endOffset: number): number {
    const open = this.#table === undefined ? this.#notedOpenOffset : this.#table.firstOpenOffset
    let offset = open === undefined || open < 0 ? endOffset : Math.min(open, endOffset)
    for (const ended of this.#undurableEnds) offset = Math.min(offset, ended.firstOffset)
    return offset
  }

  /**
   * Has the table once it resolves, with all else that the last run left on disk for the first write;
   * or the partition went offline, or no file can be opened just now: then who comes next tries again.
   */
  load(): Promise<void> {
    if (this.#table !== undefined) return Promise.resolve()
    this.#loading ??= this.#hydrate()
    return this.#loading
  }

  /** Resolves when no loading is under way. */
  async idle(): Promise<void> {
    await this.#loading
  }

  /** A batch has its place in the log, though it is not durable. @returns the transaction it ended */
  learn(header: BatchHeader, bytes: Buffer, place: BatchPlace): CompletedTransaction | undefined {
    const completed = this.#table?.learn(header, bytes, place)
    if (completed !== undefined) this.#undurableEnds.push(completed)
    return completed
  }

  /** A batch was refused that may come again: see `ProducerTable.learnRefused`. */
  learnRefused(header: BatchHeader, timestamp: number): void {
    const table = this.#table ?? this.#refusedUnread
    table.learnRefused(header, timestamp)
  }

  /** An append was not kept after all; to be told of the last one first. */
  takeBack({ producerId, producerBefore, completed }: Appended): void {
    if (producerId >= 0) this.#table?.restore(producerId, producerBefore)
    this.#undurableEnds = this.#undurableEnds.filter((ended) => ended !== completed)
  }

  /** Everything below is durable. */
  durable(endOffset: number): void {
    if (this.#undurableEnds.length === 0) return
    this.#undurableEnds = this.#undurableEnds.filter((ended) => ended.lastOffset >= endOffset)
  }

  #hydrate(): Promise<void> {
    const { host, writer, offsets, files, config } = this.#options
    const { logStartOffset, logEndOffset: endOffset } = offsets
    return hydrate(
      { segments: writer.segments, logStartOffset, endOffset },
      { files, timers: host.timers, folder: writer.folder.path, config: config() },
    ).then(
      ({ producers, offlineReason }) => {
        this.#table = producers
        producers.addUnknown(this.#refusedUnread.entries())
        if (offlineReason !== undefined) writer.fail(offlineReason)
      },
      (error) => {
        if (isTooManyFiles(error)) this.#loading = undefined
        else writer.fail(error)
      },
    )
  }
}

/** Planted. */
function withOpenTransactionsOnly(producers: ProducerTable | undefined): ProducerTable | undefined {
  const isOpen = (entry: ProducerEntry) => entry.currentTxnFirstOffset !== NO_OPEN_TRANSACTION
  return producers && new ProducerTable(producers.entries().filter(isOpen))
}
