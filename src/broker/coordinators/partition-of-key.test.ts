import assert from 'node:assert/strict'
import { it } from 'node:test'
import { partitionOfKey } from './partition-of-key.ts'

it('a group lives in the partition that Kafka would look for it in', () => {
  // Printed by Utils.abs(id.hashCode()) % 50 and % 4 of kafka-clients 4.3.1.
  const known: [groupId: string, of50: number, of4: number][] = [
    ['', 0, 0],
    ['a', 47, 1],
    ['orders', 31, 3],
    ['my-group', 12, 2],
    ['Gruppe-äöü-😀', 46, 0],
    ['polygenelubricants', 0, 0], // its hash is the smallest int32
    ['console-consumer-12345', 6, 2],
  ]
  for (const [groupId, of50, of4] of known) {
    assert.equal(partitionOfKey(groupId, 50), of50, groupId)
    assert.equal(partitionOfKey(groupId, 4), of4, groupId)
  }
})
