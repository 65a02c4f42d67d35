// Brings a partition's folder back to a log. A folder that stopped in good order, or was not written
// since the last checkpoint, is taken at its note's word (noted-log.ts). Otherwise what stands in its segments is
// read and checked from the last producer snapshot below the recovery point on, a torn end is cut,
// and the journal's batches are added.
// Invariant: nothing that was acknowledged is cut. Damage with good batches behind it ends the
// recovery: the log is opened offline and its files stay as they are.

import { readBatchHeader, readBatchSize } from '../batch/header.ts'
import type { SegmentNote } from './checkpoint-file.ts'
import { judgeDamage } from './damage.ts'
import { isOutOfDate } from './hydrate.ts'
import type { ReplayEntry } from './journal-content.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { learnBatch, learnSegment } from './learn-segment.ts'
import { learnGone, loadLearningStart } from './learning-start.ts'
import { SWAP_SUFFIX, settleLeftovers } from './leftovers.ts'
import { isCompacted } from './log-config.ts'
import { emptyLog, fromNote, isCovered, isUntouched, logBases } from './noted-log.ts'
import { removeSnapshotsBeyond } from './producer-snapshots.ts'
import { ProducerTable } from './producer-table.ts'
import type { RecoveredLog, RecoveryOptions } from './recovered-log.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { Segment, segmentPath } from './segment.ts'
import { DELETED_SUFFIX } from './segment-removal.ts'

/** Read and written at once. */
const COPY_BYTES = 1024 * 1024

export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const { note, wasCleanStop, replay, files, folder } = options
  if (options.isNew) return emptyLog()
  const mayTrustNote = note !== undefined && replay.length === 0 && isCovered(note)
  if (mayTrustNote && wasCleanStop) return fromNote(note, options)
  // Once: after a crash, thousands of folders are gone through.
  const names = await files.disk.list(folder)
  if (mayTrustNote && (await isUntouched(note, names, options))) return fromNote(note, options)
  return await new Recovery(options, names).run()
}

interface JournaledBatch extends Pick<ReplayEntry, 'baseOffset' | 'bytes' | 'isBehindUnsynced'> {
  readonly lastOffset: number
}

class Recovery {
  readonly #options: RecoveryOptions
  readonly #segments: Segment[] = []
  readonly #swaps = new Map<Segment, Segment[]>()
  /** In the folder when the recovery began. */
  readonly #names: readonly string[]
  /** 0 without a note. */
  readonly #recoveryPoint: number
  /** Of the note's segments. */
  readonly #notedBases: ReadonlySet<number>
  #producers = new ProducerTable()
  #epochs = new LeaderEpochs()
  readonly #logStartOffset: number
  #endOffset = 0
  /** Who wrote only below it is not known; undefined when a snapshot has told. */
  #unknownBelow: number | undefined
  #offlineReason: string | undefined

  constructor(options: RecoveryOptions, names: readonly string[]) {
    this.#options = options
    this.#names = names
    this.#logStartOffset = options.note?.logStartOffset ?? options.leastLogStartOffset ?? 0
    this.#recoveryPoint = options.note?.recoveryPoint ?? 0
    this.#notedBases = new Set(options.note?.segments.map(({ baseOffset }) => baseOffset))
  }

  async run(): Promise<RecoveredLog> {
    const { files, folder } = this.#options
    const names = this.#names
    const swapped = await settleLeftovers(files.disk, folder, names)
    const fromOffset = await this.#loadProducers(swapped)
    await this.#findSegments(fromOffset, swapped)
    for (const segment of [...this.#segments]) {
      if (this.#offlineReason !== undefined) break
      if (segment.endOffset > segment.baseOffset && segment.endOffset <= fromOffset) continue
      if (!this.#segments.includes(segment)) continue
      this.#forgetOutOfDate(this.#endOffset, segment.baseOffset)
      const isDamaged = await this.#learn(segment, fromOffset)
      await this.#leaveOutCovered(segment)
      await this.#fillUpToNext(segment)
      await this.#cutBehindGap(segment, isDamaged)
    }
    if (this.#offlineReason === undefined) {
      this.#learnDeleted()
      await this.#replay()
    }
    const first = this.#segments[0]
    const logStartOffset = Math.max(this.#logStartOffset, first?.baseOffset ?? 0)
    const endOffset = Math.max(this.#endOffset, logStartOffset)
    if (this.#offlineReason === undefined) await this.#settleSnapshots(endOffset)
    return {
      segments: this.#segments,
      folderExists: names.length > 0,
      logStartOffset,
      endOffset,
      epochs: this.#epochs,
      producers: this.#producers,
      firstOpenOffset: this.#producers.firstOpenOffset ?? -1,
      firstDirtyOffset: this.#options.note?.firstDirtyOffset ?? 0,
      swaps: this.#swaps,
      deletedFiles: names
        .filter((name) => name.endsWith(DELETED_SUFFIX))
        .map((name) => `${folder}/${name}`),
      offlineReason: this.#offlineReason,
    }
  }

  /** @returns from which offset on the batches must be read again */
  async #loadProducers(swapped: ReadonlySet<number>): Promise<number> {
    const { files, folder, note } = this.#options
    const firstOffset = this.#firstBase(swapped) ?? this.#logStartOffset
    this.#unknownBelow = firstOffset
    if (note === undefined) return 0
    const search = { from: firstOffset, upTo: this.#recoveryPoint, names: this.#names }
    const snapshot = await loadLearningStart(files.disk, folder, search, (offset) => {
      const noted = note.segments.findLast(({ baseOffset }) => baseOffset < offset)
      return noted === undefined ? undefined : this.#newSegment(noted.baseOffset)
    })
    // Compaction may have taken the batch with which an epoch began: the note knows better.
    this.#epochs = new LeaderEpochs(note.epochs)
    this.#epochs.truncateEnd(snapshot?.offset ?? this.#recoveryPoint)
    if (snapshot === undefined) return 0
    this.#unknownBelow = undefined
    this.#producers = new ProducerTable(snapshot.entries)
    this.#endOffset = snapshot.offset
    return snapshot.offset
  }

  /** Where the first segment begins that counts: a snapshot from before it lacks what was between. */
  #firstBase(swapped: ReadonlySet<number>): number | undefined {
    const bases = logBases(this.#names).filter(
      (base) => swapped.has(base) || !this.#isLeftover(base),
    )
    return [...bases, ...swapped].sort((a, b) => a - b)[0]
  }

  /** The note was durable without it: retention or compaction had removed it, its name came back. */
  #isLeftover(base: number): boolean {
    return base < this.#recoveryPoint && !this.#notedBases.has(base)
  }

  /** Snapshots of what is not there any more go; what only they know of producers is learnt. */
  async #settleSnapshots(endOffset: number): Promise<void> {
    const { disk } = this.#options.files
    const { folder } = this.#options
    const names = this.#names
    if (await removeSnapshotsBeyond(disk, folder, { endOffset, names })) {
      await disk.syncFolder(folder)
    }
    if (this.#unknownBelow === undefined) return
    const gone = { from: this.#unknownBelow, upTo: endOffset, names }
    await learnGone(this.#producers, disk, folder, gone)
  }

  /** Segments below the offset are taken as the note has them. */
  async #findSegments(fromOffset: number, swapped: ReadonlySet<number>): Promise<void> {
    const { files, folder, note } = this.#options
    const names = this.#names
    const known = new Map(note?.segments.map((segment) => [segment.baseOffset, segment]))
    const bases = [...new Set([...logBases(names), ...swapped])].sort((a, b) => a - b)
    for (const [i, base] of bases.entries()) {
      const next = bases[i + 1]
      const noted = known.get(base)
      const segment = this.#newSegment(base)
      if (swapped.has(base)) {
        const path = segment.file.path + SWAP_SUFFIX
        const swap = new Segment(files, folder, base, segment.createdMs, files.file(path))
        this.#swaps.set(swap, [segment])
        counters.swapsCompleted += 1
        this.#segments.push(swap)
        continue
      }
      if (this.#isLeftover(base)) {
        counters.leftoversRemoved += 1
        await segment.removeFiles()
        continue
      }
      const isBelow = next !== undefined && next <= fromOffset
      if (isBelow && noted !== undefined) await this.#take(segment, noted)
      this.#segments.push(segment)
    }
    this.#endOffset = Math.max(this.#endOffset, this.#segments[0]?.baseOffset ?? 0)
    for (const { baseOffset, endOffset } of note?.segments ?? []) {
      const path = segmentPath(folder, baseOffset, 'log')
      // One that was still empty may have had no durable name.
      const isDurable = baseOffset < endOffset && endOffset <= this.#recoveryPoint
      const isExpected = isDurable && !bases.includes(baseOffset)
      const name = baseName(path)
      const wasRemoved = names.some((n) => n.startsWith(name) && n.endsWith(DELETED_SUFFIX))
      if (isExpected && !wasRemoved) this.#goOffline(`segment ${path} is missing`)
    }
  }

  #newSegment(baseOffset: number): Segment {
    const { files, folder, nowMs, note } = this.#options
    const noted = note?.segments.find((segment) => segment.baseOffset === baseOffset)
    const segment = new Segment(files, folder, baseOffset, noted?.createdMs ?? nowMs)
    segment.expectAborted(noted?.abortedCount ?? 0)
    return segment
  }

  async #take(segment: Segment, noted: SegmentNote): Promise<void> {
    const stat = await this.#options.files.disk.stat(segment.file.path)
    segment.restore(noted)
    if (stat !== undefined && stat.size >= noted.sizeBytes) return
    this.#goOffline(`${segment.file.path} has ${stat?.size} bytes, ${noted.sizeBytes} were durable`)
  }

  /**
   * Reads and checks a segment's batches from the offset on, and cuts off what is none.
   * @returns whether there was something to cut off
   */
  async #learn(segment: Segment, fromOffset: number): Promise<boolean> {
    const { timers, config, ignoreCrc } = this.#options
    const fileBytes = await segment.file.use((file) => file.size())
    counters.segmentsScanned += 1
    const scan = await learnSegment(segment, {
      timers,
      config,
      fromOffset,
      producers: this.#producers,
      epochs: this.#epochs,
      fileBytes,
      durableBelow: this.#recoveryPoint,
      checkCrc: ignoreCrc !== true,
      // The index files beside a `.swap` log are those of the log that it replaces.
      useIndexes: !this.#swaps.has(segment),
    })
    this.#endOffset = Math.max(this.#endOffset, scan.endOffset)
    segment.hasDurableName = segment.baseOffset < this.#recoveryPoint || this.#swaps.has(segment)
    if (this.#swaps.has(segment)) segment.trustSynced()
    if (scan.isDamaged) await this.#judge(segment, fileBytes)
    if (this.#offlineReason === undefined) await this.#writeAgain(segment)
    return scan.isDamaged
  }

  /**
   * What may not have been synced is written once more, so that the sync that follows has something
   * to do: after a sync that failed the system holds its pages for clean, and shows what the disk
   * does not have.
   */
  async #writeAgain(segment: Segment): Promise<void> {
    for (let position = segment.syncedBytes; position < segment.sizeBytes; ) {
      const bytes = await segment.read(position, Math.min(COPY_BYTES, segment.sizeBytes - position))
      const at = position
      await segment.file.use((file) => file.write([bytes], at))
      position += bytes.length
    }
  }

  async #judge(segment: Segment, fileBytes: number): Promise<void> {
    const { kind, position } = await judgeDamage(segment, {
      timers: this.#options.timers,
      position: segment.sizeBytes,
      offset: this.#endOffset,
      endPosition: fileBytes,
    })
    // What follows may begin right here: then nothing is missing, and the end is what a write left
    // that had no space.
    const next = this.#segments[this.#segments.indexOf(segment) + 1]
    const isContinued = next === undefined || next.baseOffset === this.#endOffset
    const wasDurable = this.#endOffset < this.#recoveryPoint
    // A `.swap` log was synced before it got its name: no end of it can be torn.
    const isSwap = this.#swaps.has(segment)
    if (kind === 'corruption' || isSwap || (wasDurable && (kind === 'lost-page' || !isContinued))) {
      counters.corruptionsFound += 1
      this.#goOffline(
        `damaged at offset ${this.#endOffset} (${segment.file.path}, byte ${position}) with good data behind it`,
      )
      return
    }
    if (kind === 'torn-tail') counters.tornTailsCut += 1
    else counters.lostPagesCut += 1
    await segment.file.use((file) => file.truncate(segment.sizeBytes))
  }

  /** What a compacted segment has taken in: a crash came before the old files were gone. */
  async #leaveOutCovered(segment: Segment): Promise<void> {
    if (this.#offlineReason !== undefined) return
    const at = this.#segments.indexOf(segment)
    const behind = this.#segments.findIndex((other, i) => i > at && !covers(segment, other))
    const count = (behind < 0 ? this.#segments.length : behind) - at - 1
    const covered = this.#segments.splice(at + 1, count)
    const replaced = this.#swaps.get(segment)
    for (const old of covered) {
      counters.leftoversRemoved += 1
      await old.file.close()
      if (replaced === undefined) await old.removeFiles()
      else replaced.push(old)
    }
  }

  /**
   * The next segment reached the disk, the end of this one did not: a file is no barrier for another.
   * The next one may have been synced directly, so what this one lacks was acknowledged by the
   * journal, or nothing that follows was acknowledged at all.
   */
  async #fillUpToNext(segment: Segment): Promise<void> {
    const next = this.#segments[this.#segments.indexOf(segment) + 1]
    if (next === undefined || this.#offlineReason !== undefined) return
    for (const batch of this.#journaled()) {
      if (this.#endOffset >= next.baseOffset) return
      // Below the recovery point nothing was lost, only compacted.
      if (batch.baseOffset < this.#recoveryPoint) continue
      if (batch.baseOffset === this.#endOffset) await this.#write(batch, segment)
    }
  }

  async #cutBehindGap(segment: Segment, isDamaged: boolean): Promise<void> {
    const later = this.#segments.slice(this.#segments.indexOf(segment) + 1)
    const next = later[0]
    if (next === undefined || this.#endOffset >= next.baseOffset) return
    if (this.#offlineReason !== undefined) return
    if (!isDamaged && !this.#isLost({ from: this.#endOffset, to: next.baseOffset })) return
    counters.gapsCut += 1
    for (const gone of later) await this.#remove(gone)
  }

  /** Whether offsets are missing that compaction did not take: it takes durable ones only. */
  #isLost({ from, to }: { from: number; to: number }): boolean {
    const { note, config, hasCheckpoint } = this.#options
    if (note !== undefined) return to > this.#recoveryPoint
    if (hasCheckpoint && !isCompacted(config)) return true
    for (const { baseOffset } of this.#journaled()) {
      if (baseOffset >= from && baseOffset < to) return true
    }
    return false
  }

  #goOffline(reason: string): void {
    this.#offlineReason ??= reason
  }

  async #remove(segment: Segment): Promise<void> {
    this.#segments.splice(this.#segments.indexOf(segment), 1)
    await segment.file.close()
    await segment.removeFiles()
  }

  /** What the journal says of records that are deleted, and in no file: their producers' state counts. */
  #learnDeleted(): void {
    let learntTo = this.#endOffset
    for (const { baseOffset, lastOffset, bytes } of this.#journaled()) {
      if (baseOffset !== learntTo) continue
      if (lastOffset >= this.#logStartOffset) return // that one is written, and learnt then
      const header = readBatchHeader(bytes, 0)
      this.#producers.learn(header, bytes, { baseOffset, timestamp: header.maxTimestamp })
      learntTo = lastOffset + 1
    }
    this.#forgetOutOfDate(learntTo, this.#logStartOffset)
  }

  #forgetOutOfDate(learntTo: number, nextOffset: number): void {
    const log = { logStartOffset: this.#logStartOffset }
    if (!isOutOfDate(learntTo, nextOffset, log)) return
    this.#producers = new ProducerTable()
    this.#unknownBelow = nextOffset
  }

  /** The batches that the journal holds of this log, in order. */
  *#journaled(): Generator<JournaledBatch> {
    for (const { bytes, isBehindUnsynced } of this.#options.replay) {
      for (let at = 0; at < bytes.length; at += readBatchSize(bytes, at)) {
        const batch = bytes.subarray(at, at + readBatchSize(bytes, at))
        const { baseOffset, lastOffset } = readBatchHeader(batch, 0)
        yield { baseOffset, lastOffset, bytes: batch, isBehindUnsynced }
      }
    }
  }

  /** Adds what the journal holds beyond the end of the files. */
  async #replay(): Promise<void> {
    for (const batch of this.#journaled()) {
      const { baseOffset, lastOffset } = batch
      // The log may begin in the middle of a batch: records deleted by a client (KIP-107).
      if (baseOffset < this.#endOffset || lastOffset < this.#logStartOffset) {
        counters.journalBatchesSkipped += 1
        continue
      }
      if (baseOffset > this.#endOffset && this.#endOffset > this.#logStartOffset) {
        counters.journalGaps += 1
        if (batch.isBehindUnsynced) return
        this.#goOffline(`offsets ${this.#endOffset} to ${baseOffset - 1} are missing`)
        return
      }
      await this.#write(batch, await this.#segmentFor(batch))
    }
  }

  async #segmentFor(batch: { baseOffset: number; bytes: Buffer }): Promise<Segment> {
    const { files, folder, config, nowMs } = this.#options
    const { baseOffset, bytes } = batch
    const active = this.#segments.at(-1)
    const isFull = active !== undefined && active.sizeBytes + bytes.length > config.segmentBytes
    if (active !== undefined && baseOffset === this.#endOffset && !isFull) return active
    if (active !== undefined && active.sizeBytes === 0) await this.#remove(active)
    const next = new Segment(files, folder, baseOffset, nowMs)
    await this.#options.useReserve(async () => {
      await files.disk.makeFolder(folder)
      await next.create()
    })
    this.#segments.push(next)
    return next
  }

  /** Puts a batch of the journal at the end of a segment. */
  async #write({ bytes }: { bytes: Buffer }, segment: Segment): Promise<void> {
    const { config } = this.#options
    const position = segment.sizeBytes
    const { useReserve } = this.#options
    await useReserve(() => segment.file.use((file) => file.write([bytes], position)))
    const header = readBatchHeader(bytes, 0)
    const learn = { config, producers: this.#producers, epochs: this.#epochs }
    learnBatch(segment, { header, bytes, position }, learn)
    this.#endOffset = header.lastOffset + 1
    counters.journalBatchesReplayed += 1
  }
}

function covers({ endOffset }: Segment, other: Segment): boolean {
  return other.baseOffset < endOffset
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
