// How the shared journal serves a commit: what many partitions have taken becomes durable by one
// write and one sync here, and goes to the partitions' own files a little later, many appends to a
// file in one write. Two files are filled in turn.
// Invariant: a file is begun anew only when everything in it stands, synced, in the partitions' files.
// Until it does, commits wait: the journal's size bounds what a crash leaves to be replayed. Where it
// cannot, because a partition's file failed or has no space, commits sync the files themselves.

import type { Clock, Timers } from '../../host/clock.ts'
import { type Checkpointer, eachLimited } from './checkpointer.ts'
import type { LogFaults } from './faults.ts'
import type { GroupWriter } from './group-writer.ts'
import { type Journal, type JournalEntry, journalBytes } from './journal.ts'
import type { LogWriter } from './log-writer.ts'
import { isNoSpace } from './space-reserve.ts'
import { isTooManyFiles, onceFilesOpen } from './too-many-files.ts'

/** A group up to this size is copied into one block, which then serves as the unwritten tail. */
const COPIED_GROUP_BYTES = 512 * 1024
/** So much may be in the journal and in memory only. */
const MAX_BEHIND_BYTES = 4 * 1024 * 1024
/** Files written on one turn of the event loop. */
const FILES_PER_TURN = 64
const PARALLEL_READS = 8
/** After the disk had no space for another file. */
const NO_SPACE_PAUSE_MS = 5000

export interface SharedJournalOptions {
  readonly journal: Journal
  readonly checkpointer: Checkpointer
  readonly groupWriter: GroupWriter
  readonly clock: Clock
  readonly timers: Timers
  readonly faults: LogFaults
  /** Whether there is no space for more than what is needed: then none is taken for the journal. */
  readonly isOutOfSpace: () => boolean
  /** Something failed that nobody waits for. */
  readonly onError: (error: unknown) => void
}

/** A group that is in the journal. */
export interface Journaled {
  /** Exclusive, by partition: durable once the journal is synced. */
  readonly ends: ReadonlyMap<LogWriter, number>
  /** Too large to be kept in memory: to be written before they are answered. */
  readonly isToBeWritten: boolean
  readonly totalBytes: number
}

export class SharedJournal {
  readonly #options: SharedJournalOptions
  readonly #behind = new Set<LogWriter>()
  #behindBytes = 0
  #flushing: Promise<void> | undefined
  /** Ends when the file not in use may be begun anew; false when it must be settled once more. */
  #otherFileFree: Promise<boolean> = Promise.resolve(true)
  /** What is in it stands nowhere else, and will not before the next start. */
  #isKept = false
  #pausedUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: SharedJournalOptions) {
    this.#options = options
  }

  /** Something is in the journal only, or is being written and may turn out to find no space. */
  get hasBehind(): boolean {
    return this.#behind.size > 0 || this.#flushing !== undefined
  }

  /** What could not be written of them is tried again, though nobody appends to them any more. */
  retryStalled(writers: readonly LogWriter[]): void {
    for (const writer of writers) if (writer.isStalled) this.#behind.add(writer)
  }

  /**
   * Writes to the journal what the group has taken and nothing covers yet; durable after `sync`.
   * @returns undefined when the journal cannot take it: the files must be synced instead
   */
  async cover(group: readonly LogWriter[]): Promise<Journaled | undefined> {
    const { journal } = this.#options
    const incomplete = group.filter((writer) => !writer.hasUncoveredBytes)
    if (incomplete.length > 0) {
      await eachLimited(incomplete, PARALLEL_READS, (writer) =>
        loadOrFail(writer, this.#options.timers),
      )
    }
    let found = entriesOf(group)
    if (!journal.hasBegun || !journal.fits(found.totalBytes)) {
      if (!(await this.#makeRoom(found.totalBytes))) return undefined
      // A sync may have covered some of it meanwhile.
      found = entriesOf(group)
    }
    const { entries, writers, uncovered, totalBytes } = found
    const ends = new Map<LogWriter, number>()
    for (const writer of group) ends.set(writer, writer.journaledEndOffset)
    const isToBeWritten = totalBytes > COPIED_GROUP_BYTES
    let copies: Buffer[] = []
    try {
      if (isToBeWritten) await journal.append(entries, totalBytes)
      else copies = journal.appendCopied(entries, totalBytes)
    } catch (error) {
      if (!isNoSpace(error)) throw error
      await journal.cutFailed()
      await journal.sync() // what was handed on before, and nobody will sync now
      return undefined
    }
    for (const [i, writer] of writers.entries()) {
      ends.set(writer, uncovered[i]!.endOffset)
      writer.journaled(uncovered[i]!, copies[i])
      if (!isToBeWritten) this.#behind.add(writer)
    }
    if (!isToBeWritten) this.#behindBytes += totalBytes
    if (this.#behindBytes > MAX_BEHIND_BYTES) this.flushSoon()
    return { ends, isToBeWritten, totalBytes }
  }

  async sync(): Promise<void> {
    await this.#options.journal.sync()
  }

  /** Writes in the background what is in the journal only. */
  flushSoon(): void {
    this.flush().catch((error) => this.#options.onError(error))
  }

  /** Writes what is in the journal only to the partitions' files; unsynced. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** The partition is closed. What the journal alone has of it stays, unless it is gone. */
  forget(writer: LogWriter, { isGone }: { isGone: boolean }): void {
    this.#behind.delete(writer)
    if (!isGone && writer.needsJournal) this.keep()
  }

  /** From now on nothing in the journal is given up: the next start reads it. */
  keep(): void {
    this.#isKept = true
  }

  /** Everything must stand, synced, in the partitions' files; or `keep` was called. */
  async emptyUnlessKept(): Promise<void> {
    if (!this.#isKept) await this.#options.journal.empty()
  }

  /** Nothing will be journaled any more. What could not be written stays to be replayed. */
  async close(): Promise<void> {
    await this.flush()
    await this.#otherFileFree
    await this.#options.checkpointer.syncAll()
    if (this.#behind.size > 0 || this.#isNeeded()) this.keep()
    await this.emptyUnlessKept()
    await this.#options.journal.close()
  }

  /** Closes the files and leaves everything as it is. */
  async abandon(): Promise<void> {
    await this.#options.journal.close()
  }

  async #flushAll(): Promise<void> {
    const { groupWriter, timers } = this.#options
    const writers = [...this.#behind]
    this.#behind.clear()
    this.#behindBytes = 0
    for (let from = 0; from < writers.length; from += FILES_PER_TURN) {
      const some = writers.slice(from, from + FILES_PER_TURN)
      await groupWriter.write(some, { scope: 'journaled', totalBytes: 0 })
      await timers.yield()
    }
    this.retryStalled(writers)
  }

  /**
   * Room for a group, in the other file if need be; waits until that is settled.
   * @returns false when there is none: no space on the disk, or nothing that may be given up
   */
  async #makeRoom(bytes: number): Promise<boolean> {
    const { journal, faults, clock, isOutOfSpace } = this.#options
    // Who goes without the journal now may have entries in it.
    if (journal.hasBegun) await journal.sync()
    if (!journal.canHold(bytes)) return false
    if (this.#isKept || isOutOfSpace() || clock.monotonicMs() < this.#pausedUntilMs) return false
    if (!(await this.#otherFileFree)) {
      this.#otherFileFree = this.#settle()
      return false
    }
    try {
      if (!journal.hasBegun) await journal.begin()
      else {
        if (faults.journalEmptiedEarly !== true) this.#otherFileFree = this.#settle()
        await journal.switch()
      }
      return true
    } catch (error) {
      if (!isNoSpace(error) && !isTooManyFiles(error)) throw error
      this.#pausedUntilMs = clock.monotonicMs() + NO_SPACE_PAUSE_MS
      return false
    }
  }

  /**
   * Everything journaled so far becomes durable where it belongs. Never rejects.
   * @returns false when something of it cannot be
   */
  async #settle(): Promise<boolean> {
    try {
      await this.flush()
      await this.flush()
      await this.#options.checkpointer.syncAll()
    } catch (error) {
      this.#options.onError(error)
      return false
    }
    for (const writer of this.#behind) if (writer.isStalled) return false
    if (this.#isNeeded()) this.keep()
    return !this.#isKept
  }

  /** Whether a partition that failed has acknowledged data that is here only. */
  #isNeeded(): boolean {
    for (const writer of this.#options.checkpointer.writers) {
      if (writer.isOffline && writer.needsJournal) return true
    }
    return false
  }
}

async function loadOrFail(writer: LogWriter, timers: Timers): Promise<void> {
  try {
    await onceFilesOpen(timers, () => writer.loadUncovered())
  } catch (error) {
    writer.fail(error)
  }
}

function entriesOf(group: readonly LogWriter[]) {
  const entries: JournalEntry[] = []
  const writers: LogWriter[] = []
  const uncovered: ReturnType<LogWriter['uncovered']>[] = []
  let totalBytes = 0
  for (const writer of group) {
    const stretch = writer.uncovered()
    if (stretch.sizeBytes === 0) continue
    const { topicId, partition, leaderEpoch } = writer
    const { baseOffset, pieces, sizeBytes } = stretch
    const entry = { topicId, partition, leaderEpoch, baseOffset, pieces, sizeBytes }
    entries.push(entry)
    writers.push(writer)
    uncovered.push(stretch)
    totalBytes += journalBytes(entry)
  }
  return { entries, writers, uncovered, totalBytes }
}
