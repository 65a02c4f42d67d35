import assert from 'node:assert/strict'
import { it } from 'node:test'
import { murmur2, partitionOfKey } from './murmur2.ts'

it('keys hash as in the Java client', () => {
  // Origin: what Utils.murmur2 of kafka-clients 4.3.1 returns.
  const expected: readonly [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ]

  for (const [key, hash] of expected) assert.equal(murmur2(Buffer.from(key)) | 0, hash, key)
})

it('a hash with the sign bit set still gives a partition in range', () => {
  const partition = partitionOfKey(Buffer.from('foobar'), 7)

  assert.equal(partition, (-790332482 & 0x7fff_ffff) % 7)
})
