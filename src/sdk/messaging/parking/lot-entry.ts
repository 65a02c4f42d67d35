// One parked event as the owner of its partition remembers it: all but its bytes, which stay in the
// parked topic until they are wanted.

import type { Position } from '../../events/record.ts'
import type { ParkReason } from '../parking-lot.ts'

export interface LotEntry {
  readonly source: Position
  /** Where its newest record stands in the parked topic. */
  readonly parkedOffset: number
  readonly parkedMs: number
  readonly reason: ParkReason
  readonly holdsKey: boolean
  /** As base64; null for an event without a key. */
  readonly key: string | null
  /** Runs of the handler so far, redrives included; 0 for a follower. */
  readonly attempts: number
  readonly firstFailedMs: number | undefined
  readonly lastFailedMs: number | undefined
  readonly fingerprint: string
}

export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64')
}
