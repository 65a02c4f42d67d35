// One commit for all partitions: what waits is written, one sync makes it durable, and while that
// sync runs the next group gathers. The sync itself is the batching delay; there are no timers.
// A group of at most two files whose names are durable syncs those files; any other goes through the
// shared journal, so that a group costs at most two syncs however many partitions it touches.
// Invariant: a partition hears of durability only after the sync that covers its bytes returned.
// A failed sync of a partition's file puts that partition offline; of the journal, the broker ends.

import type { Timer } from '../../host/clock.ts'
import { DiskError } from '../../host/disk.ts'
import type { Host } from '../../host/host.ts'
import { type LogNote, logKey } from './checkpoint-file.ts'
import { Checkpointer, eachLimited, type WrittenSegment } from './checkpointer.ts'
import type { LogFaults } from './faults.ts'
import { GroupWriter } from './group-writer.ts'
import { Journal } from './journal.ts'
import type { ReplayEntry } from './journal-content.ts'
import type { LogWriter, PendingAppend } from './log-writer.ts'
import type { Segment } from './segment.ts'
import { SharedJournal } from './shared-journal.ts'
import { isNoSpace, SpaceReserve } from './space-reserve.ts'
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
  /** Set aside for what must go on when the disk is full; 0 for nothing. */
  readonly reserveBytes: number
}

export const DEFAULT_GROUP_COMMIT_CONFIG: GroupCommitConfig = {
  syncEnabled: true,
  journalFileBytes: 32 * 1024 * 1024,
  maxGroupBytes: 4 * 1024 * 1024,
  checkpointIntervalMs: 60_000,
  reserveBytes: 0,
}

/** What the log needs of the outside world. */
export type LogHost = Omit<Host, 'net' | 'openFilesLimit'>

export interface GroupCommitOptions {
  readonly host: LogHost
  /** Where the journal and the checkpoint live, below the data folder. */
  readonly folder: string
  readonly config?: Partial<GroupCommitConfig>
  readonly faults?: LogFaults
  /** The journal failed: nothing can be acknowledged any more. */
  readonly onFatal: (error: unknown) => void
  /** A group became durable. @param ms from its first write to the end of its sync */
  readonly onCommit?: (ms: number) => void
  /** The disk is full: appends are refused from now on; or it has room again. */
  readonly onFull?: (isFull: boolean) => void
}

/** While a sync runs, so much waiting is worth writing at once. */
const EAGER_WRITE_BYTES = 64 * 1024
const MAX_DIRECT_SYNCS = 2
/** How often overdue answers go out, and what is in the journal only goes to its files. */
const TICK_MS = 100
const CHECKPOINT_FILE = 'checkpoint'
const RESERVE_FILE = 'reserve'
/** Sealed segments move recovery points up, but the file is not written for each of them. */
const MIN_SAVE_INTERVAL_MS = 5000

type CommitState = 'idle' | 'writing' | 'syncing'

export class GroupCommit {
  readonly #host: LogHost
  readonly #config: GroupCommitConfig
  readonly #faults: LogFaults
  readonly #onFatal: (error: unknown) => void
  readonly #onCommit: (ms: number) => void
  readonly #checkpointer: Checkpointer
  readonly #groupWriter: GroupWriter
  readonly #journal: SharedJournal
  readonly #reserve: SpaceReserve
  readonly #pending = new Set<LogWriter>()
  readonly #background = new Set<Promise<void>>()
  #isNaming = false
  /** Of sealed segments, the last one's. */
  #settling: Promise<void> = Promise.resolve()
  #replay: Map<string, ReplayEntry[]>
  #isRecovered = false
  #state: CommitState = 'idle'
  #loop: Promise<void> | undefined
  /** Of the group that is being committed, or the next one. */
  #groupEnd = Promise.withResolvers<void>()
  #eager: Promise<void> | undefined
  #waitingBytes = 0
  #takenBytes = 0
  #tick: Timer | undefined
  #nextCheckpoint: Timer | undefined
  #savedAtMs = Number.NEGATIVE_INFINITY
  #isDead = false
  #diedOf: unknown
  #isClosed = false

  private constructor(
    options: GroupCommitOptions,
    journal: Journal,
    checkpointer: Checkpointer,
    reserve: SpaceReserve,
    replay: ReplayEntry[],
  ) {
    const { host } = options
    this.#host = host
    this.#config = { ...DEFAULT_GROUP_COMMIT_CONFIG, ...options.config }
    this.#faults = options.faults ?? {}
    this.#onFatal = options.onFatal
    this.#onCommit = options.onCommit ?? (() => undefined)
    this.#replay = Map.groupBy(replay, (entry) => logKey(entry.topicId, entry.partition))
    this.#checkpointer = checkpointer
    this.#reserve = reserve
    this.#groupWriter = new GroupWriter(host.clock, checkpointer)
    this.#journal = new SharedJournal({
      journal,
      checkpointer,
      groupWriter: this.#groupWriter,
      clock: host.clock,
      timers: host.timers,
      faults: this.#faults,
      isOutOfSpace: () => this.isOutOfSpace,
      onError: (error) => this.#die(error),
    })
  }

  /** Reads what the journal holds; `replayOf` hands it to the partitions as they are opened. */
  static async open(options: GroupCommitOptions): Promise<GroupCommit> {
    const { host, folder, faults = {} } = options
    const { disk, random } = host
    const config = { ...DEFAULT_GROUP_COMMIT_CONFIG, ...options.config }
    await disk.makeFolder(folder)
    await disk.syncFolder('.')
    const fileBytes = config.journalFileBytes
    const { journal, entries } = await Journal.open({ disk, random, folder, fileBytes })
    const path = `${folder}/${CHECKPOINT_FILE}`
    const checkpointer = await Checkpointer.open({ disk, timers: host.timers, path, faults })
    const reserve = await SpaceReserve.open({
      disk,
      timers: host.timers,
      path: `${folder}/${RESERVE_FILE}`,
      sizeBytes: config.reserveBytes,
      untilQuiet: () => commit.#untilQuiet(),
      onChange: options.onFull ?? (() => undefined),
    })
    const commit = new GroupCommit(options, journal, checkpointer, reserve, entries)
    return commit
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
    for (const writer of this.#checkpointer.writers) {
      const isReplayed = this.#replay.has(logKey(writer.topicId, writer.partition))
      // What it took of the journal may not be on the disk.
      if (writer.isOffline && isReplayed) this.keepJournal()
    }
    this.#checkpointer.forgetUnopened()
    // Without space the one before stays: it is as true, and tells less.
    await this.saveCheckpoint().catch((error) => {
      if (!isNoSpace(error)) throw error
    })
    if (this.#replay.size > 0) await this.#journal.emptyUnlessKept()
    this.#replay = new Map()
    this.#isRecovered = true
    this.#scheduleCheckpoint()
    this.#inBackground(() => this.#reserve.take())
  }

  /** Only what may use the reserve is written, nothing else. */
  get isOutOfSpace(): boolean {
    return this.#reserve.isGivenUp
  }

  /** Does what must go on when the disk is full: see `SpaceReserve`. */
  useReserve<T>(work: () => Promise<T>): Promise<T> {
    return this.#reserve.use(work)
  }

  /** For who is refused an append instead. @returns whether another try is worth it */
  async giveUpReserve(): Promise<boolean> {
    if (!(await this.#reserve.giveUp())) return false
    // What was acknowledged comes first.
    await this.#journal.flush()
    return true
  }

  /** A partition could not take what the journal holds of it: it stays there for the next start. */
  keepJournal(): void {
    this.#journal.keep()
  }

  /** A partition was opened: from now on the checkpoint speaks of it. */
  register(writer: LogWriter, keeper: StateKeeper): void {
    this.#checkpointer.register(writer, keeper)
  }

  /** Queues an append; the writer's owner hears when it is written and when it is durable. */
  enqueue(writer: LogWriter, append: PendingAppend): void {
    writer.enqueue(append)
    if (this.#isDead) {
      writer.fail(this.#diedOf)
      return
    }
    this.#pending.add(writer)
    this.#waitingBytes += append.bytes.length
    if (this.#state === 'idle') this.#start()
    else if (append.acks !== -1 || this.#waitingBytes >= EAGER_WRITE_BYTES) this.#writeEagerly()
  }

  /** Lets a writer's next segment begin; its files are touched by nobody else. */
  requestRoll(writer: LogWriter): void {
    writer.roll()
    this.#pending.add(writer)
    if (this.#state === 'idle') this.#start()
  }

  /**
   * A segment is full: its sync, its indexes and the producers' snapshot need no waiting for. One
   * after the other: a sync of a whole segment holds a thread of the pool, and writes need them too.
   */
  sealed(segment: Segment, writer: LogWriter): void {
    this.#inBackground(() => {
      this.#settling = this.#settling.then(() => this.#settleSealed(segment, writer))
      return this.#settling
    })
  }

  /** A segment's files are gone: retention or compaction took them. */
  forgetSegment(segment: Segment, writer: LogWriter): void {
    this.#checkpointer.forgetSegment(segment, writer)
  }

  /** What each partition's note says now is durable when this resolves. */
  saveCheckpoint(): Promise<void> {
    return this.useReserve(() => this.#checkpointer.save())
  }

  /**
   * Waits until everything that was appended to this partition so far is durable and stands in its own
   * files; not for what comes meanwhile, which on a busy partition never ends.
   */
  async settle(writer: LogWriter): Promise<void> {
    const endOffset = writer.queuedEndOffset
    const { isRollRequested } = writer
    while ((writer.isPending || writer.hasUnwritten) && !writer.isStalled) {
      if (this.#isDead || writer.isOffline) return
      const mustRoll = isRollRequested && writer.isRollRequested
      const isDurable = writer.durableEndOffset >= endOffset && !mustRoll
      if (isDurable && writer.writtenEndOffset >= endOffset) return
      if (writer.isPending && !isDurable && this.#loop !== undefined) await this.#groupEnd.promise
      else {
        await this.#journal.flush()
        await this.#host.timers.yield()
      }
    }
  }

  /** As `settle`, and makes those files durable. */
  async flush(writer: LogWriter): Promise<void> {
    await this.settle(writer)
    if (writer.isStalled) await this.giveUpReserve()
    await this.#checkpointer.syncWriter(writer)
  }

  /** The partition is closed. Nothing may be queued for it. */
  unregister(writer: LogWriter, { isGone }: { isGone: boolean }): void {
    this.#pending.delete(writer)
    this.#journal.forget(writer, { isGone })
    this.#checkpointer.unregister(writer, isGone)
  }

  /** Syncs all files and empties the journal: the next start needs no replay. */
  async close(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop
    this.#tick?.cancel()
    this.#nextCheckpoint?.cancel()
    this.#isClosed = true
    await Promise.all(this.#background)
    await this.#reserve.close()
    if (this.#isDead || !this.#isRecovered) {
      await this.#journal.abandon()
      return
    }
    await this.#journal.close()
    await this.saveCheckpoint()
  }

  async #settleSealed(segment: Segment, writer: LogWriter): Promise<void> {
    await this.#checkpointer.settleSealed(segment, writer)
    const nowMs = this.#host.clock.monotonicMs()
    if (nowMs - this.#savedAtMs < MIN_SAVE_INTERVAL_MS || !this.#isRecovered) return
    this.#savedAtMs = nowMs
    await this.#checkpointer.save()
  }

  /** Appends are refused: what was taken before is written, or refused as well. */
  async #untilQuiet(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop
  }

  #start(): void {
    if (this.#isDead) return
    this.#state = 'writing'
    this.#scheduleTick()
    this.#loop = this.#run()
      .catch((error) => this.#die(error))
      .finally(() => {
        this.#state = 'idle'
        this.#loop = undefined
        if (this.#pending.size > 0) this.#start()
        this.#tellGroupEnd()
      })
  }

  async #run(): Promise<void> {
    // What arrives on this turn of the event loop joins the group.
    await this.#host.timers.yield()
    while (this.#pending.size > 0 && !this.#isDead) {
      while (this.#eager !== undefined) await this.#eager
      this.#state = 'writing'
      const group = this.#takeGroup()
      const startMs = this.#host.clock.monotonicMs()
      await this.#commit(group)
      this.#onCommit(this.#host.clock.monotonicMs() - startMs)
      for (const writer of group) if (!writer.isPending) this.#pending.delete(writer)
      this.#tellGroupEnd()
    }
  }

  #tellGroupEnd(): void {
    this.#groupEnd.resolve()
    this.#groupEnd = Promise.withResolvers()
  }

  /** Everyone with something that is not durable; of what waits, a bounded part. */
  #takeGroup(): LogWriter[] {
    let budget = this.#config.maxGroupBytes
    for (const writer of this.#pending) {
      if (!writer.hasQueued || budget <= 0) continue
      budget -= writer.take(budget)
    }
    this.#takenBytes = this.#config.maxGroupBytes - budget
    this.#waitingBytes = Math.max(0, this.#waitingBytes - this.#takenBytes)
    return [...this.#pending]
  }

  async #commit(group: readonly LogWriter[]): Promise<void> {
    if (!this.#config.syncEnabled) {
      await this.#write(group)
      for (const writer of group) writer.durable(writer.writtenEndOffset)
      return
    }
    const mustJournal = group.some((writer) => writer.hasUnsyncedJournal)
    if (group.length > MAX_DIRECT_SYNCS || mustJournal) {
      if (await this.#commitByJournal(group)) return
    }
    await this.#write(group)
    const segments = group.flatMap((writer) =>
      writer.undurableSegments().map((segment) => [segment, writer] as const),
    )
    const isDirect =
      segments.length <= MAX_DIRECT_SYNCS &&
      segments.every(([segment, writer]) => segment.hasDurableName && !writer.hasOlderDirt)
    if (!isDirect && (await this.#commitByJournal(group))) {
      // The same few files again next time: let them have names, and go without the journal.
      if (segments.length <= MAX_DIRECT_SYNCS) this.#nameInBackground(segments)
      return
    }
    await this.#commitByFiles(group, segments)
  }

  /** Once at a time: groups come faster than folders are synced, and each would ask again. */
  #nameInBackground(segments: readonly WrittenSegment[]): void {
    if (this.#isNaming) return
    this.#isNaming = true
    this.#inBackground(() =>
      this.#checkpointer.syncNames(segments).finally(() => {
        this.#isNaming = false
      }),
    )
  }

  /** Syncs the files themselves, and their names where those are not durable yet. */
  async #commitByFiles(
    group: readonly LogWriter[],
    segments: readonly WrittenSegment[],
  ): Promise<void> {
    const ends = group.map((writer) => writer.writtenEndOffset)
    this.#acknowledgeEarly(group, ends)
    this.#state = 'syncing'
    await this.#checkpointer.syncNames(segments)
    await eachLimited(segments, MAX_DIRECT_SYNCS, ([segment, writer]) =>
      this.#checkpointer.syncSegment(segment, writer),
    )
    for (const [i, writer] of group.entries()) writer.durable(ends[i]!)
  }

  /** @returns false when the journal cannot take the group, which then syncs its files */
  async #commitByJournal(group: readonly LogWriter[]): Promise<boolean> {
    if (!this.#isRecovered) return false
    const journaled = await this.#journal.cover(group)
    if (journaled === undefined) return false
    const writers = [...journaled.ends.keys()]
    const ends = [...journaled.ends.values()]
    const synced = this.#journal.sync()
    // A failure is awaited below; until then it must not count as unhandled.
    synced.catch(() => undefined)
    const hasRoll = group.some((writer) => writer.isRollRequested)
    if (journaled.isToBeWritten || hasRoll) await this.#write(group)
    this.#acknowledgeEarly(writers, ends)
    this.#state = 'syncing'
    await synced
    for (const [i, writer] of writers.entries()) writer.durable(ends[i]!)
    return true
  }

  #acknowledgeEarly(writers: readonly LogWriter[], ends: readonly number[]): void {
    if (this.#faults.acknowledgeBeforeSync !== true) return
    for (const [i, writer] of writers.entries()) writer.durable(ends[i]!)
  }

  async #write(group: readonly LogWriter[]): Promise<void> {
    await this.#groupWriter.write(group, { scope: 'taken', totalBytes: this.#takenBytes })
    this.#journal.retryStalled(group)
  }

  /** While a sync runs: what waits is handed on, so that the next sync covers it. */
  #writeEagerly(): void {
    if (this.#eager !== undefined || this.#state !== 'syncing') return
    this.#eager = this.#host.timers
      .yield()
      .then(() => this.#handOn())
      .catch((error) => this.#die(error))
      .finally(() => {
        this.#eager = undefined
      })
  }

  async #handOn(): Promise<void> {
    if (this.#state !== 'syncing') return
    const group = this.#takeGroup()
    const isForJournal = group.length > MAX_DIRECT_SYNCS && this.#config.syncEnabled
    if (isForJournal && this.#isRecovered) {
      const journaled = await this.#journal.cover(group)
      if (journaled !== undefined && !journaled.isToBeWritten) return
    }
    await this.#write(group)
  }

  #scheduleTick(): void {
    this.#tick ??= this.#host.timers.after(TICK_MS, () => this.#onTick())
  }

  #onTick(): void {
    this.#tick = undefined
    if (this.#isDead || this.#isClosed) return
    const nowMs = this.#host.clock.monotonicMs()
    for (const writer of this.#pending) writer.tick(nowMs)
    if (this.#journal.hasBehind) this.#journal.flushSoon()
    if (this.#pending.size > 0 || this.#journal.hasBehind) this.#scheduleTick()
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

  #die(error: unknown): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#diedOf = error
    for (const writer of this.#pending) writer.fail(error)
    this.#onFatal(error)
  }
}
