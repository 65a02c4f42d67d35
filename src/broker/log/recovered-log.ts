// What is told to the recovery of a partition, and what comes of it.

import type { Timers } from '../../host/clock.ts'
import type { LogNote } from './checkpoint-file.ts'
import type { FileCache } from './file-cache.ts'
import type { ReplayEntry } from './journal-content.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { ProducerTable } from './producer-table.ts'
import type { Segment } from './segment.ts'

export interface RecoveryOptions {
  readonly files: FileCache
  readonly timers: Timers
  readonly nowMs: number
  readonly folder: string
  readonly config: LogConfig
  /** What the last checkpoint said. */
  readonly note: LogNote | undefined
  /** Whether there was one at all: then what has no note is newer, and nothing of it durable. */
  readonly hasCheckpoint: boolean
  readonly wasCleanStop: boolean
  /** Where a log starts of which there is no note. */
  readonly leastLogStartOffset?: number
  /** No folder can be there: nothing is looked for. */
  readonly isNew: boolean
  readonly replay: readonly ReplayEntry[]
  /** Does what must go on when the disk is full: see `SpaceReserve`. */
  readonly useReserve: <T>(work: () => Promise<T>) => Promise<T>
  /** Only a planted fault turns this on. */
  readonly ignoreCrc?: boolean
}

export interface RecoveredLog {
  readonly segments: Segment[]
  readonly folderExists: boolean
  readonly logStartOffset: number
  readonly endOffset: number
  readonly epochs: LeaderEpochs
  /** undefined when they were left on disk: see `hydrate`. */
  readonly producers: ProducerTable | undefined
  /** Of the first open transaction; -1 when there is none. */
  readonly firstOpenOffset: number
  readonly firstDirtyOffset: number
  /** Compacted segments whose files are still named `.swap`, and what they replace. */
  readonly swaps: ReadonlyMap<Segment, readonly Segment[]>
  /** Paths of files that are named `.deleted` and have yet to go. */
  readonly deletedFiles: readonly string[]
  /** Set when the log must stay offline. */
  readonly offlineReason: string | undefined
}
