// Follows the transactions of a log while compaction reads it from its start: which data was aborted,
// and which markers nothing depends on any more. Pure state, fed in offset order.
// Invariant: a marker may go only when no batch of its transaction, not even an empty one, was met
// before it. Source: KIP-98; KIP-534 for the horizon that the caller waits for as well.

import { readControlMarker } from '../batch/control-marker.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { AbortedTransaction } from './transaction-index.ts'

export interface MarkerVerdict {
  /** No batch of its transaction is left. */
  readonly isSpent: boolean
  /** What the transaction index must go on saying. */
  readonly aborted: AbortedTransaction | undefined
}

interface OpenAbort {
  readonly transaction: AbortedTransaction
  hasData: boolean
}

export class CleanedTransactions {
  /** Not begun yet, the first one last. */
  readonly #coming: AbortedTransaction[]
  readonly #aborting = new Map<number, OpenAbort>()
  readonly #committing = new Set<number>()

  /** @param aborted all that have a record in what is going to be read */
  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** A batch of data was read. @returns whether it belongs to an aborted transaction */
  isAborted(header: BatchHeader): boolean {
    this.#beginUpTo(header.lastOffset)
    if (!header.isTransactional) return false
    const aborting = this.#aborting.get(header.producerId)
    if (aborting === undefined) {
      this.#committing.add(header.producerId)
      return false
    }
    aborting.hasData = true
    return true
  }

  /** A control batch was read. */
  judgeMarker(header: BatchHeader, batch: Buffer): MarkerVerdict {
    this.#beginUpTo(header.lastOffset)
    const { kind } = readControlMarker(batch)
    const { producerId } = header
    if (kind === 'commit')
      return { isSpent: !this.#committing.delete(producerId), aborted: undefined }
    // One of a newer kind is not ours to judge; an empty one says nothing.
    if (kind === 'other') return { isSpent: header.recordCount === 0, aborted: undefined }
    const aborting = this.#aborting.get(producerId)
    this.#aborting.delete(producerId)
    const hasData = aborting?.hasData === true
    // Emptied batches may be left of one that the index has forgotten.
    const hasOther = this.#committing.delete(producerId)
    return { isSpent: !hasData && !hasOther, aborted: hasData ? aborting.transaction : undefined }
  }

  #beginUpTo(offset: number): void {
    for (;;) {
      const next = this.#coming.at(-1)
      if (next === undefined || next.firstOffset > offset) return
      this.#coming.pop()
      this.#aborting.set(next.producerId, { transaction: next, hasData: false })
    }
  }
}
