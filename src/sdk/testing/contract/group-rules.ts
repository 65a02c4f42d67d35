// Rules of one member of a group: where it begins, what a poll gives, what it commits.

import assert from 'node:assert/strict'
import { FencedMemberError, OffsetMetadataTooLargeError } from '../../transport/errors.ts'
import { Group, textOf, type WatchedMember } from './group-watch.ts'
import { numbered, record, sendEach } from './records.ts'
import type { ContractRun, Rule } from './rule.ts'

const MAX_METADATA_BYTES = 4096

export const groupRules: readonly Rule[] = [
  {
    id: 'start-earliest',
    title: 'a group that starts at the earliest reads what was written before it existed',
    needs: ['replay'],
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      await sendEach(producer, { topic, partition: 0 }, numbered(5))

      for (const _ of ['a group', 'another one']) {
        const member = await new Group(run).join(transport, { topics: [topic] })
        assert.deepEqual((await member.take(5)).map(textOf), numbered(5))
        assert.equal(member.held[0]!.offset, 0)
        assert.equal(member.held[0]!.metadata, '')
      }
    },
  },
  {
    id: 'start-latest',
    title: 'a group that starts at the latest reads what comes once it is there',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      await sendEach(producer, { topic, partition: 0 }, ['old'])
      const member = await new Group(run).join(transport, { topics: [topic], startAt: 'latest' })
      await member.untilHolds(1)

      await sendEach(producer, { topic, partition: 0 }, ['new'])

      assert.equal(member.held[0]!.offset, 1)
      assert.deepEqual((await member.take(1)).map(textOf), ['new'])
    },
  },
  {
    id: 'start-date',
    title: 'a group that starts at a time begins with the first record of then or later',
    needs: ['replay'],
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 2)
      const place = { topic, partition: 0 }
      const dayMs = 86_400_000
      const firstMs = transport.world.clock.nowMs() - 5 * dayMs
      for (const day of [0, 1, 2]) {
        await producer.send({ ...place, records: [record(`day ${day}`, firstMs + day * dayMs)] })
      }
      await producer.send({ topic, partition: 1, records: [record('old', firstMs)] })

      const startAt = new Date(firstMs + dayMs)
      const member = await new Group(run).join(transport, { topics: [topic], startAt })
      await member.untilHolds(2)

      assert.deepEqual((await member.take(2)).map(textOf), ['day 1', 'day 2'])
      assert.deepEqual(
        member.held.map(({ offset }) => offset),
        [1, 1],
      )
    },
  },
  {
    id: 'assigned-first',
    title: 'a member hears of a partition before it polls records of it, once join has resolved',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 3)
      for (const partition of [0, 1, 2]) await sendEach(producer, { topic, partition }, ['a'])
      const member = await new Group(run).join(transport, { topics: [topic] })

      for (let count = 0; count < 3; ) {
        for (const { partition, records } of await member.poll(100)) {
          assert.ok(member.heldPartitions.includes(partition))
          count += records.length
        }
      }
    },
  },
  {
    id: 'commit-kept',
    title: 'who joins later begins where was committed, and is given what was committed along',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 2)
      await sendEach(producer, { topic, partition: 0 }, numbered(5))
      const group = new Group(run)
      const first = await group.join(transport, { topics: [topic] })
      await first.untilHolds(2)
      const metadata = 'done: 4, Grüße'

      await first.member.commit([{ topic, partition: 0, offset: 3, metadata }])
      await first.member.leave()
      const second = await group.join(transport, { topics: [topic], startAt: 'latest' })

      assert.deepEqual((await second.take(2)).map(textOf), ['3', '4'])
      assert.deepEqual(second.held[0], { topic, partition: 0, offset: 3, metadata })
    },
  },
  {
    id: 'commit-metadata',
    title: '4096 bytes are kept along with an offset; more are refused, and nothing is committed',
    try: async (run) => {
      const { transport, topic } = await begin(run, 1)
      const group = new Group(run)
      const member = await group.join(transport, { topics: [topic] })
      await member.untilHolds(1)
      const most = { topic, partition: 0, offset: 0, metadata: 'é'.repeat(MAX_METADATA_BYTES / 2) }
      await member.member.commit([most])

      const tooMuch = { ...most, metadata: `${most.metadata}!` }
      await assert.rejects(
        member.member.commit([tooMuch]),
        (error) =>
          error instanceof OffsetMetadataTooLargeError && error.bytes === MAX_METADATA_BYTES + 1,
      )

      assert.deepEqual(await transport.administration.committed(group.name, [most]), [most])
    },
  },
  {
    id: 'commit-held-only',
    title: 'a commit with a partition that the member does not hold is refused as a whole',
    try: async (run) => {
      const { transport, topic } = await begin(run, 1)
      const other = await run.topic(transport, 1)
      const group = new Group(run)
      const member = await group.join(transport, { topics: [topic] })
      await member.untilHolds(1)
      const mine = { topic, partition: 0, offset: 0, metadata: '' }
      const foreign = { topic: other, partition: 0, offset: 0, metadata: '' }

      await assert.rejects(
        member.member.commit([mine, foreign]),
        (error) => error instanceof FencedMemberError && error.group === group.name,
      )

      const { administration } = transport
      assert.deepEqual(await administration.committed(group.name, [mine, foreign]), [])
    },
  },
  {
    id: 'poll-goes-on',
    title: 'each poll goes on after the one before, in order, whether or not anything is committed',
    needs: ['partition-order'],
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      await sendEach(producer, { topic, partition: 0 }, numbered(30))
      const member = await new Group(run).join(transport, { topics: [topic] })

      const records = await member.take(30, 200)
      await sendEach(producer, { topic, partition: 0 }, ['30'])
      records.push(...(await member.take(1)))

      assert.deepEqual(records.map(textOf), numbered(31))
      assert.deepEqual(
        records.map(({ offset }) => offset),
        numbered(31).map(Number),
      )
    },
  },
  {
    id: 'poll-end',
    title: 'a poll says where its partition goes on and where it ends',
    needs: ['partition-order'],
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      await sendEach(producer, { topic, partition: 0 }, numbered(10))
      const member = await new Group(run).join(transport, { topics: [topic] })

      for (let next = 0; next < 10; ) {
        for (const fetched of await member.poll(10)) {
          assert.equal(fetched.endOffset, 10)
          assert.ok(fetched.nextOffset > next && fetched.nextOffset <= 10)
          for (const { offset } of fetched.records) assert.ok(offset < fetched.nextOffset)
          next = fetched.nextOffset
        }
      }
    },
  },
  {
    id: 'poll-waits',
    title: 'a poll waits for records, and is empty once it is aborted',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      const member = await new Group(run).join(transport, { topics: [topic] })
      const abort = new AbortController()

      const waiting = member.member.poll({ maxBytes: 100, signal: abort.signal })
      await member.untilHolds(1)
      await run.pass(50)
      abort.abort()
      assert.deepEqual(await waiting, [])
      const next = member.take(1)
      await sendEach(producer, { topic, partition: 0 }, ['a'])

      assert.deepEqual((await next).map(textOf), ['a'])
    },
  },
  {
    id: 'poll-bytes',
    title: 'a poll gives no more bytes than asked for, but for one batch, and a large one alone',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 2)
      const kilobyte = 'x'.repeat(1_000)
      for (const partition of [0, 1]) {
        const texts = numbered(20).map(() => kilobyte)
        await sendEach(producer, { topic, partition }, [...texts, 'x'.repeat(50_000)])
      }
      const member = await new Group(run).join(transport, { topics: [topic] })

      let count = 0
      while (count < 42) {
        const fetched = await member.poll(5_000, () => `only ${count} of 42 records came`)
        const sizes = fetched.flatMap((one) => one.records.map((each) => each.value!.length))
        const bytes = sizes.reduce((sum, size) => sum + size, 0)
        assert.ok(bytes - Math.max(0, ...sizes) <= 5_000, `${sizes}`)
        count += sizes.length
      }
    },
  },
  {
    id: 'poll-fair',
    title: 'a busy partition does not starve the others',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 3)
      const busy = numbered(400).map(() => record('x'.repeat(1_000)))
      for (let i = 0; i < busy.length; i += 10) {
        await producer.send({ topic, partition: 0, records: busy.slice(i, i + 10) })
      }
      for (const partition of [1, 2]) await sendEach(producer, { topic, partition }, ['a'])
      const member = await new Group(run).join(transport, { topics: [topic] })
      await member.untilHolds(3)

      const served = new Set<number>()
      let ofBusy = 0
      while (served.size < 3) {
        const fetched = await member.poll(10_000, () => `only ${[...served]} were served`)
        for (const { partition, records } of fetched) {
          if (records.length > 0) served.add(partition)
          if (partition === 0) ofBusy += records.length
        }
      }

      assert.ok(ofBusy < 200, `${ofBusy} records of the busy partition came first`)
    },
  },
  {
    id: 'pause',
    title: 'a paused partition gives nothing, others go on, and it resumes where it was',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 2)
      const paused = { topic, partition: 0 }
      await sendEach(producer, paused, ['0'])
      const member = await new Group(run).join(transport, { topics: [topic] })
      await member.take(1)

      member.member.pause([paused, { topic: run.uniqueName(), partition: 0 }])
      await sendEach(producer, paused, ['1', '2'])
      await sendEach(producer, { topic, partition: 1 }, ['other'])
      const meanwhile = await member.takeFor(300)
      member.member.resume([paused])

      assert.deepEqual(meanwhile.map(textOf), ['other'])
      assert.deepEqual((await member.take(2)).map(textOf), ['1', '2'])
      assert.ok(!member.heard('revoked') && !member.heard('lost'))
    },
  },
  {
    id: 'stays-without-polling',
    title: 'a member that does not poll, or has paused all, stays beyond its session timeout',
    try: async (run) => {
      const { transport, topic } = await begin(run, 2)
      const group = new Group(run)
      const idle = await group.join(transport, { topics: [topic] })
      await idle.untilHolds(2)
      const other = await group.join(await run.open(), { topics: [topic] })
      await other.untilHolds(1)

      other.member.pause(other.held)
      await run.pass(run.timing.sessionTimeoutMs * 1.5)

      await idle.member.commit([{ ...idle.held[0]!, offset: 0 }])
      await other.member.commit([{ ...other.held[0]!, offset: 0 }])
      assert.ok(!idle.heard('lost') && !other.heard('lost') && !other.heard('revoked'))
    },
  },
  {
    id: 'seek',
    title: 'after a seek a partition is polled from there, backward and forward',
    needs: ['replay'],
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      const place = { topic, partition: 0 }
      await sendEach(producer, place, numbered(10))
      const member = await new Group(run).join(transport, { topics: [topic] })
      await member.take(10)

      member.member.seek(place, 4)
      const again = await member.take(6)
      member.member.seek(place, 9)
      const last = await member.take(1)

      assert.deepEqual(again.map(textOf), numbered(10).slice(4))
      assert.deepEqual(last.map(textOf), ['9'])
    },
  },
  {
    id: 'seek-at-assignment',
    title: 'a seek as the partition is assigned decides where the first poll begins',
    needs: ['replay'],
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      await sendEach(producer, { topic, partition: 0 }, numbered(5))
      const member: WatchedMember = await new Group(run).join(transport, {
        topics: [topic],
        onAssigned: ([assigned]) => member.member.seek(assigned!, 3),
      })

      assert.deepEqual((await member.take(2)).map(textOf), ['3', '4'])
    },
  },
  {
    id: 'commit-at-assignment',
    title: 'a member can commit a partition from the moment that it hears of it',
    try: async (run) => {
      const { transport, topic } = await begin(run, 1)
      const group = new Group(run)
      const committing = Promise.withResolvers<void>()
      const offset = { topic, partition: 0, offset: 0, metadata: 'from now on' }
      const member: WatchedMember = await group.join(transport, {
        topics: [topic],
        onAssigned: () => committing.resolve(member.member.commit([offset])),
      })

      await member.untilHolds(1)
      await committing.promise

      assert.deepEqual(await transport.administration.committed(group.name, [offset]), [offset])
    },
  },
  {
    id: 'several-topics',
    title: 'a member of several topics reads each, and commits what it has of all of them at once',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 2)
      const other = await run.topic(transport, 1)
      await sendEach(producer, { topic, partition: 1 }, numbered(3))
      await sendEach(producer, { topic: other, partition: 0 }, numbered(2, 'other '))
      const group = new Group(run)
      const member = await group.join(transport, { topics: [topic, other] })
      await member.untilHolds(3)

      const records = await member.take(5)
      const offsets = [
        { topic, partition: 1, offset: 3, metadata: '' },
        { topic: other, partition: 0, offset: 2, metadata: '' },
      ]
      await member.member.commit(offsets)

      const texts = (name: string) => records.filter((one) => one.topic === name).map(textOf)
      assert.deepEqual(texts(topic), numbered(3))
      assert.deepEqual(texts(other), numbered(2, 'other '))
      assert.deepEqual(await transport.administration.committed(group.name, offsets), offsets)
    },
  },
  {
    id: 'late-topic',
    title: 'a topic that does not exist yet is taken up once it does',
    try: async (run) => {
      const { transport, topic, producer } = await begin(run, 1)
      const later = run.uniqueName()
      const member = await new Group(run).join(transport, { topics: [topic, later] })
      await member.untilHolds(1)

      await transport.administration.ensureTopics([{ name: later, partitions: 2 }])
      await member.untilHolds(3)
      await sendEach(producer, { topic: later, partition: 1 }, ['a'])

      assert.deepEqual((await member.take(1)).map(textOf), ['a'])
    },
  },
]

async function begin(run: ContractRun, partitions: number) {
  const transport = await run.open()
  const topic = await run.topic(transport, partitions)
  return { transport, topic, producer: await transport.producer() }
}
