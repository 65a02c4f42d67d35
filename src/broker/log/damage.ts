// Bytes that are no good batch: the torn end of a write that a crash cut short, or damage to what was
// once durable? The first is cut off, the second must never be: it would take good batches with it.
// Torn: no good batch follows, or the hole is a page that never reached the disk. Such a sector shows
// what it held before: in a file that only grows, zeros from the end of an older write, so from the
// start of a batch, up to the sector's border. Rot does not come in whole sectors of zeros.

import type { Timers } from '../../host/clock.ts'
import { BATCH_OVERHEAD_BYTES, readBaseOffset, writeBaseOffset } from '../batch/header.ts'
import { hasSaneHeader, isIntactBatch } from './intact-batch.ts'
import type { Segment } from './segment.ts'

const SECTOR_BYTES = 512
/** A batch's offset and length: the length at least is never zero. */
const PREFIX_BYTES = 12
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
  // The good batch itself may begin in the lost sector: with the zeros that an offset begins with.
  const prefix = await segment.read(nextGoodPosition, PREFIX_BYTES)
  const zeros = prefix.findIndex((byte) => byte !== 0)
  const end = Math.min(nextGoodPosition + zeros, endPosition)
  const isLost = await hasLostPage(segment, { ...site, endPosition: end })
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

/** Whether a sector of the stretch is zeros from where the stretch enters it to its border. */
async function hasLostPage(segment: Segment, site: DamageSite): Promise<boolean> {
  const { position, endPosition, offset, timers } = site
  let at = position + SECTOR_BYTES - (position % SECTOR_BYTES)
  if (at > endPosition) return false
  if (isUnwrittenStart(await segment.read(position, at - position), offset)) return true
  while (at + SECTOR_BYTES <= endPosition) {
    const length = Math.min(WINDOW_BYTES, endPosition - at)
    const window = await segment.read(at, length - (length % SECTOR_BYTES))
    if (window.length < SECTOR_BYTES) return false
    for (let start = 0; start < window.length; start += SECTOR_BYTES) {
      if (isZero(window.subarray(start, start + SECTOR_BYTES))) return true
    }
    at += window.length
    await timers.yield()
  }
  return false
}

/** Zeros where the batch of that offset would start, and where it would not itself be zeros. */
function isUnwrittenStart(piece: Buffer, offset: number): boolean {
  if (!isZero(piece)) return false
  if (piece.length >= PREFIX_BYTES) return true
  const written = Buffer.alloc(PREFIX_BYTES)
  writeBaseOffset(written, 0, offset)
  return !isZero(written.subarray(0, piece.length))
}

function isZero(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0) return false
  return true
}
