// The lz4 frame format around raw blocks. Walked here, and not by the library, because only so the
// result is bounded while it grows, whatever sizes the frame claims or leaves out.
// Source: the lz4 frame format description, version 1.6. Little-endian:
//
//   4      magic 0x184D2204
//   1      FLG: bits 7-6 version (01), 5 blocks are independent, 4 block checksums,
//               3 content size, 2 content checksum, 0 dictionary id
//   1      BD: bits 6-4 largest block: 4 = 64 KB, 5 = 256 KB, 6 = 1 MB, 7 = 4 MB
//   0 | 8  content size
//   0 | 4  dictionary id
//   1      header checksum
//   ...    blocks: 4 bytes of size (bit 31: stored as it is), the bytes, 0 | 4 bytes of checksum
//   4      zero: the end of the blocks
//   0 | 4  content checksum
//
// The checksums are skipped: see codec.ts. Frames may follow each other.

import { type BlockWalk, corrupt, tooLarge } from './codec-block.ts'

const MAGIC = 0x184d_2204
const VERSION_MASK = 0xc0
const VERSION_1 = 0x40
const INDEPENDENT_FLAG = 0x20
const BLOCK_CHECKSUM_FLAG = 0x10
const CONTENT_SIZE_FLAG = 0x08
const CONTENT_CHECKSUM_FLAG = 0x04
const DICTIONARY_FLAG = 0x01
const STORED_FLAG = 0x8000_0000
/** How far back a block that depends on others may refer. */
const HISTORY_BYTES = 64 * 1024
/** A compressed byte stands for at most this many; the rest is for the shortest blocks. */
const MOST_PER_BYTE = 255
const SHORTEST_BYTES = 64
const CHECKSUM_BYTES = 4
const EMPTY = Buffer.alloc(0)

interface FrameHeader {
  readonly blocksAt: number
  readonly maxBlockBytes: number
  readonly areBlocksIndependent: boolean
  readonly blockChecksumBytes: number
  readonly contentChecksumBytes: number
}

/** @throws CodecError corrupt, too-large */
export function* lz4Blocks(bytes: Buffer, maxBytes: number): BlockWalk {
  const parts: Buffer[] = []
  let total = 0
  let at = 0
  do {
    const header = readFrameHeader(bytes, at)
    let history: Buffer = EMPTY
    at = header.blocksAt
    for (;;) {
      const size = uint32(bytes, at)
      at += 4
      if (size === 0) break
      const isStored = size >= STORED_FLAG
      const length = isStored ? size - STORED_FLAG : size
      if (length > header.maxBlockBytes) throw corrupt(`an lz4 block claims ${length} bytes`)
      const block = slice(bytes, at, length)
      at += length + header.blockChecksumBytes
      const part = isStored
        ? block
        : yield { bytes: withSize(block, header.maxBlockBytes), history: someOf(history) }
      total += part.length
      if (total > maxBytes) throw tooLarge(maxBytes)
      parts.push(part)
      if (!header.areBlocksIndependent) history = tail(history, part)
    }
    at += header.contentChecksumBytes
  } while (at < bytes.length)
  if (at > bytes.length) throw corrupt('the lz4 frame ends inside its last checksum')
  return parts
}

function readFrameHeader(bytes: Buffer, at: number): FrameHeader {
  if (uint32(bytes, at) !== MAGIC) throw corrupt('not an lz4 frame')
  const [flags, limits] = slice(bytes, at + 4, 2)
  if ((flags! & VERSION_MASK) !== VERSION_1) throw corrupt('an lz4 frame of another version')
  if ((flags! & DICTIONARY_FLAG) !== 0) throw corrupt('an lz4 frame that needs a dictionary')
  const sizeCode = (limits! >> 4) & 7
  if (sizeCode < 4) throw corrupt(`an lz4 frame with block size code ${sizeCode}`)
  return {
    blocksAt: at + 4 + 2 + ((flags! & CONTENT_SIZE_FLAG) !== 0 ? 8 : 0) + 1,
    maxBlockBytes: 2 ** (8 + 2 * sizeCode),
    areBlocksIndependent: (flags! & INDEPENDENT_FLAG) !== 0,
    blockChecksumBytes: (flags! & BLOCK_CHECKSUM_FLAG) !== 0 ? CHECKSUM_BYTES : 0,
    contentChecksumBytes: (flags! & CONTENT_CHECKSUM_FLAG) !== 0 ? CHECKSUM_BYTES : 0,
  }
}

/** The library takes a raw block behind the size that it may decompress to, at most. */
function withSize(block: Buffer, maxBlockBytes: number): Buffer {
  const sized = Buffer.allocUnsafe(4 + block.length)
  const most = Math.min(maxBlockBytes, block.length * MOST_PER_BYTE + SHORTEST_BYTES)
  sized.writeUInt32LE(most, 0)
  block.copy(sized, 4)
  return sized
}

function tail(history: Buffer, part: Buffer): Buffer {
  if (part.length >= HISTORY_BYTES) return part.subarray(part.length - HISTORY_BYTES)
  const both = Buffer.concat([history, part])
  return both.subarray(Math.max(0, both.length - HISTORY_BYTES))
}

function someOf(history: Buffer): Buffer | undefined {
  return history.length > 0 ? history : undefined
}

function uint32(bytes: Buffer, at: number): number {
  return slice(bytes, at, 4).readUInt32LE(0)
}

function slice(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) throw corrupt('the lz4 frame is cut short')
  return bytes.subarray(at, at + length)
}
