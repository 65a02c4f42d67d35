import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { type Group, newGroup } from './group.ts'
import { type CommittedOffset, expiredOffsets, expiryRuleOf, GroupOffsets } from './offsets.ts'

const events0 = { topic: 'events', partition: 0 }
const OLD_ID = 'Mgzl6zUuQTSTkYqpsCkEVg'
const NEW_ID = 'Zmk1tO3XSKqPBBBZ-ADGRg'

function committed(values: Partial<CommittedOffset> = {}): CommittedOffset {
  return {
    offset: 7,
    leaderEpoch: 1,
    metadata: 'note',
    commitTimestampMs: 1_000,
    expireTimestampMs: -1,
    topicId: OLD_ID,
    ...values,
  }
}

describe('committed offsets', () => {
  it('are the last that were applied', () => {
    const offsets = new GroupOffsets()
    offsets.apply(events0, committed())
    offsets.apply(events0, committed({ offset: 8 }))

    assert.equal(offsets.get(events0, OLD_ID)?.offset, 8)
    offsets.apply(events0, null)
    assert.equal(offsets.get(events0, OLD_ID), undefined)
    assert.equal(offsets.isEmpty, true)
  })

  it('of a topic that was deleted do not count for one of the same name', () => {
    const offsets = new GroupOffsets()
    offsets.apply(events0, committed())

    assert.equal(offsets.get(events0, NEW_ID), undefined)
    assert.equal(offsets.get(events0, ZERO_UUID)?.offset, 7)
  })

  it('of a transaction count from its commit on, and after an abort never did', () => {
    for (const isCommit of [true, false]) {
      const offsets = new GroupOffsets()
      offsets.apply(events0, committed())
      offsets.stage(4000, events0, committed({ offset: 9 }))

      assert.equal(offsets.get(events0, OLD_ID)?.offset, 7)
      assert.equal(offsets.isUnstable(events0), true)
      assert.equal(offsets.endTransaction(4001, isCommit), false)
      assert.equal(offsets.endTransaction(4000, isCommit), true)

      assert.equal(offsets.get(events0, OLD_ID)?.offset, isCommit ? 9 : 7)
      assert.equal(offsets.isUnstable(events0), false)
    }
  })

  it('of a transaction give way to what is committed plainly after them', () => {
    const offsets = new GroupOffsets()
    offsets.stage(4000, events0, committed({ offset: 9 }))
    assert.deepEqual(offsets.partitions(), [events0])
    offsets.apply(events0, committed())

    assert.equal(offsets.isUnstable(events0), false)
    offsets.endTransaction(4000, true)
    assert.equal(offsets.get(events0, OLD_ID)?.offset, 7)
  })

  it('under way are deleted with the others', () => {
    const offsets = new GroupOffsets()
    offsets.apply(events0, committed())
    offsets.begin([{ topic: 'events', partition: 1 }])
    offsets.begin([{ topic: 'events', partition: 1 }])

    assert.deepEqual(offsets.partitions('events'), [events0, { topic: 'events', partition: 1 }])
    offsets.end([{ topic: 'events', partition: 1 }])
    assert.equal(offsets.partitions().length, 2)
    offsets.end([{ topic: 'events', partition: 1 }])
    assert.deepEqual(offsets.partitions(), [events0])
  })
})

describe('expiry', () => {
  const consumers: Group = { ...newGroup('g', 0), protocolType: 'consumer' }
  const reading = (...topics: string[]) => ({ ...consumers, subscribedTopics: new Set(topics) })
  const cases: [what: string, group: Group, values: Partial<CommittedOffset>, atMs: number][] = [
    ['of a group without members counts from the commit', newGroup('g', 5_000), {}, 1_100],
    [
      'of a group that lost its members counts from then',
      { ...reading(), stateSinceMs: 5_000 },
      {},
      5_100,
    ],
    [
      'of an empty group that does not know since when counts from the commit',
      { ...reading(), stateSinceMs: null },
      {},
      1_100,
    ],
    [
      'of a topic that a stable group no longer reads counts from the commit',
      { ...reading('other'), state: 'Stable' },
      {},
      1_100,
    ],
    [
      'that an old client chose is kept to',
      { ...reading(), stateSinceMs: 5_000 },
      { expireTimestampMs: 1_050 },
      1_050,
    ],
  ]
  for (const [what, group, values, atMs] of cases) {
    it(what, () => {
      const offsets = new GroupOffsets()
      offsets.apply(events0, committed(values))
      const expiredAt = (nowMs: number) =>
        expiredOffsets(expiryRuleOf(group), offsets, { nowMs, retentionMs: 100 })

      assert.deepEqual(expiredAt(atMs - 1), [])
      assert.deepEqual(expiredAt(atMs), [events0])
    })
  }

  const never: [what: string, group: Group][] = [
    ['a topic that a stable group reads', { ...reading('events'), state: 'Stable' }],
    ['a group that rebalances', { ...reading('other'), state: 'PreparingRebalance' }],
    ['a group whose topics are unknown', { ...consumers, state: 'Stable' }],
    ['members of another kind', { ...consumers, protocolType: 'connect', state: 'Stable' }],
  ]
  for (const [what, group] of never) {
    it(`spares ${what}`, () => {
      const offsets = new GroupOffsets()
      offsets.apply(events0, committed())

      const nowMs = Number.MAX_SAFE_INTEGER
      assert.deepEqual(
        expiredOffsets(expiryRuleOf(group), offsets, { nowMs, retentionMs: 100 }),
        [],
      )
    })
  }
})
