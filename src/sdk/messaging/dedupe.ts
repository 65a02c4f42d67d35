// The port to de-duplication: events of a group are claimed in the same transaction in which their
// handler writes, so that a repetition finds either both or neither.

import type { SqlTransaction } from '../transport/tables.ts'

export interface Claim {
  readonly group: string
  /** With its source it is unique: two services may use the same ids. */
  readonly eventId: string
  readonly eventSource: string
  readonly nowMs: number
}

export interface Claimed {
  /** Those that were handled now; the others had been before. */
  readonly fresh: readonly Claim[]
  /** What the work resolved with, now and whenever one of the others was first handled. */
  readonly outputs: readonly Uint8Array[]
}

export interface Dedupe {
  /** Makes its tables if they are missing. Called once, before the first event. */
  prepare(): Promise<void>
  /**
   * Claims, and runs `work` in the claiming transaction, once, for those that were not claimed yet; when
   * all of them were, `work` is not run. What it resolves with is kept beside the claims: the events that
   * the handler published, which must go out even when the process died between this commit and sending
   * them.
   * @param claims of the events that are handled together, at least one, and none twice
   * @throws what `work` threw; then nothing is claimed
   */
  once(
    claims: readonly Claim[],
    work: (transaction: SqlTransaction, fresh: readonly Claim[]) => Promise<Uint8Array>,
  ): Promise<Claimed>
}
