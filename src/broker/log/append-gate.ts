// The port of a topic whose records mean something to the broker: an event store. Whoever stands behind
// it is asked about every batch that clients append, at its turn, and hears of all that is in the log.
// A log without a gate pays one comparison per batch.

import type { BatchHeader } from '../batch/header.ts'
import type { Refusal } from './append-outcome.ts'
import type { PreparedBatch } from './prepare-batch.ts'

/** Where a batch would stand, and when that is. */
export interface AppendPlace {
  readonly baseOffset: number
  readonly nowMs: number
}

export type GateVerdict =
  /** The gate has learnt these records already; bytes and header are what is stored. */
  | { readonly kind: 'append'; readonly bytes: Buffer; readonly header: BatchHeader }
  /** Its records stand in the log: it is answered as they were. */
  | {
      readonly kind: 'known'
      readonly baseOffset: number
      /** Inclusive: durable before the answer. */
      readonly lastOffset: number
      readonly timestamp: number
    }
  | Refusal
  /** Refused because of what may not be durable yet: a power cut would make the answer a lie. */
  | { readonly kind: 'held'; readonly refusal: Refusal; readonly lastOffset: number }

export interface AppendGate {
  /** false while it still learns what is in the log: appends wait for `ready`. */
  readonly isReady: boolean
  ready(): Promise<void>
  /** Decides at once. @param batch checked by itself and by its producer's history */
  judge(batch: PreparedBatch, place: AppendPlace): GateVerdict
  /** A batch that was not judged here stands in the log: a marker, or one of the broker's own. */
  accepted(header: BatchHeader, bytes: Buffer, baseOffset: number): void
  /** Nothing from this offset on was kept. */
  refusedFrom(offset: number): void
}
