// What becomes of an event whose handler failed. Pure.

export interface FailedAttempt {
  /** How often it has failed, this time included. */
  readonly failures: number
  readonly attempts: number
  /** `retryIf` says that trying again is of no use. */
  readonly isPermanent: boolean
  /** Events of several keys fail: it is not this event's fault, and not counted. */
  readonly isOutage: boolean
  /** Not so many were parked that the code is suspected. */
  readonly mayPark: boolean
  /** It came out of the lot, and goes back there. */
  readonly isRedriven: boolean
  readonly mode: 'hold-key' | 'retry-topic'
  readonly whenExhausted: 'park-key' | 'park-event' | 'stop'
}

/**
 * `retry` waits by the backoff; `wait` waits for the circuit, uncounted; `hold` opens the circuit,
 * because nothing more may be parked; `give-back` leaves a redriven event in the lot.
 */
export type Verdict =
  | 'retry'
  | 'retry-topic'
  | 'wait'
  | 'hold'
  | 'park-key'
  | 'park-event'
  | 'stop'
  | 'give-back'

export function judgeFailure(failed: FailedAttempt): Verdict {
  if (failed.isOutage && !failed.isPermanent) return 'wait'
  const isExhausted = failed.isPermanent || failed.failures >= failed.attempts
  if (!isExhausted) {
    return failed.mode === 'retry-topic' && !failed.isRedriven ? 'retry-topic' : 'retry'
  }
  if (failed.isRedriven) return 'give-back'
  if (failed.whenExhausted === 'stop') return 'stop'
  return failed.mayPark ? failed.whenExhausted : 'hold'
}
