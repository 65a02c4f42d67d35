// The aborted transactions of a segment, in memory and in Kafka's file format (KIP-98):
//
//   at  bytes  entry
//    0    2    version (0)
//    2    8    producerId
//   10    8    firstOffset        of the transaction in this partition
//   18    8    lastOffset         its abort marker
//   26    8    lastStableOffset   once this transaction was over: no entry that ends later
//                                 can matter to a reader below it
//
// Invariant: entries stand in the order of their markers. Most segments have none and no file.

import { writeInt64 } from '../batch/header.ts'

const ENTRY_BYTES = 34
const VERSION = 0

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Inclusive: the offset of the abort marker. */
  readonly lastOffset: number
  readonly lastStableOffset: number
}

export function encodeTransactionIndex(entries: readonly AbortedTransaction[]): Buffer {
  const bytes = Buffer.allocUnsafe(entries.length * ENTRY_BYTES)
  entries.forEach((entry, i) => {
    const at = i * ENTRY_BYTES
    bytes.writeInt16BE(VERSION, at)
    writeInt64(bytes, at + 2, entry.producerId)
    writeInt64(bytes, at + 10, entry.firstOffset)
    writeInt64(bytes, at + 18, entry.lastOffset)
    writeInt64(bytes, at + 26, entry.lastStableOffset)
  })
  return bytes
}

/** @returns undefined when the bytes are no such index */
export function decodeTransactionIndex(bytes: Buffer): AbortedTransaction[] | undefined {
  if (bytes.length % ENTRY_BYTES !== 0) return undefined
  const entries: AbortedTransaction[] = []
  let lastOffset = -1
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const entry = {
      producerId: Number(bytes.readBigInt64BE(at + 2)),
      firstOffset: Number(bytes.readBigInt64BE(at + 10)),
      lastOffset: Number(bytes.readBigInt64BE(at + 18)),
      lastStableOffset: Number(bytes.readBigInt64BE(at + 26)),
    }
    const isSane = bytes.readInt16BE(at) === VERSION && entry.lastOffset > lastOffset
    // A marker stands behind what it aborts. Zeros, which a power cut may leave, say otherwise.
    if (!isSane || entry.firstOffset >= entry.lastOffset) return undefined
    lastOffset = entry.lastOffset
    entries.push(entry)
  }
  return entries
}

/** The transactions whose records a reader of `fromOffset` up to `endOffset` must leave out. */
export function overlapping(
  entries: readonly AbortedTransaction[],
  { fromOffset, endOffset }: { fromOffset: number; endOffset: number },
): AbortedTransaction[] {
  return entries.filter((e) => e.lastOffset >= fromOffset && e.firstOffset < endOffset)
}
