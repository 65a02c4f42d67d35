import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TokenBucket } from './token-bucket.ts'

describe('a bucket of tokens', () => {
  it('is full at first, and may be overdrawn once', () => {
    const bucket = new TokenBucket(10)

    bucket.take(60, 5, 0)

    assert.equal(bucket.delayMs(5, 0), 2000, '10 tokens too many, 5 a second')
    assert.equal(bucket.delayMs(5, 2000), 0)
  })

  it('holds no more than its seconds allow, however long nobody took any', () => {
    const bucket = new TokenBucket(10)
    bucket.take(50, 5, 0)

    bucket.take(55, 5, 1_000_000)

    assert.equal(bucket.delayMs(5, 1_000_000), 1000)
  })
})
