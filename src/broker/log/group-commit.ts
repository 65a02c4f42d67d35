// One commit for all partitions: what waits is written, one sync makes it durable, and while that
// sync runs the next group gathers. The sync itself is the batching delay; there are no timers.
// A group of at most two files whose names are durable syncs those files; any other goes into the
// shared journal, so that a group costs at most two syncs however many partitions it touches.
// Invariant: a partition hears of durability only after the sync that covers its bytes returned.
// A failed sync of a partition's file puts that partition offline; of the journal, the broker ends.

import type { Timer } from '../../host/clock.ts'
import { DiskError } from '../../host/disk.ts'
import type { Host } from '../../host/host.ts'
import { type LogNote, logKey } from './checkpoint-file.ts'
import { Checkpointer, eachLimited, type WrittenSegment } from './checkpointer.ts'
import type { LogFaults } from './faults.ts'
import { Journal, type JournalEntry, journalBytes, type ReplayEntry } from './journal.ts'
import type { LogWriter, PendingAppend } from './log-writer.ts'
import type { Segment } from './segment.ts'
import type { StateKeeper } from './state-keeper.ts'

export interface GroupCommitConfig {
  /** false answers after the write: for benchmarks and disks in memory only. */
  readonly syncEnabled: boolean
  /** Size of each of the journal's two files. */
  readonly journalFileBytes: number
  /** Bytes that one group takes from the queues. More would only add to the latency. */
  readonly maxGroupBytes: number
  /** How often recovery points are moved up. */
  readonly checkpointIntervalMs: number
}

export const DEFAULT_GROUP_COMMIT_CONFIG: GroupCommitConfig = {
  syncEnabled: true,
  journalFileBytes: 32 * 1024 * 1024,
  maxGroupBytes: 4 * 1024 * 1024,
  checkpointIntervalMs: 60_000,
}

export interface GroupCommitOptions {
  readonly host: Host
  /** Where the journal lives, below the data folder. */
  readonly folder: string
  readonly config?: Partial<GroupCommitConfig>
  readonly faults?: LogFaults
  /** The journal failed: nothing can be acknowledged any more. */
  readonly onFatal: (error: unknown) => void
}

/** A group up to this size is written on the event loop's turn; a larger one by the thread pool. */
const SYNC_WRITE_BYTES = 256 * 1024
/** While a sync runs, so much waiting is worth writing at once. */
const EAGER_WRITE_BYTES = 64 * 1024
/** A synchronous write that took longer froze the event loop: for a while the pool writes. */
const SLOW_WRITE_MS = 2
const SLOW_DISK_PENALTY_MS = 1000
const MAX_DIRECT_SYNCS = 2
const PARALLEL_WRITES = 8
const TICK_MS = 100
const CHECKPOINT_FILE = 'checkpoint'
/** Sealed segments move recovery points up, but the file is not written for each of them. */
const MIN_SAVE_INTERVAL_MS = 5000
const STALLED_RETRY_MS = 1000

type CommitState = 'idle' | 'writing' | 'syncing'

export class GroupCommit {
  readonly #host: Host
  readonly #config: GroupCommitConfig
  readonly #faults: LogFaults
  readonly #onFatal: (error: unknown) => void
  readonly #journal: Journal
  readonly #checkpointer: Checkpointer
  readonly #pending = new Set<LogWriter>()
  /** In the journal, but without space for their own files: tried again now and then. */
  readonly #stalled = new Set<LogWriter>()
  #nextRetryMs = 0
  #replay: Map<string, ReplayEntry[]>
  #isRecovered = false
  #state: CommitState = 'idle'
  #loop: Promise<void> | undefined
  #eager: Promise<void> | undefined
  #waitingBytes = 0
  #slowUntilMs = 0
  #tick: Timer | undefined
  /** Ends when the journal file not in use may be used again. */
  #otherFileFree: Promise<void> = Promise.resolve()
  readonly #background = new Set<Promise<void>>()
  #nextCheckpoint: Timer | undefined
  #savedAtMs = Number.NEGATIVE_INFINITY
  #isDead = false
  #isClosed = false

  private constructor(
    options: GroupCommitOptions,
    journal: Journal,
    checkpointer: Checkpointer,
    replay: ReplayEntry[],
  ) {
    this.#host = options.host
    this.#config = { ...DEFAULT_GROUP_COMMIT_CONFIG, ...options.config }
    this.#faults = options.faults ?? {}
    this.#onFatal = options.onFatal
    this.#journal = journal
    this.#replay = Map.groupBy(replay, (entry) => logKey(entry.topicId, entry.partition))
    this.#checkpointer = checkpointer
  }

  /** Reads what the journal holds; `replayOf` hands it to the partitions as they are opened. */
  static async open(options: GroupCommitOptions): Promise<GroupCommit> {
    const { host, folder } = options
    await host.disk.makeFolder(folder)
    await host.disk.syncFolder('.')
    const config = { ...DEFAULT_GROUP_COMMIT_CONFIG, ...options.config }
    const { journal, entries } = await Journal.open({
      disk: host.disk,
      random: host.random,
      folder,
      fileBytes: config.journalFileBytes,
    })
    const checkpointer = await Checkpointer.open({
      disk: host.disk,
      path: `${folder}/${CHECKPOINT_FILE}`,
      faults: options.faults ?? {},
    })
    return new GroupCommit(options, journal, checkpointer, entries)
  }

  get faults(): LogFaults {
    return this.#faults
  }

  /** What the journal holds of a partition, in the order in which it was written. */
  replayOf(topicId: string, partition: number): readonly ReplayEntry[] {
    return this.#replay.get(logKey(topicId, partition)) ?? []
  }

  /** What the last checkpoint said of a partition; undefined when it said nothing. */
  noteOf(topicId: string, partition: number): LogNote | undefined {
    return this.#checkpointer.noteOf(topicId, partition)
  }

  /** Whether an earlier run left a checkpoint that can be read. */
  get hasCheckpoint(): boolean {
    return this.#checkpointer.hasCheckpoint
  }

  /** Whether start-up is over: a partition without a note is a new one from then on. */
  get isRecovered(): boolean {
    return this.#isRecovered
  }

  /**
   * Every partition has been opened and has taken what the journal held of it: syncs their files
   * and begins the journal anew. Until then each group syncs its files directly.
   */
  async finishRecovery(): Promise<void> {
    await this.#checkpointer.syncAll()
    this.#checkpointer.forgetUnopened()
    await this.#checkpointer.save()
    if (this.#replay.size > 0) await this.#journal.empty()
    this.#replay = new Map()
    this.#isRecovered = true
    this.#scheduleCheckpoint()
  }

  /** Queues an append; the writer's owner hears when it is written and when it is durable. */
  enqueue(writer: LogWriter, append: PendingAppend): void {
    writer.enqueue(append)
    this.#pending.add(writer)
    this.#waitingBytes += append.bytes.length
    if (this.#state === 'idle') this.#start()
    else if (append.acks !== -1 || this.#waitingBytes >= EAGER_WRITE_BYTES) this.#writeEagerly()
  }

  /** A partition was opened: from now on the checkpoint speaks of it. */
  register(writer: LogWriter, keeper: StateKeeper): void {
    this.#checkpointer.register(writer, keeper)
  }

  /** Makes the writer's next segment begin; its files are touched by nobody else. */
  requestRoll(writer: LogWriter): void {
    this.#pending.add(writer)
    if (this.#state === 'idle') this.#start()
  }

  /** A segment is full; what follows it needs no waiting for. */
  sealed(segment: Segment, writer: LogWriter): void {
    this.#inBackground(async () => {
      await this.#checkpointer.settleSealed(segment, writer)
      const nowMs = this.#host.clock.monotonicMs()
      if (nowMs - this.#savedAtMs < MIN_SAVE_INTERVAL_MS || !this.#isRecovered) return
      this.#savedAtMs = nowMs
      await this.#checkpointer.save()
    })
  }

  /** A segment's files are gone: retention or compaction took them. */
  forgetSegment(segment: Segment): void {
    this.#checkpointer.forgetSegment(segment)
  }

  /** What each partition's note says now is durable when this resolves. */
  saveCheckpoint(): Promise<void> {
    return this.#checkpointer.save()
  }

  /** Makes everything durable in the partitions' own files, and notes it. */
  checkpoint(): Promise<void> {
    return this.#checkpointer.checkpoint()
  }

  /** Waits until everything that was appended to this partition is durable in its own files. */
  async flush(writer: LogWriter): Promise<void> {
    while (this.#pending.has(writer) && !this.#isDead) await this.#loop
    await this.#checkpointer.syncWriter(writer)
  }

  /** The partition is closed. Nothing may be queued for it. */
  unregister(writer: LogWriter, { isGone }: { isGone: boolean }): void {
    this.#pending.delete(writer)
    this.#stalled.delete(writer)
    this.#checkpointer.unregister(writer, isGone)
  }

  /** Syncs all files and empties the journal: the next start needs no replay. */
  async close(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop
    this.#tick?.cancel()
    this.#nextCheckpoint?.cancel()
    this.#isClosed = true
    await Promise.all([...this.#background, this.#otherFileFree])
    if (!this.#isDead && this.#isRecovered) {
      await this.#checkpointer.syncAll()
      await this.#checkpointer.save()
      if (this.#journal.hasBegun && this.#stalled.size === 0) await this.#journal.empty()
    }
    await this.#journal.close()
  }

  #start(): void {
    this.#state = 'writing'
    this.#tick ??= this.#host.timers.after(TICK_MS, () => this.#onTick())
    this.#loop = this.#run()
      .catch((error) => this.#die(error))
      .finally(() => {
        this.#state = 'idle'
        this.#loop = undefined
        if (this.#pending.size > 0 && !this.#isDead) this.#start()
      })
  }

  async #run(): Promise<void> {
    // What arrives on this turn of the event loop joins the group.
    await this.#host.timers.yield()
    while (this.#pending.size > 0 && !this.#isDead) {
      while (this.#eager !== undefined) await this.#eager
      const group = this.#takeGroup()
      if (group.length === 0) return
      await this.#commit(group)
      for (const writer of group) this.#settlePending(writer)
    }
  }

  /** Everyone with something that is not durable; of what waits, a bounded part. */
  #takeGroup(): LogWriter[] {
    const group: LogWriter[] = []
    let budget = this.#config.maxGroupBytes
    for (const writer of this.#pending) {
      if (writer.hasQueued && budget > 0 && !writer.isStalled) {
        const taken = writer.take(budget)
        budget -= taken
        this.#waitingBytes -= taken
      }
      if (writer.hasTaken || writer.hasUndurable || writer.isRollRequested) group.push(writer)
    }
    return group
  }

  async #commit(group: readonly LogWriter[]): Promise<void> {
    this.#state = 'writing'
    if (!this.#config.syncEnabled) {
      await this.#write(group)
      for (const writer of group) writer.durable(writer.writtenEndOffset)
      return
    }
    if (group.length > MAX_DIRECT_SYNCS && (await this.#commitByJournal(group))) return
    await this.#write(group)
    if (this.#faults.acknowledgeBeforeSync) {
      for (const writer of group) writer.durable(writer.writtenEndOffset)
    }
    const segments = group.flatMap((writer) =>
      writer.undurableSegments().map((segment) => [segment, writer] as const),
    )
    if (segments.length === 0) return
    const isDirect =
      segments.length <= MAX_DIRECT_SYNCS &&
      segments.every(([segment, writer]) => segment.hasDurableName && !writer.hasOlderDirt)
    if (!isDirect && (await this.#commitByJournal(group))) {
      // The same few files again next time: let them have names, and go without the journal.
      if (segments.length <= MAX_DIRECT_SYNCS) {
        this.#inBackground(() => this.#checkpointer.syncNames(segments))
      }
      return
    }
    await this.#commitByFiles(group, segments)
  }

  /** Syncs the files themselves, and their names where those are not durable yet. */
  async #commitByFiles(
    group: readonly LogWriter[],
    segments: readonly WrittenSegment[],
  ): Promise<void> {
    const ends = group.map((writer) => writer.writtenEndOffset)
    this.#state = 'syncing'
    if (segments.some(([segment]) => !segment.hasDurableName)) {
      await this.#checkpointer.syncNames(segments)
    }
    await eachLimited(segments, 4, async ([segment, writer]) => {
      await this.#checkpointer.syncSegment(segment, writer)
    })
    for (const [i, writer] of group.entries()) writer.durable(ends[i]!)
  }

  /** @returns false when the journal cannot take the group, which then syncs its files */
  async #commitByJournal(group: readonly LogWriter[]): Promise<boolean> {
    if (!this.#isRecovered) return false
    const ends = new Map<LogWriter, number>()
    const entries: JournalEntry[] = []
    let totalBytes = 0
    for (const writer of group) {
      const { endOffset, ...stretch } = await writer.journalEntry()
      const { topicId, partition } = writer
      const entry = { topicId, partition, leaderEpoch: writer.leaderEpoch, ...stretch }
      if (stretch.bytes.length === 0) continue
      entries.push(entry)
      ends.set(writer, endOffset)
      totalBytes += journalBytes(entry)
    }
    if (!(await this.#makeRoom(totalBytes))) return false
    await this.#journal.append(entries)
    for (const [writer, end] of ends) writer.journaled(end)
    const synced = this.#journal.sync()
    // A failure is awaited below; until then it must not count as unhandled.
    synced.catch(() => undefined)
    await this.#write(group)
    if (this.#faults.acknowledgeBeforeSync) for (const [w, end] of ends) w.durable(end)
    this.#state = 'syncing'
    await synced
    for (const [writer, end] of ends) writer.durable(end)
    return true
  }

  /** Room in the journal, switching to its other file if need be; waits while neither is free. */
  async #makeRoom(bytes: number): Promise<boolean> {
    const journal = this.#journal
    if (!journal.canHold(bytes)) return false
    try {
      if (!journal.hasBegun) await journal.begin()
      if (journal.fits(bytes)) return true
      await this.#otherFileFree
      if (this.#faults.journalEmptiedEarly !== true) {
        this.#otherFileFree = this.#checkpointer.syncAll()
        this.#otherFileFree.catch((error) => this.#die(error))
      }
      await journal.switch()
      return true
    } catch (error) {
      if (error instanceof DiskError && error.code === 'no-space') return false
      throw error
    }
  }

  /** Writes what the group has taken. Small groups do not leave this turn of the event loop. */
  async #write(group: readonly LogWriter[]): Promise<void> {
    const clock = this.#host.clock
    let takenBytes = 0
    for (const writer of group) takenBytes += writer.takenBytes
    if (takenBytes > 0 || group.some((writer) => writer.isRollRequested)) {
      const startMs = clock.monotonicMs()
      const mayBlock = takenBytes <= SYNC_WRITE_BYTES && startMs >= this.#slowUntilMs
      const later: LogWriter[] = []
      for (const writer of group) {
        if (mayBlock && writer.isReady) writer.writeTakenNow()
        else if (writer.hasTaken || writer.isRollRequested) later.push(writer)
      }
      const tookMs = clock.monotonicMs() - startMs
      if (mayBlock && tookMs > SLOW_WRITE_MS + group.length * 0.02) {
        this.#slowUntilMs = startMs + SLOW_DISK_PENALTY_MS
      }
      if (later.length > 0) {
        await eachLimited(later, PARALLEL_WRITES, (writer) => writer.writeTaken())
      }
    }
    for (const writer of group) this.#checkpointer.noteWritten(writer)
  }

  /** While a sync runs: what waits is written, so that the next sync covers it. */
  #writeEagerly(): void {
    if (this.#eager !== undefined || this.#state !== 'syncing') return
    this.#eager = this.#host.timers
      .yield()
      .then(() => (this.#state === 'syncing' ? this.#write(this.#takeGroup()) : undefined))
      .catch((error) => this.#die(error))
      .finally(() => {
        this.#eager = undefined
      })
  }

  #settlePending(writer: LogWriter): void {
    if (writer.isStalled) {
      this.#pending.delete(writer)
      this.#stalled.add(writer)
      return
    }
    const isBusy = writer.hasQueued || writer.hasTaken || writer.hasUndurable
    if (writer.isOffline || !(isBusy || writer.isRollRequested)) this.#pending.delete(writer)
  }

  #scheduleCheckpoint(): void {
    this.#nextCheckpoint = this.#host.timers.after(this.#config.checkpointIntervalMs, () => {
      this.#inBackground(() => this.#checkpointer.checkpoint())
      this.#scheduleCheckpoint()
    })
  }

  /** Work that nobody waits for but `close`. A disk that fails shows itself where it matters. */
  #inBackground(work: () => Promise<void>): void {
    if (this.#isDead || this.#isClosed) return
    const running = work()
      .catch((error) => {
        if (!(error instanceof DiskError)) this.#die(error)
      })
      .finally(() => this.#background.delete(running))
    this.#background.add(running)
  }

  #onTick(): void {
    this.#tick = undefined
    const nowMs = this.#host.clock.monotonicMs()
    for (const writer of [...this.#pending, ...this.#stalled]) writer.tick(nowMs)
    this.#retryStalled(nowMs)
    if (this.#pending.size + this.#stalled.size > 0 && !this.#isDead) {
      this.#tick = this.#host.timers.after(TICK_MS, () => this.#onTick())
    }
  }

  /** Space may have come back. */
  #retryStalled(nowMs: number): void {
    if (this.#stalled.size === 0 || nowMs < this.#nextRetryMs) return
    this.#nextRetryMs = nowMs + STALLED_RETRY_MS
    for (const writer of this.#stalled) this.#pending.add(writer)
    this.#stalled.clear()
    if (this.#state === 'idle') this.#start()
  }

  #die(error: unknown): void {
    if (this.#isDead) return
    this.#isDead = true
    for (const writer of this.#pending) writer.fail(error)
    this.#onFatal(error)
  }
}
