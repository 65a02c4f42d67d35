// What the codecs that work in blocks share: a walk over a compressed frame, written once for both
// the synchronous and the asynchronous form, and the error of all codecs.

import { gather } from './gather.ts'

/** A raw block to decompress, and for lz4 the bytes before it that it may refer to. */
export interface Block {
  readonly bytes: Buffer
  readonly history: Buffer | undefined
}

/** Walks a frame: yields its blocks, is given each one decompressed, returns the parts of the whole. */
export type BlockWalk = Generator<Block, Buffer[], Buffer>

export type CodecErrorCode = 'corrupt' | 'too-large'

/** Compressed bytes that do not decompress, or to more than was allowed. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
  readonly code: CodecErrorCode

  constructor(code: CodecErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

export function tooLarge(maxBytes: number): CodecError {
  return new CodecError('too-large', `decompresses to more than ${maxBytes} bytes`)
}

export function corrupt(message: string, cause?: unknown): CodecError {
  return new CodecError('corrupt', message, cause)
}

export function runWalk(walk: BlockWalk, decompressBlock: (block: Block) => Buffer): Buffer {
  let step = walk.next(EMPTY)
  while (step.done !== true) step = walk.next(decompressBlock(step.value))
  return step.value.length === 1 ? step.value[0]! : Buffer.concat(step.value)
}

export async function runWalkAsync(
  walk: BlockWalk,
  decompressBlock: (block: Block) => Promise<Buffer>,
): Promise<Buffer> {
  let step = walk.next(EMPTY)
  while (step.done !== true) step = walk.next(await decompressBlock(step.value))
  return gather(step.value)
}

/** The first call of `next` starts the walk; what it is given goes nowhere. */
const EMPTY = Buffer.alloc(0)
