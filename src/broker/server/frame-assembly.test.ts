import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BufferPool } from './buffer-pool.ts'
import { FrameAssembly, SCRATCH_BYTES } from './frame-assembly.ts'

const MIB = 1024 * 1024

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** Bodies that differ, so that a mixed-up frame shows. */
function bodies(sizes: number[]): Buffer[] {
  return sizes.map((size, index) => Buffer.alloc(size, index + 1))
}

function assembling(maxFrameBytes = 8 * MIB, mayReserve = true) {
  const scratch = Buffer.alloc(SCRATCH_BYTES)
  const frames: Buffer[] = []
  const faults: string[] = []
  const assembly = new FrameAssembly({
    maxFrameBytes,
    scratch,
    pool: new BufferPool(0),
    mayReserve: () => mayReserve,
    onFrame: (frame) => frames.push(frame),
    onFault: (reason) => faults.push(reason),
  })
  /** As a socket does it: at most `chunkBytes` at a time, wherever the assembly wants them. */
  const receive = (stream: Buffer, chunkBytes = stream.length) => {
    for (let at = 0; at < stream.length; ) {
      const target = assembly.target()
      assert.ok(target.length > 0)
      const count = stream.copy(target, 0, at, at + chunkBytes)
      at += count
      assembly.filled(count)
      scratch.fill(0xee) // another connection's bytes
    }
  }
  return { assembly, frames, faults, receive }
}

describe('frame assembly', () => {
  it('yields the same frames however the stream is cut', () => {
    const sent = bodies([8, 100, 9, 70_000, 8, 33, 40_000, 511, 512, 513])
    const stream = Buffer.concat(sent.map(framed))

    for (const chunkBytes of [1, 2, 3, 5, 7, 11, 64, 1000, 65_536, stream.length]) {
      const { frames, faults, assembly, receive } = assembling()

      receive(stream, chunkBytes)

      assert.deepEqual(frames, sent, `chunks of ${chunkBytes}`)
      assert.deepEqual(faults, [])
      assert.equal(assembly.reservedBytes, 0)
    }
  })

  it('receives all but the beginning of a large frame where it stays', () => {
    const { assembly, receive, frames } = assembling()
    const stream = framed(Buffer.alloc(MIB, 7))
    receive(stream)

    receive(stream.subarray(0, 100))

    assert.equal(assembly.reservedBytes, MIB)
    assert.equal(assembly.target().byteOffset % MIB, 96)
    receive(stream.subarray(100))
    assert.equal(frames.length, 2)
  })

  it('holds a large frame in memory only as its bytes arrive', () => {
    const { assembly, receive, frames } = assembling(100 * MIB)
    const head = Buffer.alloc(104)
    head.writeInt32BE(100 * MIB)

    receive(head)

    assert.ok(assembly.reservedBytes <= 2 * MIB, `${assembly.reservedBytes}`)
    assert.equal(assembly.receivedBytes, 100)
    assert.deepEqual(frames, [])
  })

  it('takes memory only as bytes arrive when it may not set it aside', () => {
    const { assembly, receive, frames } = assembling(8 * MIB, false)
    const stream = framed(Buffer.alloc(MIB, 7))

    receive(stream.subarray(0, 300_000), 65_536)
    assert.ok(assembly.reservedBytes < 2 * 300_000)
    receive(stream.subarray(300_000), 65_536)

    assert.deepEqual(frames, [stream.subarray(4)])
  })

  it('assembles a frame that is larger than what is reserved at first', () => {
    const sent = bodies([5 * MIB + 3, 10])
    const { frames, receive } = assembling()

    receive(Buffer.concat(sent.map(framed)), 65_536)

    assert.deepEqual(frames, sent)
  })

  it('finds fault with negative, absurd and too short lengths, after the frames before them', () => {
    for (const length of [-1, -(2 ** 31), 0, 7, 8 * MIB + 1, 2 ** 31 - 1]) {
      const bad = Buffer.alloc(4)
      bad.writeInt32BE(length)
      const { frames, faults, receive } = assembling()

      receive(Buffer.concat([framed(Buffer.alloc(12)), bad]))

      assert.equal(faults.length, 1)
      assert.match(faults[0]!, new RegExp(`a frame of ${length} bytes`))
      assert.equal(frames.length, 1)
    }
  })
})
