// Questions that the indexes of any segment answer: by time, and about aborted transactions. Indexes
// that are missing or prove wrong are rebuilt from the log on the way.

import type { Timers } from '../../host/clock.ts'
import type { FileCache } from './file-cache.ts'
import { firstAtOrAfter, type TimestampedOffset } from './find-timestamp.ts'
import { learnSegment } from './learn-segment.ts'
import type { LogConfig } from './log-config.ts'
import { LandedOnDamage } from './log-reader.ts'
import { loadNewestSnapshot } from './producer-snapshots.ts'
import { ProducerTable } from './producer-table.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import type { Indexes, Segment } from './segment.ts'
import { type AbortedTransaction, overlapping } from './transaction-index.ts'

export interface LookupOptions {
  readonly files: FileCache
  readonly timers: Timers
  readonly folder: string
  readonly segments: readonly Segment[]
  readonly config: () => LogConfig
}

export class Lookup {
  readonly #options: LookupOptions

  constructor(options: LookupOptions) {
    this.#options = options
  }

  /** The first record at or after a moment, from an offset on. @throws LandedOnDamage */
  firstAtOrAfter(timestamp: number, fromOffset: number): Promise<TimestampedOffset | undefined> {
    return this.#overSegments(async (segments) => {
      for (const segment of segments) {
        if (segment.maxTimestamp < timestamp || segment.endOffset <= fromOffset) continue
        const found = await this.#searchIn(segment, timestamp, fromOffset)
        if (found !== undefined) return found
      }
      return undefined
    })
  }

  /** The record with the latest timestamp, the first of those that have it. */
  latest(fromOffset: number): Promise<TimestampedOffset | undefined> {
    return this.#overSegments(async (segments) => {
      let latest: Segment | undefined
      for (const segment of segments) {
        if (segment.endOffset <= fromOffset || segment.maxTimestamp < 0) continue
        if (latest === undefined || segment.maxTimestamp > latest.maxTimestamp) latest = segment
      }
      if (latest === undefined) return undefined
      return await this.#searchIn(latest, latest.maxTimestamp, fromOffset)
    })
  }

  /** Aborted transactions with records in the range, in the order of their first offsets. */
  abortedIn(range: { fromOffset: number; endOffset: number }): Promise<AbortedTransaction[]> {
    return this.#overSegments(async (segments) => {
      const found: AbortedTransaction[] = []
      for (const segment of segments) {
        if (segment.endOffset <= range.fromOffset || !segment.mayHaveAborted) continue
        const { aborted } = await this.indexesOf(segment)
        found.push(...overlapping(aborted, range))
        // An entry that says everything below is settled: later ones cannot reach into the range.
        if (aborted.some((entry) => entry.lastStableOffset >= range.endOffset)) break
      }
      return found.sort((a, b) => a.firstOffset - b.firstOffset)
    })
  }

  async indexesOf(segment: Segment): Promise<Indexes> {
    return (await segment.loadIndexes()) ?? (await this.rebuild(segment))
  }

  /** Reads the segment from its start. @throws LandedOnDamage when the log itself is damaged */
  async rebuild(segment: Segment): Promise<Indexes> {
    const { files, folder, segments, timers, config } = this.#options
    counters.indexesRebuilt += 1
    const snapshot = await loadNewestSnapshot(files.disk, folder, {
      from: 0,
      upTo: segment.baseOffset,
    })
    const producers = new ProducerTable(snapshot?.entries)
    const fromOffset = snapshot?.offset ?? 0
    for (const earlier of segments) {
      if (earlier.baseOffset > segment.baseOffset) break
      if (earlier !== segment && earlier.endOffset <= fromOffset) continue
      const twin = earlier.twin()
      const learn = { timers, config: config(), producers, fromOffset }
      const scan = await learnSegment(twin, { ...learn, useIndexes: false })
      if (scan.isDamaged) throw new LandedOnDamage(earlier, scan.endPosition, scan.endOffset)
      if (earlier === segment) segment.adopt(twin)
    }
    return segment.indexesNow!
  }

  /** Asks once more when a segment was removed or replaced while it was asked. */
  async #overSegments<T>(ask: (segments: readonly Segment[]) => Promise<T>): Promise<T> {
    for (;;) {
      const segments = [...this.#options.segments]
      try {
        const answer = await ask(segments)
        if (!segments.some((segment) => segment.isRetired)) return answer
      } catch (error) {
        if (!segments.some((segment) => segment.isRetired)) throw error
      }
    }
  }

  async #searchIn(
    segment: Segment,
    timestamp: number,
    fromOffset: number,
  ): Promise<TimestampedOffset | undefined> {
    const indexes = await this.indexesOf(segment)
    try {
      return await firstAtOrAfter(segment, indexes, { timestamp, fromOffset })
    } catch (error) {
      if (!(error instanceof LandedOnDamage)) throw error
      return await firstAtOrAfter(segment, await this.rebuild(segment), { timestamp, fromOffset })
    }
  }
}
