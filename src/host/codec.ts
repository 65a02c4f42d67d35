// The compression codecs of record batches, by the names that Kafka's configuration uses. The work
// itself is done by Node and by libraries; what is ours is the framing that Kafka gives lz4 and
// snappy, and the bound.
// Invariant: decompression never takes more memory than `maxBytes` and one block, whatever the input
// claims. Content checksums are not looked at: a record batch carries a CRC over all of it.
//
// The libraries are loaded when first used: snappy and lz4 together cost 30 ms of start-up.

import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { type Block, CodecError, corrupt, runWalk, runWalkAsync, tooLarge } from './codec-block.ts'
import { gather } from './gather.ts'
import { lz4Blocks } from './lz4-frame.ts'
import { framedSnappy, framedSnappyAsync, snappyBlocks } from './snappy-framing.ts'

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

const require = createRequire(import.meta.url)
let snappyLibrary: typeof import('snappy') | undefined
let lz4Library: typeof import('lz4-napi') | undefined

function snappy(): typeof import('snappy') {
  snappyLibrary ??= require('snappy')
  return snappyLibrary!
}

function lz4(): typeof import('lz4-napi') {
  lz4Library ??= require('lz4-napi')
  return lz4Library!
}

const gzipAsync = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip)
const zstdCompressAsync = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdCompress)
const zstdInfoSync: (bytes: Buffer, options: zlib.ZstdOptions) => unknown = zlib.zstdDecompressSync
/** Steps of zlib in the thread pool. */
const ENGINE = { chunkSize: 128 * 1024 }

/** In the form that Kafka's Java client writes: snappy in xerial's framing, lz4 as a frame. */
export function compressSync(codec: Codec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gzipSync(bytes)
    case 'snappy':
      return framedSnappy(bytes, (block) => snappy().compressSync(block))
    case 'lz4':
      return lz4().compressFrameSync(bytes)
    case 'zstd':
      return zlib.zstdCompressSync(bytes)
  }
}

/**
 * As `compressSync`, off the event loop.
 * @param level of gzip or zstd, as Kafka counts them; without it the codec's own default. The other
 *   codecs have none here.
 */
export async function compress(codec: Codec, bytes: Buffer, level?: number): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipAsync(bytes, level === undefined ? {} : { level })
    case 'snappy':
      return framedSnappyAsync(bytes, (block) => snappy().compress(block))
    case 'lz4':
      return lz4().compressFrame(bytes)
    case 'zstd':
      return zstdCompressAsync(bytes, zstdOptions(bytes, level))
  }
}

/** Told the size, zstd takes no more memory for its window than that: high levels want 128 MB. */
function zstdOptions({ length }: Buffer, level: number | undefined): zlib.ZstdOptions {
  const size = { pledgedSrcSize: length }
  if (level === undefined) return size
  return { ...size, params: { [zlib.constants.ZSTD_c_compressionLevel]: level } }
}

/**
 * Reads what any Kafka client writes: snappy raw or in xerial's framing, lz4 frames with blocks that
 * depend on each other or not.
 * @param limits.maxBytes of the result
 * @throws CodecError corrupt, too-large
 */
export function decompressSync(codec: Codec, bytes: Buffer, limits: { maxBytes: number }): Buffer {
  const { maxBytes } = limits
  try {
    switch (codec) {
      case 'none':
        return unchanged(bytes, maxBytes)
      case 'gzip':
        return zlib.gunzipSync(bytes, zlibLimits(maxBytes))
      case 'snappy':
        return runWalk(snappyBlocks(bytes, maxBytes), uncompressSnappy)
      case 'lz4':
        return runWalk(lz4Blocks(bytes, maxBytes), uncompressLz4)
      case 'zstd':
        return wholeZstd(bytes, zstdInfoSync(bytes, zstdLimits(maxBytes)))
    }
  } catch (error) {
    throw toCodecError(codec, maxBytes, error)
  }
}

/** As `decompressSync`, off the event loop. */
export async function decompress(
  codec: Codec,
  bytes: Buffer,
  { maxBytes }: { maxBytes: number },
): Promise<Buffer> {
  try {
    switch (codec) {
      case 'none':
        return unchanged(bytes, maxBytes)
      case 'gzip':
        return await throughEngine(zlib.createGunzip(ENGINE), bytes, maxBytes)
      case 'snappy':
        return await runWalkAsync(snappyBlocks(bytes, maxBytes), uncompressSnappyAsync)
      case 'lz4':
        return await runWalkAsync(lz4Blocks(bytes, maxBytes), uncompressLz4Async)
      case 'zstd':
        return await throughEngine(zlib.createZstdDecompress(ENGINE), bytes, maxBytes)
    }
  } catch (error) {
    throw toCodecError(codec, maxBytes, error)
  }
}

/** As Node's convenience functions do it, but for their last step, which is long for many bytes. */
async function throughEngine(
  engine: zlib.Gunzip | zlib.ZstdDecompress,
  bytes: Buffer,
  maxBytes: number,
): Promise<Buffer> {
  const parts: Buffer[] = []
  let total = 0
  engine.end(bytes)
  // Leaving the loop destroys the engine.
  for await (const part of engine as AsyncIterable<Buffer>) {
    total += part.length
    if (total > maxBytes) throw tooLarge(maxBytes)
    parts.push(part)
  }
  if (engine.bytesWritten < bytes.length) throw corrupt('bytes after the compressed ones')
  return gather(parts)
}

function unchanged(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

function zlibLimits(maxBytes: number) {
  return { maxOutputLength: Math.max(1, maxBytes) }
}

/** With `info`, Node tells how much of the input it used, though not in its types. */
function zstdLimits(maxBytes: number) {
  return { maxOutputLength: Math.max(1, maxBytes), info: true }
}

/** Node stops after the first zstd frame; whatever follows must not get lost unseen. */
function wholeZstd(bytes: Buffer, result: unknown): Buffer {
  const { buffer, engine } = decodeInfo(result)
  if (engine.bytesWritten < bytes.length) throw corrupt('bytes after the zstd frame')
  return buffer
}

function decodeInfo(result: unknown): { buffer: Buffer; engine: { bytesWritten: number } } {
  return result as { buffer: Buffer; engine: { bytesWritten: number } }
}

function uncompressSnappy({ bytes }: Block): Buffer {
  return asBuffer(snappy().uncompressSync(bytes))
}

async function uncompressSnappyAsync({ bytes }: Block): Promise<Buffer> {
  return asBuffer(await snappy().uncompress(bytes))
}

function uncompressLz4({ bytes, history }: Block): Buffer {
  return lz4().uncompressSync(bytes, history)
}

function uncompressLz4Async({ bytes, history }: Block): Promise<Buffer> {
  return lz4().uncompress(bytes, history)
}

function asBuffer(bytes: Buffer | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes) : bytes
}

function toCodecError(codec: Codec, maxBytes: number, error: unknown): CodecError {
  if (error instanceof CodecError) return error
  const isBound = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
  return isBound ? tooLarge(maxBytes) : corrupt(`not ${codec}: ${describe(error)}`, error)
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
