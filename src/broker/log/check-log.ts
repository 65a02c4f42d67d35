// Checks the folder of a partition that nobody has open, and changes nothing: every batch with its
// checksum and the records that it says it has, offsets that rise, and whatever stands beside the log
// against it. Goes on behind damage, so that it can be said how much is good there.
// Bounded: one window of bytes, one decompressed batch, and the sparse indexes stand in memory.

import type { Timers } from '../../host/clock.ts'
import { CodecError } from '../../host/codec-block.ts'
import type { Disk } from '../../host/disk.ts'
import { readBaseOffset, readBatchHeader, readBatchSize } from '../batch/header.ts'
import { MAX_DECOMPRESSED_BYTES, recordBytes, walkRecords } from '../batch/records.ts'
import { DecodeError } from '../bytes/reader.ts'
import { IndexCheck } from './check-indexes.ts'
import type { LogNote } from './checkpoint-file.ts'
import { judgeDamage } from './damage.ts'
import { FileCache } from './file-cache.ts'
import type { ReplayEntry } from './journal-content.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { decodeSnapshot } from './producer-snapshot.ts'
import { ProducerTable } from './producer-table.ts'
import { type ScannedBatch, scanSegment } from './scan.ts'
import { baseOffsetOf, Segment, segmentPath } from './segment.ts'
import { DELETED_SUFFIX } from './segment-removal.ts'
import type { AbortedTransaction } from './transaction-index.ts'

export type FindingKind =
  /** What was durable is damaged or missing: the partition cannot be served beyond it. */
  | 'damage'
  /** A write that a crash cut short. The next start cuts it off; nothing of it was acknowledged. */
  | 'torn-end'
  /** A file that only hastens is wrong; the log knows the same. */
  | 'helper'

export interface LogFinding {
  readonly kind: FindingKind
  /** Below the data folder. */
  readonly file: string
  /** A byte of the file; null where the whole file is meant. */
  readonly position: number | null
  /** The offset that should stand there; null where that says nothing. */
  readonly offset: number | null
  readonly what: string
}

export interface LogCheck {
  readonly folder: string
  readonly segments: number
  /** Good ones, those behind damage and in the journal included. */
  readonly batches: number
  readonly records: number
  /** Of the log files. */
  readonly bytes: number
  readonly logStartOffset: number
  /** Exclusive, of what is good before the first damage. */
  readonly endOffset: number
  readonly findings: readonly LogFinding[]
}

export interface LogCheckOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly folder: string
  /** What the checkpoint says of it. */
  readonly note: LogNote | undefined
  /** What the journal holds of it. */
  readonly journal: readonly ReplayEntry[]
  /** Told of every good batch, in order. `segment` is undefined for those in the journal only. */
  readonly onBatch?: (batch: Omit<ScannedBatch, 'bytes'>, segment: Segment | undefined) => void
}

export async function checkLog(options: LogCheckOptions): Promise<LogCheck> {
  return await new LogChecker(options).run()
}

class LogChecker {
  readonly #options: LogCheckOptions
  readonly #files: FileCache
  readonly #findings: LogFinding[] = []
  readonly #producers = new ProducerTable()
  /** Set while no damage was met: what is learnt from batches is complete. */
  #isWhole = true
  #batches = 0
  #records = 0
  #bytes = 0
  #endOffset = 0
  /** Of good batches, also behind damage. */
  #nextOffset = 0

  constructor(options: LogCheckOptions) {
    this.#options = options
    this.#files = new FileCache({ disk: options.disk, maxOpenFiles: 4 })
  }

  async run(): Promise<LogCheck> {
    const { disk, folder, note } = this.#options
    const names = await disk.list(folder)
    const bases = names
      .map((name) => baseOffsetOf(name, 'log'))
      .filter((base) => base !== undefined)
      .sort((a, b) => a - b)
    const logStartOffset = Math.max(note?.logStartOffset ?? 0, bases[0] ?? 0)
    this.#reach(bases[0] ?? logStartOffset)
    for (const [i, base] of bases.entries()) {
      this.#checkMissing(names, bases, base)
      await this.#checkSegment(base, bases[i + 1])
    }
    this.#checkMissing(names, bases, Number.MAX_SAFE_INTEGER)
    this.#checkEnd(bases)
    this.#checkJournal()
    await this.#checkHelpers(names)
    return {
      folder,
      segments: bases.length,
      batches: this.#batches,
      records: this.#records,
      bytes: this.#bytes,
      logStartOffset,
      endOffset: Math.max(this.#endOffset, logStartOffset),
      findings: this.#findings,
    }
  }

  async #checkSegment(base: number, next: number | undefined): Promise<void> {
    const { disk, timers, folder } = this.#options
    const segment = new Segment(this.#files, folder, base, 0)
    const fileBytes = await segment.file.use((file) => file.size())
    segment.sizeBytes = fileBytes
    this.#bytes += fileBytes
    if (this.#nextOffset > base) {
      this.#damage(segment, 0, `begins at ${base}, offsets below ${this.#nextOffset} came before`)
    }
    this.#reach(base)
    const indexes = await IndexCheck.open(disk, folder, base)
    const aborted: AbortedTransaction[] = []
    const findingsBefore = this.#findings.length
    for (let position = 0; position < fileBytes; ) {
      const scan = await scanSegment(segment, {
        timers,
        fromPosition: position,
        fromOffset: this.#nextOffset,
        endPosition: fileBytes,
        onBatch: (batch) => {
          const fault = this.#faultOf(batch, next)
          if (fault !== undefined) this.#damage(segment, batch.position, fault)
          indexes.batch(batch.header, batch.position)
          this.#learn(batch, aborted)
          this.#count(batch, segment)
        },
      })
      position = scan.endPosition
      if (scan.isDamaged) position = await this.#judge(segment, position, next === undefined)
    }
    await segment.file.close()
    if (this.#findings.length > findingsBefore || !this.#isWhole) return
    indexes.end()
    for (const fault of indexes.faults) this.#add({ kind: 'helper', offset: null, ...fault })
    await this.#checkAborted(segment, aborted)
  }

  /** @returns where good batches go on, or the end of the file */
  async #judge(segment: Segment, position: number, isLast: boolean): Promise<number> {
    const { timers, note } = this.#options
    const offset = this.#nextOffset
    const endPosition = segment.sizeBytes
    const damage = await judgeDamage(segment, { timers, position, offset, endPosition })
    const wasDurable = offset < (note?.recoveryPoint ?? 0)
    if (damage.kind === 'corruption' || wasDurable || !isLast) {
      const isEnd = damage.nextGoodPosition < 0
      const behind = isEnd ? '' : `, good batches go on at byte ${damage.nextGoodPosition}`
      this.#damage(segment, position, `no good batch${behind}`)
      return isEnd ? endPosition : damage.nextGoodPosition
    }
    const what = `${endPosition - position} bytes of a write that a crash cut short`
    this.#add({ kind: 'torn-end', file: segment.file.path, position, offset, what })
    return endPosition
  }

  /** What its checksum does not vouch for; undefined when nothing is wrong. */
  #faultOf({ header, bytes }: ScannedBatch, next: number | undefined): string | undefined {
    if (next !== undefined && header.lastOffset >= next) {
      return `reaches offset ${header.lastOffset}, the next segment begins at ${next}`
    }
    try {
      const records = recordBytes(bytes, MAX_DECOMPRESSED_BYTES)
      return walkRecords(records, 0, records.length, header.recordCount)
    } catch (error) {
      if (error instanceof DecodeError || error instanceof CodecError) return error.message
      throw error
    }
  }

  #learn({ header, bytes }: ScannedBatch, aborted: AbortedTransaction[]): void {
    if (!this.#isWhole) return
    const { baseOffset, maxTimestamp: timestamp } = header
    const ended = this.#producers.learn(header, bytes, { baseOffset, timestamp })
    if (ended?.isAbort === true) aborted.push(ended)
  }

  #count(batch: ScannedBatch, segment: Segment | undefined): void {
    const { header, position } = batch
    this.#batches += 1
    this.#records += header.recordCount
    this.#reach(header.lastOffset + 1)
    this.#options.onBatch?.({ header, position }, segment)
  }

  #reach(offset: number): void {
    this.#nextOffset = Math.max(this.#nextOffset, offset)
    if (this.#isWhole) this.#endOffset = this.#nextOffset
  }

  /** Transactions that began before the log does are known to the file alone. */
  async #checkAborted(segment: Segment, expected: readonly AbortedTransaction[]): Promise<void> {
    const { disk, folder } = this.#options
    const path = segmentPath(folder, segment.baseOffset, 'txnindex')
    const isThere = (await disk.stat(path)) !== undefined
    const found = await segment.readTransactionIndex()
    const known = new Set(found?.map(({ producerId, lastOffset }) => `${producerId} ${lastOffset}`))
    const missing = expected.find(
      ({ producerId, lastOffset }) => !known.has(`${producerId} ${lastOffset}`),
    )
    // One that is written yet gets its file when it is closed.
    if (!isThere || (found !== undefined && missing === undefined)) return
    const what =
      missing === undefined
        ? 'is no index of aborted transactions'
        : `lacks the abort of producer ${missing.producerId} at offset ${missing.lastOffset}`
    this.#add({
      kind: 'helper',
      file: path,
      position: null,
      offset: missing?.firstOffset ?? null,
      what,
    })
  }

  /** Segments below an offset that the checkpoint knows to be durable. */
  #checkMissing(names: readonly string[], bases: readonly number[], below: number): void {
    const { folder, note } = this.#options
    for (const { baseOffset, endOffset } of note?.segments ?? []) {
      const file = segmentPath(folder, baseOffset, 'log')
      const name = file.slice(file.lastIndexOf('/') + 1)
      const wasDurable = baseOffset < endOffset && endOffset <= note!.recoveryPoint
      const isThere = bases.includes(baseOffset) || names.includes(name + DELETED_SUFFIX)
      const isReported = this.#findings.some((finding) => finding.file === file)
      if (!wasDurable || isThere || isReported || baseOffset >= below) continue
      this.#missing(file, baseOffset, `is missing, with offsets ${baseOffset} to ${endOffset - 1}`)
    }
  }

  #checkEnd(bases: readonly number[]): void {
    const { folder, note } = this.#options
    const recoveryPoint = note?.recoveryPoint ?? 0
    if (!this.#isWhole || this.#endOffset >= recoveryPoint) return
    const file = segmentPath(folder, bases.at(-1) ?? note?.logStartOffset ?? 0, 'log')
    this.#missing(file, this.#endOffset, `ends there, offsets below ${recoveryPoint} were durable`)
  }

  /** What a start would add from the journal. */
  #checkJournal(): void {
    for (const { bytes } of this.#options.journal) {
      for (let at = 0; at < bytes.length; at += readBatchSize(bytes, at)) {
        const baseOffset = readBaseOffset(bytes, at)
        if (baseOffset < this.#nextOffset) continue
        if (baseOffset > this.#nextOffset && this.#batches > 0 && this.#isWhole) {
          const what = `goes on at offset ${baseOffset}: those before are missing`
          this.#missing('journal', this.#nextOffset, what)
        }
        const header = readBatchHeader(bytes, at)
        this.#count({ header, position: at, bytes }, undefined)
      }
    }
  }

  async #checkHelpers(names: readonly string[]): Promise<void> {
    const { disk, folder } = this.#options
    for (const name of names) {
      const offset = baseOffsetOf(name, 'snapshot')
      const file = `${folder}/${name}`
      const content = await (offset === undefined ? undefined : disk.readFile(file))
      if (content === undefined || offset === undefined) continue
      if (decodeSnapshot(content) === undefined) {
        this.#helper(file, offset, 'does not match its checksum')
      } else if (this.#isWhole && offset > this.#endOffset) {
        this.#helper(file, offset, `speaks of offsets that the log does not reach`)
      }
    }
    const epochs = `${folder}/leader-epoch-checkpoint`
    const content = await disk.readFile(epochs)
    if (content !== undefined && LeaderEpochs.decode(content.toString()) === undefined) {
      this.#helper(epochs, null, 'is no list of leader epochs')
    }
  }

  #damage(segment: Segment, position: number, what: string): void {
    const file = segment.file.path
    this.#add({ kind: 'damage', file, position, offset: this.#nextOffset, what })
    this.#isWhole = false
  }

  #missing(file: string, offset: number, what: string): void {
    this.#add({ kind: 'damage', file, position: null, offset, what })
    this.#isWhole = false
  }

  #helper(file: string, offset: number | null, what: string): void {
    this.#add({ kind: 'helper', file, position: null, offset, what })
  }

  #add(finding: LogFinding): void {
    this.#findings.push(finding)
  }
}
