import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BufferPool } from './buffer-pool.ts'

const KIB = 1024
const MIB = 1024 * 1024

describe('the buffer pool', () => {
  it('gives memory that was given back, for any frame of about that size', () => {
    const pool = new BufferPool(MIB)
    const first = pool.take(100_000)
    pool.give(first)

    const second = pool.take(103_000)

    assert.equal(second.length, 103_000)
    assert.equal(second.buffer, first.buffer)
    assert.equal(pool.idleBytes, 0)
  })

  it('never gives the same memory twice', () => {
    const pool = new BufferPool(MIB)
    const frames = [50_000, 50_000, 50_000].map((bytes) => pool.take(bytes))
    for (const frame of frames) pool.give(frame)

    const again = [50_000, 50_000, 50_000, 50_000].map((bytes) => pool.take(bytes))

    assert.equal(new Set(again.map((frame) => frame.buffer)).size, 4)
  })

  it('is exact about lengths and wastes at most a fifth', () => {
    const pool = new BufferPool(0)
    for (let bytes = 1; bytes < 3 * MIB; bytes += 7919) {
      const frame = pool.take(bytes)

      assert.equal(frame.length, bytes)
      if (bytes >= 16 * KIB) assert.ok(frame.buffer.byteLength <= bytes * 1.25)
    }
  })

  it('keeps no more than its bound, and only what it gave', () => {
    const pool = new BufferPool(150_000)
    const frames = [100_000, 100_000].map((bytes) => pool.take(bytes))

    for (const frame of frames) pool.give(frame)
    pool.give(Buffer.alloc(100_000))
    pool.give(Buffer.alloc(5 * MIB))
    pool.give(Buffer.alloc(200_000).subarray(100, 50_000))

    assert.ok(pool.idleBytes > 0 && pool.idleBytes <= 150_000)
  })
})
