// Brings a partition's folder back to a log: what stands in its segments is read and checked from the
// recovery point on, a torn end is cut, the journal's batches are added, and on the way producers,
// transactions, epochs and indexes are learned anew.
// Invariant: nothing that was acknowledged is cut. Damage with good batches behind it ends the
// recovery: the log is opened offline and its files stay as they are.

import type { Timers } from '../../host/clock.ts'
import { readControlMarker } from '../batch/control-marker.ts'
import {
  type BatchHeader,
  readBaseOffset,
  readBatchHeader,
  readBatchSize,
} from '../batch/header.ts'
import { judgeDamage } from './damage.ts'
import type { FileCache } from './file-cache.ts'
import type { ReplayEntry } from './journal.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { ProducerTable } from './producer-table.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { scanSegment } from './scan.ts'
import { baseOffsetOf, emptyIndexes, Segment } from './segment.ts'
import type { AbortedTransaction } from './transaction-index.ts'

export interface RecoveryOptions {
  readonly files: FileCache
  readonly timers: Timers
  readonly nowMs: number
  readonly folder: string
  readonly config: LogConfig
  /** Of batches; from the last checkpoint, else 0. */
  readonly logStartOffset: number
  readonly replay: readonly ReplayEntry[]
  /** Only a planted fault turns this on. */
  readonly ignoreCrc?: boolean
}

export interface RecoveredLog {
  readonly segments: Segment[]
  readonly folderExists: boolean
  readonly logStartOffset: number
  readonly endOffset: number
  readonly producers: ProducerTable
  readonly epochs: LeaderEpochs
  /** Set when the log must stay offline. */
  readonly offlineReason: string | undefined
}

export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const recovery = new Recovery(options)
  return await recovery.run()
}

class Recovery {
  readonly #options: RecoveryOptions
  readonly #segments: Segment[] = []
  readonly #producers = new ProducerTable()
  readonly #epochs = new LeaderEpochs()
  #logStartOffset: number
  #endOffset = 0
  #offlineReason: string | undefined

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#logStartOffset = options.logStartOffset
  }

  async run(): Promise<RecoveredLog> {
    const { files, folder, replay } = this.#options
    const names = await files.disk.list(folder)
    await this.#findSegments(names)
    for (const segment of this.#segments) {
      if (this.#offlineReason !== undefined) break
      await this.#scan(segment)
    }
    if (this.#offlineReason === undefined && replay.length > 0) await this.#replay(replay)
    const first = this.#segments[0]
    return {
      segments: this.#segments,
      folderExists: names.length > 0,
      logStartOffset: Math.max(this.#logStartOffset, first?.baseOffset ?? 0),
      endOffset: Math.max(this.#endOffset, this.#logStartOffset),
      producers: this.#producers,
      epochs: this.#epochs,
      offlineReason: this.#offlineReason,
    }
  }

  async #findSegments(names: readonly string[]): Promise<void> {
    const { files, folder, nowMs } = this.#options
    const bases = names
      .map((name) => baseOffsetOf(name, 'log'))
      .filter((base) => base !== undefined)
      .sort((a, b) => a - b)
    for (const base of bases) {
      const segment = new Segment(files, folder, base, nowMs)
      segment.useIndexes(emptyIndexes())
      this.#segments.push(segment)
    }
    this.#endOffset = bases[0] ?? 0
  }

  async #scan(segment: Segment): Promise<void> {
    const { timers, config, ignoreCrc } = this.#options
    const fileBytes = await segment.file.use((file) => file.size())
    counters.segmentsScanned += 1
    const scan = await scanSegment(segment, {
      timers,
      fromPosition: 0,
      fromOffset: Math.max(segment.baseOffset, this.#endOffset),
      endPosition: fileBytes,
      checkCrc: ignoreCrc !== true,
      onBatch: ({ header, bytes }) => this.#accept(segment, header, bytes, config),
    })
    this.#endOffset = Math.max(this.#endOffset, scan.endOffset)
    if (scan.isDamaged) await this.#judge(segment, fileBytes)
  }

  async #judge(segment: Segment, fileBytes: number): Promise<void> {
    const { timers } = this.#options
    const { kind, position } = await judgeDamage(segment, {
      timers,
      position: segment.sizeBytes,
      offset: this.#endOffset,
      endPosition: fileBytes,
    })
    const later = this.#segments.slice(this.#segments.indexOf(segment) + 1)
    const hasLaterData = await this.#anyData(later)
    if (kind === 'corruption' || (kind === 'torn-tail' && hasLaterData)) {
      counters.corruptionsFound += 1
      this.#offlineReason = `damaged at offset ${this.#endOffset} (${segment.file.path}, byte ${position}) with good data behind it`
      return
    }
    if (kind === 'torn-tail') counters.tornTailsCut += 1
    else counters.lostPagesCut += 1
    await segment.file.use((file) => file.truncate(segment.sizeBytes))
    for (const gone of later) await this.#remove(gone)
  }

  async #anyData(segments: readonly Segment[]): Promise<boolean> {
    for (const segment of segments) {
      if ((await segment.file.use((file) => file.size())) > 0) return true
    }
    return false
  }

  async #remove(segment: Segment): Promise<void> {
    this.#segments.splice(this.#segments.indexOf(segment), 1)
    await segment.file.close()
    await segment.removeFiles()
  }

  /** A batch stands in the segment: learns what it says. */
  #accept(segment: Segment, header: BatchHeader, bytes: Buffer, config: LogConfig): void {
    this.#epochs.note(header.partitionLeaderEpoch, header.baseOffset)
    segment.note({
      lastOffset: header.lastOffset,
      maxTimestamp: header.maxTimestamp,
      sizeBytes: header.sizeBytes,
      indexIntervalBytes: config.indexIntervalBytes,
      abortedTransaction: learnProducer(this.#producers, header, bytes),
    })
  }

  /** Adds what the journal holds beyond the end of the files. */
  async #replay(entries: readonly ReplayEntry[]): Promise<void> {
    for (const entry of entries) {
      for (let at = 0; at < entry.bytes.length; ) {
        const size = readBatchSize(entry.bytes, at)
        const batch = entry.bytes.subarray(at, at + size)
        const baseOffset = readBaseOffset(batch, 0)
        at += size
        if (baseOffset < this.#endOffset || baseOffset < this.#logStartOffset) {
          counters.journalBatchesSkipped += 1
          continue
        }
        if (baseOffset > this.#endOffset && this.#endOffset > this.#logStartOffset) {
          counters.journalGaps += 1
          this.#offlineReason = `offsets ${this.#endOffset} to ${baseOffset - 1} are missing`
          return
        }
        await this.#append(batch, baseOffset)
      }
    }
  }

  async #append(batch: Buffer, baseOffset: number): Promise<void> {
    const { files, folder, config, nowMs } = this.#options
    let active = this.#segments.at(-1)
    const isFull = active !== undefined && active.sizeBytes + batch.length > config.segmentBytes
    if (active === undefined || baseOffset > this.#endOffset || isFull) {
      if (active !== undefined && active.sizeBytes === 0) await this.#remove(active)
      active = new Segment(files, folder, baseOffset, nowMs)
      await files.disk.makeFolder(folder)
      await active.create()
      this.#segments.push(active)
    }
    const position = active.sizeBytes
    await active.file.use((file) => file.write([batch], position))
    const header = readBatchHeader(batch, 0)
    this.#accept(active, header, batch, config)
    this.#endOffset = header.lastOffset + 1
    counters.journalBatchesReplayed += 1
  }
}

/**
 * What a batch that stands in the log does to the producers: the one place for appends, recovery and
 * replay. @returns the transaction that it aborts
 */
export function learnProducer(
  producers: ProducerTable,
  header: BatchHeader,
  bytes: Buffer,
): AbortedTransaction | undefined {
  if (header.producerId < 0) return undefined
  if (!header.isControlBatch) {
    const { baseOffset, maxTimestamp } = header
    producers.applyBatch(header, { baseOffset, timestamp: maxTimestamp })
    return undefined
  }
  const { kind, coordinatorEpoch } = readControlMarker(bytes)
  if (kind === 'other') return undefined
  const completed = producers.applyMarker({
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    coordinatorEpoch,
    isAbort: kind === 'abort',
    offset: header.baseOffset,
    timestamp: header.maxTimestamp,
  })
  return completed?.isAbort === true ? completed : undefined
}
