// Fetches that wait for data: a long poll ends when enough bytes are readable, when time is up, when
// a partition it reads goes away, when its connection closes, when access rules change, or when the
// broker stops.
// Invariant: nobody polls. A waiting fetch costs one timer and one subscription per partition, and
// leaves neither behind. Source: KIP-74; Kafka's own name for it is delayed fetch.

import type { Timers } from '../../host/clock.ts'
import type { PartitionLog } from '../log/partition-log.ts'

export type ReadLimit = 'highWatermark' | 'lastStableOffset'

/** One partition that a fetch waits on. */
export interface AwaitedPartition {
  readonly log: Pick<PartitionLog, 'readableBytes' | 'onAdvance' | 'state' | 'logStartOffset'>
  readonly fromOffset: number
  readonly maxBytes: number
}

export interface FetchWait {
  readonly partitions: readonly AwaitedPartition[]
  readonly upTo: ReadLimit
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly connection: { readonly isClosed: boolean; onClose(listener: () => void): () => void }
}

/** Bytes that a fetch of this partition would return now, at most what it asks for. */
export function readableBytes(awaited: AwaitedPartition, upTo: ReadLimit): number {
  return Math.min(awaited.maxBytes, awaited.log.readableBytes(awaited.fromOffset, upTo))
}

export class DelayedFetches {
  readonly #timers: Timers
  readonly #wakers = new Set<() => void>()
  #isStopped = false

  /** @param authorizer whoever waits asks again when its rules change */
  constructor(timers: Timers, authorizer?: { onChange(listener: () => void): void }) {
    this.#timers = timers
    authorizer?.onChange(() => this.#wakeAll())
  }

  get waitingCount(): number {
    return this.#wakers.size
  }

  /** Resolves when the fetch should read; it looks at everything afresh then. */
  wait(fetch: FetchWait): Promise<void> {
    if (this.#isStopped || fetch.connection.isClosed) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const { partitions, upTo, minBytes } = fetch
    const readable = partitions.map((awaited) => readableBytes(awaited, upTo))
    let total = readable.reduce((sum, bytes) => sum + bytes, 0)

    const subscriptions: (() => void)[] = []
    const wake = () => {
      if (!this.#wakers.delete(wake)) return
      timer.cancel()
      for (const unsubscribe of subscriptions) unsubscribe()
      resolve()
    }
    const onAdvance = (index: number) => {
      const awaited = partitions[index]!
      const bytes = readableBytes(awaited, upTo)
      total += bytes - readable[index]!
      readable[index] = bytes
      if (total >= minBytes || !isServing(awaited)) wake()
    }
    const timer = this.#timers.after(fetch.maxWaitMs, wake)
    this.#wakers.add(wake)
    subscriptions.push(fetch.connection.onClose(wake))
    partitions.forEach((awaited, index) => {
      subscriptions.push(awaited.log.onAdvance(() => onAdvance(index)))
    })
    return promise
  }

  /** The broker stops: whoever waits is answered with what there is, and nobody waits any more. */
  stop(): void {
    this.#isStopped = true
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}

/** Whether this is still a partition that the fetch may wait on. */
function isServing({ log, fromOffset }: AwaitedPartition): boolean {
  return log.state === 'online' && fromOffset >= log.logStartOffset
}
