// Snappy as Kafka's clients write it: raw (librdkafka, Go) or in the framing of the xerial Java
// library, which Kafka's own client uses. Big-endian:
//
//   8      magic: 0x82 "SNAPPY" 0x00
//   4      version (1)
//   4      the lowest version that can read it (1)
//   ...    blocks: 4 bytes of length, that many bytes of raw snappy
//
// A raw block begins with its decompressed length as a varint, so the whole size is known, and is
// compared with the bound, before anything is decompressed.

import { type BlockWalk, corrupt, tooLarge } from './codec-block.ts'
import { gather } from './gather.ts'

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const HEADER_BYTES = 16
const VERSION = 1
/** What the Java client puts into one block. */
const BLOCK_BYTES = 32 * 1024
const MAX_VARINT_BYTES = 5

/** @throws CodecError corrupt, too-large */
export function* snappyBlocks(bytes: Buffer, maxBytes: number): BlockWalk {
  const blocks = isFramed(bytes) ? cutFrame(bytes) : [bytes]
  let total = 0
  for (const block of blocks) total += decompressedBytes(block)
  if (total > maxBytes) throw tooLarge(maxBytes)
  const parts: Buffer[] = []
  for (const block of blocks) parts.push(yield { bytes: block, history: undefined })
  return parts
}

export function framedSnappy(bytes: Buffer, compressBlock: (block: Buffer) => Buffer): Buffer {
  const parts = [frameHeader()]
  for (const block of cutBlocks(bytes)) pushBlock(parts, compressBlock(block))
  return Buffer.concat(parts)
}

export async function framedSnappyAsync(
  bytes: Buffer,
  compressBlock: (block: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  const parts = [frameHeader()]
  for (const block of cutBlocks(bytes)) pushBlock(parts, await compressBlock(block))
  return gather(parts)
}

function frameHeader(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeInt32BE(VERSION, 8)
  header.writeInt32BE(VERSION, 12)
  return header
}

function* cutBlocks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) yield bytes.subarray(at, at + BLOCK_BYTES)
}

function pushBlock(parts: Buffer[], block: Buffer): void {
  const length = Buffer.allocUnsafe(4)
  length.writeInt32BE(block.length, 0)
  parts.push(length, block)
}

function isFramed(bytes: Buffer): boolean {
  return (
    bytes.length >= HEADER_BYTES && bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0
  )
}

function cutFrame(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  let at = HEADER_BYTES
  while (at < bytes.length) {
    if (at + 4 > bytes.length) throw corrupt('the snappy frame is cut short')
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0 || at + length > bytes.length) {
      throw corrupt(`a snappy block claims ${length} bytes, ${bytes.length - at} are left`)
    }
    blocks.push(bytes.subarray(at, at + length))
    at += length
  }
  return blocks
}

function decompressedBytes(block: Buffer): number {
  let value = 0
  for (let index = 0; index < MAX_VARINT_BYTES && index < block.length; index++) {
    const byte = block[index]!
    value += (byte & 0x7f) * 0x80 ** index
    if (byte < 0x80) return value
  }
  throw corrupt('a snappy block without its length')
}
