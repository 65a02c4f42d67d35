// Rules of several members of a group: how partitions move between them, and what late work is worth.

import assert from 'node:assert/strict'
import { FencedMemberError } from '../../transport/errors.ts'
import { Group, textOf, type WatchedMember } from './group-watch.ts'
import { numbered, record, sendEach } from './records.ts'
import type { ContractRun, Rule } from './rule.ts'

export const rebalanceRules: readonly Rule[] = [
  {
    id: 'share',
    title: 'members share the partitions: each is held by one, and everybody has some',
    try: async (run) => {
      const { topic, group, first } = await begin(run, 6)
      const second = await group.join(await run.open(), { topics: [topic] })
      const third = await group.join(await run.open(), { topics: [topic] })
      const members = [first, second, third]

      await run.until('an even share', () => members.every((one) => one.held.length === 2))

      const all = members.flatMap((one) => one.heldPartitions)
      assert.deepEqual(all.sort(), [0, 1, 2, 3, 4, 5])
    },
  },
  {
    id: 'cooperative',
    title: 'a rebalance takes only what moves: what stays is never revoked, and goes on',
    try: async (run) => {
      const { transport, topic, group, first } = await begin(run, 4)
      const producer = await transport.producer()
      const second = await group.join(await run.open(), { topics: [topic] })
      await second.untilHolds(2)

      const kept = first.heldPartitions
      await sendEach(producer, { topic, partition: kept[0]! }, ['a'])

      assert.equal(kept.length, 2)
      assert.deepEqual((await first.take(1)).map(textOf), ['a'])
      const revoked = first.told.flatMap((one) => (one.kind === 'revoked' ? one.partitions : []))
      assert.deepEqual(revoked.map(({ partition }) => partition).sort(), [...second.heldPartitions])
      assert.equal(first.told.filter((one) => one.kind === 'assigned').length, 1)
    },
  },
  {
    id: 'moves-once-revoked',
    title: 'a partition moves once onRevoked has resolved, to where was committed in it',
    try: async (run) => {
      const { transport, topic, group } = await begin(run, 0)
      const producer = await transport.producer()
      for (const partition of [0, 1]) await sendEach(producer, { topic, partition }, numbered(3))
      const gate = Promise.withResolvers<void>()
      const first: WatchedMember = await group.join(transport, {
        topics: [topic],
        rebalanceTimeoutMs: 10 * run.timing.rebalanceTimeoutMs,
        onRevoked: async (partitions) => {
          await gate.promise
          await first.member.commit(
            partitions.map((place) => ({ ...place, offset: 2, metadata: 'in onRevoked' })),
          )
        },
      })
      await first.untilHolds(2)
      const second = await group.join(await run.open(), { topics: [topic] })
      await run.until('onRevoked', () => first.heard('revoked'))

      await run.pass(100)
      assert.ok(!second.heard('assigned'), 'it moved before it was given up')
      gate.resolve()
      await second.untilHolds(1)

      const [moved] = second.held
      assert.equal(moved!.offset, 2)
      assert.equal(moved!.metadata, 'in onRevoked')
      assert.deepEqual((await second.take(1)).map(textOf), ['2'])
      await first.member.leave()
    },
  },
  {
    id: 'late-commit',
    title: 'what is committed of a partition after it has moved is refused, and changes nothing',
    try: async (run) => {
      const { transport, topic, group, first } = await begin(run, 2)
      const second = await group.join(await run.open(), { topics: [topic] })
      await second.untilHolds(1)
      const [moved] = second.held
      const place = { topic, partition: moved!.partition }
      await second.member.commit([{ ...place, offset: 1, metadata: 'in time' }])

      await assert.rejects(
        first.member.commit([{ ...place, offset: 5, metadata: 'late' }]),
        (error) => error instanceof FencedMemberError && error.group === group.name,
      )

      const committed = await transport.administration.committed(group.name, [place])
      assert.deepEqual(committed, [{ ...place, offset: 1, metadata: 'in time' }])
    },
  },
  {
    id: 'silent-while-revoked',
    title: 'nothing of a partition is polled once it is being revoked, others go on',
    try: async (run) => {
      const { transport, topic, group } = await begin(run, 0)
      const producer = await transport.producer()
      const gate = Promise.withResolvers<void>()
      const first: WatchedMember = await group.join(transport, {
        topics: [topic],
        rebalanceTimeoutMs: 10 * run.timing.rebalanceTimeoutMs,
        onRevoked: () => gate.promise,
      })
      await first.untilHolds(2)
      const second = await group.join(await run.open(), { topics: [topic] })
      await run.until('onRevoked', () => first.heard('revoked'))
      const [kept] = first.heldPartitions

      for (const partition of [0, 1]) await sendEach(producer, { topic, partition }, ['a'])
      const records = await first.takeFor(300)
      gate.resolve()

      assert.deepEqual(
        records.map(({ partition }) => partition),
        [kept],
      )
      await second.untilHolds(1)
    },
  },
  {
    id: 'rebalance-timeout',
    title: 'who does not give up in time loses its partitions, is told so, and joins anew',
    try: async (run) => {
      const { transport, topic, group } = await begin(run, 0)
      const gate = Promise.withResolvers<void>()
      const slow = await group.join(transport, {
        topics: [topic],
        onRevoked: (partitions) => (partitions.length > 0 ? gate.promise : Promise.resolve()),
      })
      await slow.untilHolds(2)
      const late = { ...slow.held[0]!, offset: 0 }
      const other = await group.join(await run.open(), { topics: [topic] })

      await run.until('onLost', () => slow.heard('lost'))
      await other.untilHolds(2)
      await assert.rejects(slow.member.commit([late]), FencedMemberError)
      gate.resolve()

      await run.until('a share for both', () => slow.held.length === 1 && other.held.length === 1)
    },
  },
  {
    id: 'leave',
    title: 'who leaves is told to give everything up, and others have it at once',
    try: async (run) => {
      const { topic, group, first } = await begin(run, 2)
      const second = await group.join(await run.open(), { topics: [topic] })
      await second.untilHolds(1)
      const held = first.heldPartitions
      const toldBefore = first.told.length

      await first.member.leave()
      await first.member.leave()

      const told = first.told.slice(toldBefore)
      assert.deepEqual(
        told.map((one) => (one.kind === 'failed' ? one : [one.kind, ...partitionsOf(one)])),
        [['revoked', ...held]],
      )
      await second.untilHolds(2)
    },
  },
  {
    id: 'left',
    title: 'who has left polls and commits no more',
    try: async (run) => {
      const { first, topic } = await begin(run, 1)
      const waiting = first.member.poll({ maxBytes: 100, signal: run.signal })

      await first.member.leave()

      await assert.rejects(waiting, FencedMemberError)
      await assert.rejects(
        first.member.poll({ maxBytes: 100, signal: run.signal }),
        FencedMemberError,
      )
      await assert.rejects(
        first.member.commit([{ topic, partition: 0, offset: 0, metadata: '' }]),
        FencedMemberError,
      )
    },
  },
  {
    id: 'revoked-fails',
    title: 'a member whose onRevoked rejects has failed, says so, and leaves the group to others',
    try: async (run) => {
      const { transport, topic, group } = await begin(run, 0)
      const failure = new Error('cannot give up')
      const failing = await group.join(transport, {
        topics: [topic],
        onRevoked: () => Promise.reject(failure),
      })
      await failing.untilHolds(2)

      const other = await group.join(await run.open(), { topics: [topic] })

      await other.untilHolds(2)
      assert.deepEqual(failing.told.at(-1), { kind: 'failed', error: failure })
      await assert.rejects(
        failing.member.poll({ maxBytes: 100, signal: run.signal }),
        (error) => error === failure,
      )
    },
  },
  {
    id: 'killed',
    title: 'the partitions of a process that is gone go to others once its session is over',
    uses: 'kill',
    try: async (run) => {
      const { topic, group, first } = await begin(run, 2)
      const doomed = await run.open()
      const second = await group.join(doomed, { topics: [topic] })
      await second.untilHolds(1)
      await first.untilHolds(1)

      await run.disturb.kill!(doomed)

      await first.untilHolds(2)
    },
  },
  {
    id: 'nothing-lost',
    title: 'while members come and go, each record is given to somebody, in order by partition',
    needs: ['partition-order'],
    try: async (run) => {
      const { transport, topic, group, first } = await begin(run, 3)
      const producer = await transport.producer()
      const seen = [0, 1, 2].map(() => new Set<number>())
      const read = (one: WatchedMember) => follow(run, one, seen)
      const reading = [read(first)]

      for (let round = 0; round < 3; round++) {
        const guest = await group.join(await run.open(), { topics: [topic] })
        reading.push(read(guest))
        for (const partition of [0, 1, 2]) {
          await producer.send({
            topic,
            partition,
            records: numbered(10).map((text) => record(text)),
          })
        }
        await run.until('the guest to have something', () => guest.held.length > 0)
        await guest.member.leave()
      }

      await run.until('all records', () => seen.every((offsets) => offsets.size === 30))
      await first.member.leave()
      await Promise.all(reading)
    },
  },
]

/** Reads and commits until the member has left. */
async function follow(
  run: ContractRun,
  { member }: WatchedMember,
  seen: readonly Set<number>[],
): Promise<void> {
  try {
    while (!run.signal.aborted) {
      for (const fetched of await member.poll({ maxBytes: 10_000, signal: run.signal })) {
        const { topic, partition, nextOffset, records } = fetched
        for (const { offset } of records) {
          assert.ok(offset === 0 || seen[partition]!.has(offset - 1), `${partition}/${offset}`)
          seen[partition]!.add(offset)
        }
        await member.commit([{ topic, partition, offset: nextOffset, metadata: '' }]).catch(fenced)
      }
    }
  } catch (error) {
    fenced(error)
  }
}

function fenced(error: unknown): void {
  if (!(error instanceof FencedMemberError)) throw error
}

function partitionsOf({ partitions }: { partitions: readonly { partition: number }[] }): number[] {
  return partitions.map(({ partition }) => partition).sort()
}

/** @param held how many partitions the first member holds; 0: it is not made, and the topic has 2 */
async function begin(run: ContractRun, held: number) {
  const transport = await run.open()
  const topic = await run.topic(transport, held || 2)
  const group = new Group(run)
  if (held === 0) return { transport, topic, group, first: undefined as never }
  const first = await group.join(transport, { topics: [topic] })
  await first.untilHolds(held)
  return { transport, topic, group, first }
}
