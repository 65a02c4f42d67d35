// Bytes that are no good batch: the torn end of a write that a crash cut short, or damage to what was
// once durable? The first is cut off, the second must never be: it would take good batches with it.
// Torn: no good batch follows, or the hole is a page that never reached the disk. A file system shows
// such a page as zeros up to a sector's border; rot does not come in whole sectors of zeros.

import type { Timers } from '../../host/clock.ts'
import { BATCH_OVERHEAD_BYTES, readBaseOffset } from '../batch/header.ts'
import { hasSaneHeader, isIntactBatch } from './intact-batch.ts'
import type { Segment } from './segment.ts'

const SECTOR_BYTES = 512
/** Fewer zeros than this at the start of a sector may well be data. */
const MIN_ZEROS = 32
const WINDOW_BYTES = 1024 * 1024

export type DamageKind =
  /** Nothing good follows: cut it off. */
  | 'torn-tail'
  /** Good batches follow, but so do pages that were never written: all of it was unsynced. */
  | 'lost-page'
  /** Good batches follow: what was durable is damaged. */
  | 'corruption'

export interface Damage {
  readonly kind: DamageKind
  readonly position: number
  /** Of the first good batch behind the damage; -1 when there is none. */
  readonly nextGoodPosition: number
}

export interface DamageSite {
  readonly timers: Timers
  /** Where the good bytes end. */
  readonly position: number
  /** The offset that comes next there. */
  readonly offset: number
  /** Exclusive. */
  readonly endPosition: number
}

export async function judgeDamage(segment: Segment, site: DamageSite): Promise<Damage> {
  const { position, endPosition } = site
  const nextGoodPosition = await findGoodBatch(segment, site)
  if (nextGoodPosition < 0) return { kind: 'torn-tail', position, nextGoodPosition }
  const end = Math.min(nextGoodPosition, endPosition)
  const isLost = await hasLostPage(segment, { position, end, timers: site.timers })
  return { kind: isLost ? 'lost-page' : 'corruption', position, nextGoodPosition }
}

/** The first intact batch behind the damage that carries the log on; -1 when there is none. */
async function findGoodBatch(segment: Segment, site: DamageSite): Promise<number> {
  const { timers, endPosition, offset } = site
  let from = site.position + 1
  while (from + BATCH_OVERHEAD_BYTES <= endPosition) {
    const window = await segment.read(from, Math.min(WINDOW_BYTES, endPosition - from))
    const last = window.length - BATCH_OVERHEAD_BYTES
    for (let at = 0; at <= last; at++) {
      if (!mayBeBatch(window, at, offset)) continue
      if (await isGood(segment, from + at, endPosition)) return from + at
    }
    from += last + 1
    if (last < 0) break
    await timers.yield()
  }
  return -1
}

function mayBeBatch(window: Buffer, at: number, offset: number): boolean {
  // Cheap first: most bytes fail the magic.
  return window[at + 16] === 2 && hasSaneHeader(window, at) && readBaseOffset(window, at) >= offset
}

async function isGood(segment: Segment, position: number, endPosition: number): Promise<boolean> {
  const prefix = await segment.read(position, BATCH_OVERHEAD_BYTES)
  const size = 12 + prefix.readInt32BE(8)
  if (position + size > endPosition) return false
  return isIntactBatch(await segment.read(position, size), 0)
}

/** Whether some sector of the stretch is zeros from where the stretch enters it to its border. */
async function hasLostPage(
  segment: Segment,
  { position, end, timers }: { position: number; end: number; timers: Timers },
): Promise<boolean> {
  let at = position
  while (at < end) {
    const window = await segment.read(at, Math.min(WINDOW_BYTES, end - at))
    let start = 0
    while (start < window.length) {
      const border = SECTOR_BYTES - ((at + start) % SECTOR_BYTES)
      const piece = window.subarray(start, start + border)
      if (piece.length >= MIN_ZEROS && isZero(piece)) return true
      start += border
    }
    at += window.length
    if (window.length === 0) return false
    await timers.yield()
  }
  return false
}

function isZero(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0) return false
  return true
}
