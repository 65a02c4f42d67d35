// What is kept of an event whose redrive came to nothing. Pure.

import type { Failure, ParkReason } from '../parking-lot.ts'
import type { ParkedEvent } from './parked-record.ts'

/** @param failure of this redrive alone; the count goes on from what there was */
export function failedAgain(
  event: ParkedEvent,
  failure: Failure,
  codeVersion: string,
): ParkedEvent {
  // No handler ran: it is as unreadable as before.
  const isUnchanged = failure.attempts === 0 && event.reason !== 'follows'
  const reason: ParkReason = isUnchanged ? event.reason : 'failed'
  return { ...putBack(event, reason, failure), codeVersion }
}

export function endedProcess(event: ParkedEvent, starts: number, nowMs: number): ParkedEvent {
  return putBack(event, 'crashed', {
    attempts: starts,
    firstFailedMs: nowMs,
    lastFailedMs: nowMs,
    errorName: 'ProcessEnded',
    errorMessage: `The process ended ${starts} times while this event was redriven.`,
    errorCode: undefined,
    stack: undefined,
  })
}

function putBack(event: ParkedEvent, reason: ParkReason, failure: Failure): ParkedEvent {
  return {
    ...event,
    reason,
    // A follower that failed is now what its key waits for.
    holdsKey: event.holdsKey || event.reason === 'follows',
    failure: {
      ...failure,
      attempts: (event.failure?.attempts ?? 0) + failure.attempts,
      firstFailedMs: event.failure?.firstFailedMs ?? failure.firstFailedMs,
    },
  }
}
