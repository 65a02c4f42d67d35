// All partitions of all stores of a broker, found by topic and number; makes the gates of their logs.
// Invariant: a partition is here as long as its log is open, and saves its index before that closes.

import { ignoringDisk } from '../log/checkpointer.ts'
import type { LogHost } from '../log/group-commit.ts'
import { AtMost } from './at-most.ts'
import { INDEX_FOLDER, IndexFiles, removeIndexes } from './index-files.ts'
import { StorePartition } from './store-partition.ts'

export interface StoresOptions {
  readonly host: LogHost
  readonly onFailed: (place: StorePlace, reason: unknown) => void
  readonly onReplayed: (place: StorePlace, facts: ReplayFacts) => void
}

export interface StorePlace {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** Of the topic, for ever. */
  readonly partitionCount: number
}

export interface ReplayFacts {
  readonly records: number
  readonly ms: number
  readonly fromCheckpoint: boolean
}

/**
 * Partitions that learn their index at once. Each gives way after some milliseconds, and as many as this
 * may have their turn before the event loop has gone round.
 */
const LEARNING_AT_ONCE = 4

export class Stores {
  readonly #learning = new AtMost(LEARNING_AT_ONCE)
  readonly #options: StoresOptions
  readonly #partitions = new Map<string, StorePartition>()

  constructor(options: StoresOptions) {
    this.#options = options
  }

  /** Removes what deleted topics have left. */
  async tidy(isKept: (topicId: string) => boolean): Promise<void> {
    await ignoringDisk(() => removeIndexes(this.#options.host.disk, isKept))
  }

  /** Before their logs are opened, which then learn everything again. @throws DiskError */
  async forgetIndexes(isForgotten: (topicId: string) => boolean): Promise<void> {
    await removeIndexes(this.#options.host.disk, (topicId) => !isForgotten(topicId))
  }

  gateFor(place: StorePlace): StorePartition {
    const { host, onFailed, onReplayed } = this.#options
    const { topicId, partition, partitionCount } = place
    const opened = new StorePartition({
      partitionCount,
      learning: this.#learning,
      files: new IndexFiles({ host, topicId, partition }),
      onFailed: (reason) => onFailed(place, reason),
      onReplayed: (facts) => onReplayed(place, facts),
    })
    this.#partitions.set(keyOf(topicId, partition), opened)
    return opened
  }

  get(topicId: string, partition: number): StorePartition | undefined {
    return this.#partitions.get(keyOf(topicId, partition))
  }

  /** Its log is about to be closed. */
  async closing(
    topicId: string,
    partition: number,
    { isGone }: { isGone: boolean },
  ): Promise<void> {
    const key = keyOf(topicId, partition)
    const opened = this.#partitions.get(key)
    if (opened === undefined) return
    this.#partitions.delete(key)
    if (!isGone) {
      await opened.close()
      return
    }
    // What cannot be removed now goes at the next start.
    const { disk } = this.#options.host
    await ignoringDisk(async () => {
      const names = (await disk.list(INDEX_FOLDER)).filter((name) => name.startsWith(`${key}.`))
      for (const name of names) await disk.remove(`${INDEX_FOLDER}/${name}`)
    })
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}-${partition}`
}
