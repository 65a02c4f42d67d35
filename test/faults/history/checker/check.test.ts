// Every kind of anomaly in a history of a few lines, and what looks like one and is allowed.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AnomalyKind } from './anomaly.ts'
import { check } from './check.ts'
import { describe as describeAnomaly, smallest } from './smallest.ts'
import { PLACE, Story } from './story.ts'

const committed = { isolation: 'read_committed' } as const
/** A static member. */
const x = { instance: 'x' }
const orders = { topics: ['orders'] }
const others = { topics: [], expression: 'o.*|orders[0-9]' }

const anomalies: Record<AnomalyKind, () => Story> = {
  'lost-write': () => new Story().send('a', { at: 0 }).send('b', { at: 1 }).final('0:a'),
  'lost-read': () => new Story().send('a').poll('0:a').final(''),
  duplicate: () => new Story().send('a', { at: 0 }).poll('0:a 1:a', { from: 0 }),
  'inconsistent-offsets': () =>
    new Story().send('a', { at: 0 }).send('b', { stream: 'q' }).poll('0:b'),
  invented: () => new Story().poll('0:a'),
  'refused-write': () => new Story().send('a', { fails: 'INVALID_PRODUCER_EPOCH' }).poll('0:a'),
  order: () => new Story().send('a').send('b').poll('0:b 1:a'),
  'refused-in-order': () =>
    new Story().note({ kind: 'refused', partition: PLACE, values: ['a'], error: 'OUT_OF_ORDER' }),
  g1a: () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    return story.send('a', { at: 0, in: t }).abort(t).poll('0:a', committed)
  },
  'precommitted-read': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    return story.send('a', { at: 0, in: t }).poll('0:a', committed).commit(t)
  },
  'torn-transaction': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    story.send('a', { at: 0, in: t }).send('b', { at: 0, to: 'orders-1', in: t })
    return story.commit(t, 'info').final('0:a').final('0:b', '', { of: 'orders-1' })
  },
  zombie: () => {
    const story = new Story().init(1)
    const t = story.transaction('t1#1')
    return story.init(2).send('a', { at: 0, in: t })
  },
  'processed-twice': () => {
    const story = new Story().send('x', { at: 0, to: 'input-0' })
    const [t, u] = [story.transaction('t1#1'), story.transaction('t1#2')]
    story.send('a', { at: 0, in: t, from: 0 }).stage(t, 1, 'input-0').commit(t)
    story.send('b', { at: 1, in: u, from: 0 }).stage(u, 1, 'input-0').commit(u)
    story.final('0:a 1:b').final('0:x', '0:x', { of: 'input-0' })
    return story.committed(1, { isFinal: true, partition: 'input-0' })
  },
  'never-processed': () => {
    const story = new Story()
      .send('x', { at: 0, to: 'input-0' })
      .send('y', { at: 1, to: 'input-0' })
    const t = story.transaction('t1#1')
    story.send('a', { at: 0, in: t, from: 1 }).stage(t, 2, 'input-0').commit(t)
    story.final('0:a').final('0:x 1:y', '0:x 1:y', { of: 'input-0' })
    return story.committed(2, { isFinal: true, partition: 'input-0' })
  },
  'nonmonotonic-poll': () => new Story().send('a').send('b').poll('0:a 1:b').poll('0:a'),
  'poll-skip': () => new Story().send('a', { at: 0 }).send('b', { at: 1 }).poll('1:b', { from: 0 }),
  'group-skip': () =>
    new Story()
      .send('a', { at: 0 })
      .send('b', { at: 1 })
      .poll('1:b', { group: 'loop', ...committed })
      .commitOffset(2)
      .final('0:a 1:b')
      .committed(2, { isFinal: true }),
  'high-watermark-back': () =>
    new Story().poll('', { highWatermark: 5 }).poll('', { highWatermark: 4 }),
  'last-stable-offset-back': () =>
    new Story().poll('', { lastStableOffset: 5 }).poll('', { lastStableOffset: 4 }),
  'log-start-back': () =>
    new Story()
      .deleteRecords(5)
      .poll('', { from: 5, logStartOffset: 5 })
      .poll('', { from: 5, logStartOffset: 3 }),
  'log-start-ahead': () => new Story().deleteRecords(2).poll('', { from: 4, logStartOffset: 4 }),
  'deleted-records-back': () => new Story().deleteRecords(5).poll('', { logStartOffset: 0 }),
  'commit-lost': () => new Story().commitOffset(3).commitOffset(5).committed(3),
  'commit-ahead': () => new Story().commitOffset(5).committed(5).final('', '', { from: 0, to: 4 }),
  'commit-invented': () => new Story().commitOffset(3).committed(4),
  'g1a-offset': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    return story.stage(t, 4).abort(t).committed(4)
  },
  'precommitted-offset': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    return story.stage(t, 4).committed(4).commit(t)
  },
  'key-back': () =>
    new Story().send('a', { at: 0, key: 'k' }).send('b~', { at: 1, key: 'k' }).final('0:a'),
  'owned-twice': () =>
    new Story()
      .heartbeat('a', 0, { to: 1, is: true })
      .heartbeat('b', 0, { to: 2, is: true })
      .heartbeat('a', 1, { holds: true }),
  'not-subscribed': () =>
    new Story().heartbeat('a', 0, { to: 1, is: true, wants: { topics: ['payments'] } }),
  'fenced-in-order': () =>
    new Story()
      .heartbeat('a', 0, { to: 1, is: true })
      .heartbeat('a', 1, { holds: true, fails: 'FENCED_MEMBER_EPOCH' }),
  'member-epoch-back': () => new Story().heartbeat('a', 0, { to: 3 }).heartbeat('a', 3, { to: 2 }),
  stuck: () => new Story().note({ kind: 'stuck', what: 'orders-0 does not move' }),
}

describe('the checker finds', () => {
  for (const [kind, tell] of Object.entries(anomalies)) {
    it(kind, () => {
      const { found } = tell()

      assert.ok(found.includes(kind), `found ${found}`)
    })
  }
})

it('a record that was deleted and comes again is a duplicate', () => {
  const { found } = new Story().send('a').poll('0:a').deleteRecords(1).poll('5:a')

  assert.ok(found.includes('duplicate'), `found ${found}`)
})

it('the last value of a key that is missing although there are older ones', () => {
  const story = new Story().send('a', { at: 0, key: 'k' }).send('b', { at: 1, key: 'k' })

  const { found } = story.final('0:a')

  assert.ok(found.includes('lost-write'), `found ${found}`)
})

it('a value that was aborted makes no way', () => {
  const story = new Story().send('a', { at: 0, key: 'k' })
  const t = story.transaction('t1#1')
  story.send('b', { at: 1, in: t, key: 'k' }).abort(t)

  const { found } = story.final('')

  assert.ok(found.includes('lost-write'), `found ${found}`)
})

it('a value that a reader did not get before there was a newer one', () => {
  const story = new Story().send('a', { at: 0, key: 'k' }).send('b', { at: 1 })
  story.poll('1:b', { from: 0 }).send('c', { at: 2, key: 'k' })

  const { found } = story.final('1:b 2:c')

  assert.deepEqual(found, ['poll-skip'])
})

it('a commit at an epoch at which the partition was not yet in the hands of another', () => {
  const { found } = new Story()
    .heartbeat('a', 0, { to: 1, is: true })
    .heartbeat('a', 1, { holds: true, is: false })
    .heartbeat('a', 1, { to: 2 })
    .heartbeat('b', 0, { to: 2, is: true })
    .commitOffset(5, 'ok', { member: 'a', epoch: 1 })

  assert.ok(found.includes('zombie'), `found ${found}`)
})

const allowed: Record<string, () => Story> = {
  'writes whose answers were lost, stored or not': () =>
    new Story().send('a').send('b').final('0:a'),
  'a write that was refused and is not there': () =>
    new Story().send('a', { fails: 'NOT_ENOUGH_REPLICAS' }).final(''),
  'transactions whose writes interleave (G0)': () => {
    const story = new Story()
    const [t, u] = [story.transaction('t1#1'), story.transaction('t2#1')]
    story.send('a', { at: 0, in: t }).send('b', { at: 1, in: u, stream: 'q' })
    story.send('c', { at: 2, in: t }).send('d', { at: 3, in: u, stream: 'q' })
    return story.commit(u).commit(t).final('0:a 1:b 2:c 3:d')
  },
  'holes where a marker stands, and aborted records for who wants them': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    story.send('a', { at: 0, in: t }).abort(t).send('b', { at: 2 })
    return story
      .poll('0:a 2:b')
      .poll('2:b', { from: 0, reader: 's', ...committed })
      .final('0:a 2:b', '2:b')
  },
  'a transaction whose commit was not answered, all of it seen': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    story.send('a', { at: 0, in: t }).commit(t, 'info')
    return story.poll('0:a', committed).final('0:a')
  },
  'a transaction whose commit was not answered, none of it seen': () => {
    const story = new Story()
    const t = story.transaction('t1#1')
    return story.send('a', { at: 0, in: t }).commit(t, 'info').final('0:a', '')
  },
  'a reader that goes back when its assignment changes': () =>
    new Story().send('a').send('b').poll('0:a 1:b').poll('0:a 1:b', { assignment: 2 }),
  'a member that begins behind what others were given': () =>
    new Story()
      .send('a', { at: 0 })
      .send('b', { at: 1 })
      .poll('0:a')
      .poll('1:b', { from: 1, reader: 's' }),
  'numbers of a stream that are missing': () =>
    new Story().send('a').send('b').send('c').poll('0:a 1:c').final('0:a 1:c'),
  'records below what was deleted are gone': () =>
    new Story()
      .send('a', { at: 0 })
      .send('b', { at: 1 })
      .deleteRecords(1)
      .final('1:b', '1:b', { from: 1 }),
  'a commit without an answer arrives late': () =>
    new Story().commitOffset(3, 'info').commitOffset(5).committed(3),
  'a commit that was refused does not count': () =>
    new Story().commitOffset(5, 'fail').committed(-1),
  'records that a group was given twice': () =>
    new Story()
      .send('a', { at: 0 })
      .poll('0:a', { group: 'loop', ...committed })
      .poll('0:a', { group: 'loop', assignment: 2, ...committed })
      .commitOffset(1)
      .final('0:a')
      .committed(1, { isFinal: true }),
  'an older value of a key that compaction took away': () =>
    new Story()
      .send('a', { at: 0, key: 'k' })
      .send('b', { at: 1, key: 'other' })
      .send('c', { at: 2, key: 'k' })
      .poll('1:b 2:c', { from: 0 })
      .final('1:b 2:c'),
  'a tombstone that is gone with what it deleted': () =>
    new Story().send('a', { at: 0, key: 'k' }).send('b~', { at: 1, key: 'k' }).final(''),
  'a partition that moves when its owner has given it up': () =>
    new Story()
      .heartbeat('a', 0, { to: 1, is: true })
      .heartbeat('a', 1, { holds: true, is: false })
      .commitOffset(5, 'ok', { member: 'a', epoch: 1 })
      .heartbeat('a', 1, { to: 2 })
      .heartbeat('b', 0, { to: 2, is: true })
      .heartbeat('b', 2, { holds: true }),
  'a partition that moves because its owner was silent for too long': () =>
    new Story()
      .heartbeat('a', 0, { to: 1, is: true })
      .heartbeat('b', 0, { to: 2, is: true })
      .heartbeat('a', 1, { holds: true, fails: 'UNKNOWN_MEMBER_ID' })
      .heartbeat('a', 0, { to: 3 }),
  'a static member that comes back to what it had': () =>
    new Story()
      .heartbeat('a', 0, { ...x, to: 1, is: true })
      .heartbeat('a', -2, x)
      .heartbeat('b', 0, { ...x, to: 1, is: true })
      .heartbeat('b', 1, { ...x, holds: true })
      .commitOffset(5, 'ok', { member: 'b', epoch: 1, instance: 'x' })
      .heartbeat('a', 1, { ...x, fails: 'FENCED_INSTANCE_ID' }),
  'a static member that was away for too long': () =>
    new Story()
      .heartbeat('a', 0, { ...x, to: 1, is: true })
      .heartbeat('a', -2, x)
      .heartbeat('c', 0, { to: 2, is: true })
      .heartbeat('c', 2, { holds: true })
      .heartbeat('b', 0, { ...x, to: 3 }),
  'a static member of a classic group that comes back': () =>
    new Story()
      .join('a', 1, [PLACE], x)
      .join('b', 1, [PLACE], x)
      .commitOffset(5, 'fail', { member: 'a', epoch: 1, instance: 'x' })
      .commitOffset(6, 'ok', { member: 'b', epoch: 1, instance: 'x' }),
  'a place that a lost request may have taken': () =>
    new Story()
      .heartbeat('a', 0, { ...x, to: 1 })
      .heartbeat('a', -2, x)
      .heartbeat('b', 0, { ...x, lost: true })
      .heartbeat('c', 0, { ...x, fails: 'UNRELEASED_INSTANCE_ID' }),
  'partitions of topics that match an expression': () =>
    new Story().heartbeat('a', 0, { to: 1, is: true, wants: others }),
  'what a lost request may have asked for': () =>
    new Story()
      .heartbeat('a', 0, { to: 1, wants: { topics: ['payments'] } })
      .heartbeat('a', 1, { wants: orders, lost: true })
      .heartbeat('a', 1, { to: 2, is: true, wants: { topics: ['payments'] } }),
  'an end that goes back between two answers that overlap': () => new Story().pollsAtOnce(5, 4),
  'a fenced producer that is refused': () => {
    const story = new Story().init(1)
    const t = story.transaction('t1#1')
    return story.init(2).send('a', { in: t, fails: 'INVALID_PRODUCER_EPOCH' }).final('')
  },
}

/** More than one thing is seen as the same kind. */
const seenAlso: readonly (readonly [what: string, kind: AnomalyKind, tell: () => Story])[] = [
  [
    'a commit of a classic static member that was fenced',
    'zombie',
    () => {
      const by = { member: 'a', epoch: 1, instance: 'x' }
      return new Story().join('a', 1, [PLACE], x).join('b', 1, [PLACE], x).commitOffset(5, 'ok', by)
    },
  ],
  [
    'a heartbeat of a static member whose place somebody else has',
    'zombie',
    () =>
      new Story()
        .heartbeat('a', 0, { ...x, to: 1, is: true })
        .heartbeat('a', -2, x)
        .heartbeat('b', 0, { ...x, to: 1, is: true })
        .heartbeat('a', 1, x),
  ],
  [
    'what a static member left for a while in the hands of another',
    'owned-twice',
    () =>
      new Story()
        .heartbeat('a', 0, { ...x, to: 1, is: true })
        .heartbeat('a', -2, x)
        .heartbeat('c', 0, { to: 2, is: true })
        .heartbeat('b', 0, { ...x, to: 1, is: true }),
  ],
  [
    'one partition given to two in one generation',
    'owned-twice',
    () => new Story().join('a', 1, [PLACE]).join('b', 1, [PLACE]),
  ],
  [
    'an instance fenced by nobody',
    'fenced-in-order',
    () =>
      new Story()
        .heartbeat('a', 0, { ...x, to: 1 })
        .heartbeat('a', 1, { ...x, fails: 'FENCED_INSTANCE_ID' }),
  ],
  [
    'a place that is free and not given',
    'fenced-in-order',
    () =>
      new Story()
        .heartbeat('a', 0, { ...x, to: 1 })
        .heartbeat('a', -2, x)
        .heartbeat('b', 0, { ...x, fails: 'UNRELEASED_INSTANCE_ID' }),
  ],
  [
    'a partition that nobody asked for in a classic group',
    'not-subscribed',
    () => new Story().join('a', 1, ['payments-0'], { wants: orders }),
  ],
]

describe('the checker sees', () => {
  for (const [what, kind, tell] of seenAlso) {
    it(`${what} as ${kind}`, () => {
      assert.deepEqual(tell().found, [kind])
    })
  }
})

describe('the checker allows', () => {
  for (const [what, tell] of Object.entries(allowed)) {
    it(what, () => {
      assert.deepEqual(tell().found, [])
    })
  }
})

describe('the smallest history', () => {
  it('keeps only what shows the anomaly, in order', () => {
    const story = new Story().init(1)
    const t = story.transaction('t1#1')
    story.send('x', { at: 0 }).poll('0:x').send('a', { at: 1, in: t }).commitOffset(1)
    story.abort(t).poll('0:x 1:a', committed).send('y', { at: 3 }).final('0:x 1:a 3:y', '0:x 3:y')
    const found = check(story.operations).find(({ kind }) => kind === 'g1a')!

    const kept = smallest(story.operations, found)

    assert.deepEqual(
      kept.map(({ action }) => action.kind),
      ['send', 'poll'],
    )
  })

  it('is printed with the faults that fell into it', () => {
    const story = new Story().send('a', { at: 0 })
    story.note({ kind: 'fault', what: 'kill -9' }).final('')
    const [found] = check(story.operations)

    const lines = describeAnomaly(found!, story.operations).split('\n')

    assert.match(lines[0]!, /^lost-write: a was acknowledged at orders-0@0/)
    assert.match(lines[1]!, /send \[a\] to orders-0 @0 -> ok/)
    assert.match(lines[2]!, /\*\*\* kill -9/)
    assert.match(lines[3]!, /final read orders-0 from 0 to 100/)
    assert.equal(lines.length, 4)
  })
})
