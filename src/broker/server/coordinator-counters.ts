// How often each branch of the coordinators' recovery ran in this process, as in
// `log/recovery-counters.ts`: a test that never reached one of them has not tried it.

export interface CoordinatorCounters {
  /** Open at the stop, and open again. */
  openTransactionsFound: number
  /** The decision was durable at the stop; markers were written after the start. */
  endsResumed: number
  /** Markers that could not be written were tried again. */
  markersRetried: number
  /** A decision could not be written, and the transaction went back to what is durable. */
  transactionsUndone: number
  groupsFound: number
  /** Offsets that count with a transaction were read back. */
  stagedOffsetsFound: number
  /** Markers in a group's log settled what was staged before them. */
  stagedOffsetsSettled: number
  /** A group's record could not be written, and it went back to what is durable. */
  groupsUndone: number
}

export const coordinatorCounters: CoordinatorCounters = {
  openTransactionsFound: 0,
  endsResumed: 0,
  markersRetried: 0,
  transactionsUndone: 0,
  groupsFound: 0,
  stagedOffsetsFound: 0,
  stagedOffsetsSettled: 0,
  groupsUndone: 0,
}
