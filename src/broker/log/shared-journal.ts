// How the shared journal serves a commit: what many partitions have taken becomes durable by one
// write and one sync here, and goes to the partitions' own files a little later, many appends to a
// file in one write. Two files are filled in turn.
// Invariant: a file is begun anew only when everything in it stands, synced, in the partitions' files.
// Until it does, commits wait: the journal's size bounds what a crash leaves to be replayed.

import type { Timers } from '../../host/clock.ts'
import { DiskError } from '../../host/disk.ts'
import { type Checkpointer, eachLimited } from './checkpointer.ts'
import type { LogFaults } from './faults.ts'
import type { GroupWriter } from './group-writer.ts'
import { type Journal, type JournalEntry, journalBytes } from './journal.ts'
import type { LogWriter } from './log-writer.ts'

/** A group up to this size is copied into one block, which then serves as the unwritten tail. */
const COPIED_GROUP_BYTES = 512 * 1024
/** So much may be in the journal and in memory only. */
const MAX_BEHIND_BYTES = 4 * 1024 * 1024
/** Files written on one turn of the event loop. */
const FILES_PER_TURN = 64
const PARALLEL_READS = 8
const STALLED_RETRY_MS = 1000

export interface SharedJournalOptions {
  readonly journal: Journal
  readonly checkpointer: Checkpointer
  readonly groupWriter: GroupWriter
  readonly timers: Timers
  readonly faults: LogFaults
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
  /** Ends when the file not in use may be begun anew. */
  #otherFileFree: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: SharedJournalOptions) {
    this.#options = options
  }

  get hasBehind(): boolean {
    return this.#behind.size > 0
  }

  /**
   * Writes to the journal what the group has taken and nothing covers yet; durable after `sync`.
   * @returns undefined when the journal cannot take it: the files must be synced instead
   */
  async cover(group: readonly LogWriter[]): Promise<Journaled | undefined> {
    const { journal } = this.#options
    const incomplete = group.filter((writer) => !writer.hasUncoveredBytes)
    await eachLimited(incomplete, PARALLEL_READS, (writer) => loadOrFail(writer))
    const estimate = entriesOf(group).totalBytes
    if (!(await this.#makeRoom(estimate))) return undefined
    const { entries, writers, uncovered, totalBytes } = entriesOf(group)
    const ends = new Map<LogWriter, number>()
    for (const writer of group) ends.set(writer, writer.journaledEndOffset)
    const isToBeWritten = totalBytes > COPIED_GROUP_BYTES
    const copies = isToBeWritten ? [] : journal.appendCopied(entries, totalBytes)
    if (isToBeWritten) await journal.append(entries, totalBytes)
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

  forget(writer: LogWriter): void {
    this.#behind.delete(writer)
  }

  /** Everything must stand, synced, in the partitions' files. */
  async empty(): Promise<void> {
    await this.#options.journal.empty()
  }

  /** Nothing will be journaled any more. What could not be written stays to be replayed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.flush()
    await this.#otherFileFree
    await this.#options.checkpointer.syncAll()
    if (this.#behind.size === 0) await this.#options.journal.empty()
    await this.#options.journal.close()
  }

  /** Closes the files and leaves everything as it is. */
  async abandon(): Promise<void> {
    this.#isClosed = true
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
    for (const writer of writers) if (writer.isStalled) this.#behind.add(writer)
  }

  /** Room for a group, in the other file if need be; waits while neither is free. */
  async #makeRoom(bytes: number): Promise<boolean> {
    const { journal, faults } = this.#options
    if (!journal.canHold(bytes)) return false
    try {
      if (!journal.hasBegun) await journal.begin()
      if (journal.fits(bytes)) return true
      await journal.sync()
      await this.#otherFileFree
      if (faults.journalEmptiedEarly !== true) this.#otherFileFree = this.#settle()
      await journal.switch()
      return true
    } catch (error) {
      if (error instanceof DiskError && error.code === 'no-space') return false
      throw error
    }
  }

  /** Everything journaled so far becomes durable where it belongs. Never rejects. */
  async #settle(): Promise<void> {
    const { checkpointer, timers, onError } = this.#options
    try {
      await this.flush()
      await this.flush()
      while (this.#behind.size > 0 && [...this.#behind].some((writer) => writer.isStalled)) {
        if (this.#isClosed) return
        await new Promise<void>((resolve) => timers.after(STALLED_RETRY_MS, resolve))
        await this.flush()
      }
      await checkpointer.syncAll()
    } catch (error) {
      onError(error)
    }
  }
}

async function loadOrFail(writer: LogWriter): Promise<void> {
  try {
    await writer.loadUncovered()
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
