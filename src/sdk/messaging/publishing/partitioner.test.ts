import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { murmur2, partitionOf } from './partitioner.ts'

describe('the partitioner', () => {
  it('hashes as Kafka does', () => {
    // Of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
    const expected: readonly [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ]

    const hashes = expected.map(([text]) => [text, murmur2(Buffer.from(text))])

    assert.deepEqual(hashes, expected)
  })

  it('gives a partition of the topic for every key', () => {
    for (let i = 0; i < 1000; i++) {
      const partition = partitionOf(Buffer.from(`key ${i}`), 7)
      assert.ok(partition >= 0 && partition < 7)
    }
  })
})
