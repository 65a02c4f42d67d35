// Writes what a group of partitions has taken to their files: small groups on this turn of the event
// loop, large ones and whoever has to open a file first by the thread pool.
// Invariant: a disk that blocks the event loop is given to the pool for a while.

import type { Clock } from '../../host/clock.ts'
import { type Checkpointer, eachLimited } from './checkpointer.ts'
import type { LogWriter, WriteScope } from './log-writer.ts'

/**
 * A group up to this size is written at once: into the page cache that takes a millisecond, and a hop
 * to the pool, where syncs of whole segments stand in the way, often more.
 */
const SYNC_WRITE_BYTES = 4 * 1024 * 1024
/** A synchronous write that took longer froze the event loop: for a while the pool writes. */
const SLOW_WRITE_MS = 5
const SLOW_DISK_PENALTY_MS = 500
const PARALLEL_WRITES = 8

export class GroupWriter {
  readonly #clock: Clock
  readonly #checkpointer: Checkpointer
  #slowUntilMs = 0

  constructor(clock: Clock, checkpointer: Checkpointer) {
    this.#clock = clock
    this.#checkpointer = checkpointer
  }

  /** @param totalBytes about how much there is to write */
  async write(
    group: readonly LogWriter[],
    { scope, totalBytes }: { scope: WriteScope; totalBytes: number },
  ): Promise<void> {
    let nowMs = this.#clock.monotonicMs()
    const isSmall = totalBytes <= SYNC_WRITE_BYTES
    const later: LogWriter[] = []
    for (const writer of group) {
      const mayBlock = isSmall && nowMs >= this.#slowUntilMs
      if (!mayBlock || !writer.isReady(scope)) {
        if (writer.hasUnwritten || writer.isRollRequested) later.push(writer)
        continue
      }
      writer.writeNow(scope)
      const beganMs = nowMs
      nowMs = this.#clock.monotonicMs()
      if (nowMs - beganMs > SLOW_WRITE_MS) this.#slowUntilMs = nowMs + SLOW_DISK_PENALTY_MS
    }
    if (later.length > 0) await eachLimited(later, PARALLEL_WRITES, (w) => w.write(scope))
    for (const writer of group) this.#checkpointer.noteWritten(writer)
  }
}
