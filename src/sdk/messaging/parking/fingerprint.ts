// Failures that are one failure: the same error class, the same event type, and a message that differs
// only in what was being handled. Pure, and the same in every process, for a fingerprint travels with
// the parked event.

import { createHash } from 'node:crypto'
import type { ParkReason } from '../parking-lot.ts'

const FINGERPRINT_CHARACTERS = 8

/** Identities first, then quoted texts, then whatever has a digit in it. */
const VARYING = [
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi,
  /"[^"]*"|'[^']*'|`[^`]*`/g,
  /\b[\w.:@/-]*\d[\w.:@/-]*/g,
]

export function messageShape(message: string): string {
  return VARYING.reduce((shape, pattern) => shape.replaceAll(pattern, '#'), message)
}

/** @param eventType names the handler */
export function fingerprint(failure: {
  readonly reason: ParkReason
  readonly eventType: string
  readonly errorName: string
  readonly errorMessage: string
}): string {
  const { reason, eventType, errorName, errorMessage } = failure
  const shape = JSON.stringify([reason, eventType, errorName, messageShape(errorMessage)])
  return createHash('sha256').update(shape).digest('hex').slice(0, FINGERPRINT_CHARACTERS)
}
