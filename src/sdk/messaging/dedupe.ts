// The port to de-duplication: an event of a group is claimed in the same transaction in which its
// handler writes, so that a repetition finds either both or neither.

import type { SqlTransaction } from '../transport/tables.ts'

export interface Claim {
  readonly group: string
  /** With its source it is unique: two services may use the same ids. */
  readonly eventId: string
  readonly eventSource: string
  readonly nowMs: number
}

/** `outputs` is what the work resolved with, now or when the event was first handled. */
export interface Claimed {
  readonly kind: 'handled' | 'duplicate'
  readonly outputs: Uint8Array
}

export interface Dedupe {
  /** Makes its tables if they are missing. Called once, before the first event. */
  prepare(): Promise<void>
  /**
   * Claims, and runs `work` in the claiming transaction; for an event that is claimed already, `work`
   * is not run. What `work` resolves with is kept beside the claim: the events that the handler
   * published, which must go out even when the process died between this commit and sending them.
   * @throws what `work` threw; then nothing is claimed
   */
  once(claim: Claim, work: (transaction: SqlTransaction) => Promise<Uint8Array>): Promise<Claimed>
}
