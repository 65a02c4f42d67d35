import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameAssembly } from './frame-assembly.ts'

const MAX_BYTES = 8 * 1024 * 1024

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** Bodies of growing size, so that a mixed-up frame shows. */
function bodies(sizes: number[]): Buffer[] {
  return sizes.map((size, index) => Buffer.alloc(size, index + 1))
}

function assemble(stream: Buffer, chunkBytes: number) {
  const assembly = new FrameAssembly(MAX_BYTES)
  const frames: Buffer[] = []
  for (let at = 0; at < stream.length; at += chunkBytes) {
    // A copy, as from a socket: a view of a chunk must not show the next chunk's bytes.
    const chunk = Buffer.from(stream.subarray(at, at + chunkBytes))
    const fault = assembly.push(chunk, (frame) => frames.push(frame))
    assert.equal(fault, undefined)
  }
  return { frames, assembly }
}

describe('frame assembly', () => {
  it('yields the same frames however the stream is cut', () => {
    const sent = bodies([8, 100, 9, 70_000, 8, 33])
    const stream = Buffer.concat(sent.map(framed))

    for (const chunkBytes of [1, 2, 3, 5, 7, 11, 64, 1000, 65_536, stream.length]) {
      const { frames, assembly } = assemble(stream, chunkBytes)

      assert.deepEqual(frames, sent, `chunks of ${chunkBytes}`)
      assert.equal(assembly.reservedBytes, 0)
    }
  })

  it('yields a frame that lies within one chunk as a view of it', () => {
    const chunk = Buffer.concat([framed(Buffer.alloc(20, 7)), framed(Buffer.alloc(30, 8))])
    const frames: Buffer[] = []

    new FrameAssembly(MAX_BYTES).push(chunk, (frame) => frames.push(frame))

    assert.equal(frames.length, 2)
    for (const frame of frames) assert.equal(frame.buffer, chunk.buffer)
  })

  it('holds a large frame in memory only as its bytes arrive', () => {
    const assembly = new FrameAssembly(100 * 1024 * 1024)
    const head = Buffer.alloc(104)
    head.writeInt32BE(100 * 1024 * 1024)

    assembly.push(head, () => assert.fail('no frame is complete'))

    assert.ok(assembly.reservedBytes <= 2 * 1024 * 1024, `${assembly.reservedBytes}`)
    assert.equal(assembly.receivedBytes, 100)
  })

  it('assembles a frame that is larger than what is reserved at first', () => {
    const sent = bodies([5 * 1024 * 1024 + 3, 10])

    const { frames } = assemble(Buffer.concat(sent.map(framed)), 65_536)

    assert.deepEqual(frames, sent)
  })

  it('finds fault with negative, absurd and too short lengths, after the frames before them', () => {
    for (const length of [-1, -(2 ** 31), 0, 7, MAX_BYTES + 1, 2 ** 31 - 1]) {
      const bad = Buffer.alloc(4)
      bad.writeInt32BE(length)
      const frames: Buffer[] = []
      const stream = Buffer.concat([framed(Buffer.alloc(12)), bad])

      const fault = new FrameAssembly(MAX_BYTES).push(stream, (frame) => frames.push(frame))

      assert.equal(fault?.kind, 'fault', `length ${length}`)
      assert.equal(frames.length, 1)
    }
  })
})
