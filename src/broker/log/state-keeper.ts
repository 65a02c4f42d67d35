// What a partition writes beside its batches, so that the next start has less to read: producer
// snapshots, index files, the epoch file and its note for the checkpoint. All of it can be lost, but for
// one snapshot once segments were removed: the producers that wrote there stand nowhere else.
// Invariants: a snapshot is written only once everything it speaks of is durable; else a crash could
// leave it speaking of batches that never were. What lies before the first segment is in a snapshot
// that is synced, and not removed before there is another.

import type { Disk } from '../../host/disk.ts'
import { encodeNote, type LogNote } from './checkpoint-file.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogWriter } from './log-writer.ts'
import {
  type LoadedSnapshot,
  oldSnapshots,
  removeSnapshots,
  secureNewestSnapshot,
  writeSnapshot,
} from './producer-snapshots.ts'
import type { ProducerTable } from './producer-table.ts'

const EPOCH_FILE = 'leader-epoch-checkpoint'
/** So much appended since the last snapshot makes reading it again worth saving. */
const SNAPSHOT_AFTER_BYTES = 4 * 1024 * 1024
/** Reading a log up to this size again costs less than the files that would save it. */
const REREAD_BYTES = 16 * 1024

export interface KeptState {
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly firstOpenOffset: number
  readonly firstDirtyOffset: number
  readonly epochs: LeaderEpochs
  /** undefined while they are left on disk. */
  readonly producers: ProducerTable | undefined
}

export class StateKeeper {
  readonly #disk: Disk
  readonly #writer: LogWriter
  readonly #state: () => KeptState
  #snapshotOffset = -1
  #captured: LoadedSnapshot | undefined
  /** Of the newest snapshot that this run has made sure of. */
  #securedOffset = -1
  /** Writing, securing and removing of snapshots, one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve()
  #bytesAtSnapshot = 0
  #epochsWritten: string | undefined
  #line = ''
  #lineStamp = ''

  constructor(disk: Disk, writer: LogWriter, state: () => KeptState) {
    this.#disk = disk
    this.#writer = writer
    this.#state = state
  }

  /** This partition's line in the checkpoint file. */
  noteLine(): string {
    const { recoveryPoint, writtenEndOffset, segments, topicId, partition } = this.#writer
    const { logStartOffset, firstOpenOffset, firstDirtyOffset, epochs } = this.#state()
    const sizes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
    const marks = [recoveryPoint, writtenEndOffset, segments.length, sizes, logStartOffset]
    const compacted = [this.#writer.replaceCount, firstDirtyOffset]
    const stamp = [...marks, firstOpenOffset, ...compacted, epochs.last?.epoch].join()
    if (stamp !== this.#lineStamp) {
      const note: LogNote = {
        topicId,
        partition,
        logStartOffset,
        recoveryPoint,
        firstOpenOffset,
        epochs: epochs.starts,
        segments: segments.map((segment) => segment.toNote()),
        firstDirtyOffset,
      }
      this.#line = encodeNote(note)
      this.#lineStamp = stamp
    }
    return this.#line
  }

  /**
   * Remembers the producers as they are now, unless older ones still wait to be written.
   * @param fromOffset those from before it are of no use
   */
  capture(fromOffset = 0): void {
    const { producers, logEndOffset } = this.#state()
    if (producers === undefined || logEndOffset === this.#snapshotOffset) return
    const isCaptured = this.#captured !== undefined && this.#captured.offset >= fromOffset
    if (!isCaptured) this.#captured = { offset: logEndOffset, entries: producers.entries() }
  }

  /** Appends from an offset on are taken back: what was captured with them never was. */
  forgetFrom(offset: number): void {
    if (this.#captured !== undefined && this.#captured.offset > offset) this.#captured = undefined
  }

  /** Writes what was captured, once the log is durable so far; until then it waits. */
  writeCaptured(): Promise<void> {
    return this.#exclusively(async () => {
      const captured = this.#captured
      if (captured === undefined || this.#writer.isOffline) return
      if (this.#writer.durableEndOffset < captured.offset) return
      this.#captured = undefined
      await writeSnapshot(this.#disk, this.#writer.folder.path, captured)
      this.#snapshotOffset = captured.offset
      this.#bytesAtSnapshot = this.#writer.bytesWritten
      await this.#removeOld()
    })
  }

  /**
   * Makes sure that a power cut leaves a snapshot that knows who wrote below an offset.
   * @returns false when none was written yet that could
   */
  secureFrom(offset: number): Promise<boolean> {
    return this.#exclusively(() => this.#secureFrom(offset))
  }

  /** Whether enough was appended to be worth a snapshot, between seals. */
  get isSnapshotDue(): boolean {
    return this.#writer.bytesWritten - this.#bytesAtSnapshot >= SNAPSHOT_AFTER_BYTES
  }

  /** Puts what a clean start will need on disk: nothing is under way any more. */
  async writeAll(): Promise<void> {
    const { active, isOffline } = this.#writer
    if (active === undefined || isOffline) return
    // One that has rolled keeps its snapshots: they may know producers whose records are gone.
    const isReread = active.baseOffset === 0 && active.sizeBytes <= REREAD_BYTES
    if (isReread) await this.writeTransactionIndex()
    else {
      // Kafka takes the last entry's time for the segment's latest.
      active.seal()
      await this.writeActiveIndexes()
      this.#captured = undefined
      this.capture()
    }
    await this.writeCaptured()
    await this.writeEpochs()
  }

  /** The segment that is written has aborted transactions that its index file lacks. */
  get hasUnsavedAborts(): boolean {
    return !this.#writer.isOffline && this.#writer.active?.hasUnsavedAborts === true
  }

  /** The one index that cannot be done without when a checkpoint is taken at its word. */
  async writeTransactionIndex(): Promise<void> {
    await this.#writer.active?.writeTransactionIndex()
  }

  async writeActiveIndexes(): Promise<void> {
    await this.#writer.active?.writeIndexes()
  }

  async writeEpochs(): Promise<void> {
    const text = this.#state().epochs.encode()
    if (text === this.#epochsWritten) return
    const file = await this.#disk.open(`${this.#writer.folder.path}/${EPOCH_FILE}`, {
      create: true,
    })
    try {
      const bytes = Buffer.from(text)
      await file.write([bytes], 0)
      await file.truncate(bytes.length)
    } finally {
      await file.close()
    }
    this.#epochsWritten = text
  }

  async #secureFrom(offset: number): Promise<boolean> {
    if (this.#securedOffset >= offset) return true
    const { folder, durableEndOffset } = this.#writer
    const range = { from: offset, upTo: durableEndOffset }
    this.#securedOffset = (await secureNewestSnapshot(this.#disk, folder.path, range)) ?? -1
    return this.#securedOffset >= offset
  }

  async #removeOld(): Promise<void> {
    const { segments, folder } = this.#writer
    const old = await oldSnapshots(this.#disk, folder.path)
    if (old.length === 0) return
    const startOffset = segments[0]?.baseOffset ?? this.#state().logStartOffset
    // One of the old ones may be all that an earlier run has made sure of.
    if (startOffset > 0 && !(await this.#secureFrom(startOffset))) return
    const gone = old.filter((offset) => offset !== this.#securedOffset)
    await removeSnapshots(this.#disk, folder.path, gone)
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change)
    this.#lastChange = changed.catch(() => undefined) // the caller is told
    return changed
  }
}
