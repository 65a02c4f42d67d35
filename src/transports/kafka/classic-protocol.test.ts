import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './classic-protocol.ts'

const owned = [
  { topic: 'a', partition: 2 },
  { topic: 'a', partition: 5 },
  { topic: 'b', partition: 0 },
]

describe('members of a classic group', () => {
  it('tell what they want and have in the form of all Kafka clients', () => {
    const subscription = { topics: ['a', 'b'], owned, generation: 4 }

    const bytes = encodeSubscription(subscription)

    // version 2, two topics, 4 bytes of data, two topics with their partitions, generation
    const hex = [
      '0002 00000002 0001 61 0001 62 00000004 00000004',
      '00000002 0001 61 00000002 00000002 00000005 0001 62 00000001 00000000 00000004',
    ]
    assert.equal(bytes.toString('hex'), hex.join('').replaceAll(' ', ''))
    assert.deepEqual(decodeSubscription(bytes), subscription)
  })

  it('understand older members, who keep the generation in their own data or have none', () => {
    const version1 = Buffer.from(
      '0001 00000001 0001 61 00000004 00000009 00000000'.replaceAll(' ', ''),
      'hex',
    )
    const version0 = Buffer.from('0000 00000001 0001 61 ffffffff'.replaceAll(' ', ''), 'hex')

    assert.deepEqual(decodeSubscription(version1), { topics: ['a'], owned: [], generation: 9 })
    assert.deepEqual(decodeSubscription(version0), { topics: ['a'], owned: [], generation: -1 })
  })

  it('hear what is theirs; empty bytes stand for nothing', () => {
    assert.deepEqual(decodeAssignment(encodeAssignment(owned)), owned)
    assert.deepEqual(decodeAssignment(Buffer.alloc(0)), [])
  })
})
