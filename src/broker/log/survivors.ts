// What of a batch stays when its log is compacted. Pure, but for what it is told of the log so far.
// Source: KIP-58, KIP-98 (producers, markers), KIP-534 (the time at which tombstones and markers go).
//
// A record stays while it is the last one of its key, or was not looked at yet. A tombstone that is
// the last one stays until the delete horizon in its batch. A record without key can have no last
// one and goes. A batch that tells of a producer's last sequences stays as a header.

import type { BatchHeader } from '../batch/header.ts'
import type { RecordCursor } from '../batch/record-cursor.ts'
import type { KeyMap } from './key-map.ts'
import type { ProducerEntry } from './producer-state.ts'

/** What becomes of a batch before its records are looked at. */
export type BatchFate =
  /** Each record is judged. */
  | { readonly kind: 'judged' }
  /** As it is, records and all. */
  | { readonly kind: 'whole'; readonly setsHorizon: boolean }
  | { readonly kind: 'emptied' }
  | { readonly kind: 'dropped' }

/** A horizon stands where the base timestamp was, see header.ts. */
export function hasHorizonPassed(header: BatchHeader, nowMs: number): boolean {
  return header.hasDeleteHorizon && header.baseTimestamp <= nowMs
}

/** @param isNeeded its offsets or its producer's sequences must stay */
export function fateOfData(
  header: BatchHeader,
  { isAborted, isNeeded }: { isAborted: boolean; isNeeded: boolean },
): BatchFate {
  if (!isAborted && header.recordCount > 0) return { kind: 'judged' }
  return { kind: isNeeded ? 'emptied' : 'dropped' }
}

/** A marker is small and says what an empty one could not: it stays whole or goes. */
export function fateOfMarker(
  header: BatchHeader,
  { isSpent, isNeeded, nowMs }: { isSpent: boolean; isNeeded: boolean; nowMs: number },
): BatchFate {
  const hasPassed = hasHorizonPassed(header, nowMs) || header.recordCount === 0
  if (isSpent && hasPassed && !isNeeded) return { kind: 'dropped' }
  const setsHorizon = isSpent && !header.hasDeleteHorizon && header.recordCount > 0
  return { kind: 'whole', setsHorizon }
}

export interface RecordJudge {
  readonly map: KeyMap
  /** Exclusive: the map knows what lies below. */
  readonly mapEndOffset: number
  readonly nowMs: number
}

export function staysRecord(
  record: RecordCursor,
  header: BatchHeader,
  { map, mapEndOffset, nowMs }: RecordJudge,
): boolean {
  const offset = header.baseOffset + record.offsetDelta
  if (offset >= mapEndOffset) return true
  const { key } = record
  if (key === null) return false
  if (offset < map.get(key)) return false
  return record.valueLength >= 0 || !hasHorizonPassed(header, nowMs)
}

/** The batches that tell what the producers of a log sent last. */
export class LastBatches {
  readonly #entries: ReadonlyMap<number, ProducerEntry>

  /** @param entries of the producers that are remembered now */
  constructor(entries: readonly ProducerEntry[]) {
    this.#entries = new Map(entries.map((entry) => [entry.producerId, entry]))
  }

  /** Kafka remembers one batch of each; here a resent one is known among the last five. */
  has(header: BatchHeader): boolean {
    const entry = this.#entries.get(header.producerId)
    if (entry === undefined) return false
    const { recentBatches, producerEpoch } = entry
    if (recentBatches.length === 0) {
      return header.isControlBatch && header.producerEpoch === producerEpoch
    }
    return recentBatches.some(({ lastOffset }) => lastOffset === header.lastOffset)
  }
}
