// Rules of administration.

import assert from 'node:assert/strict'
import { Group } from './group-watch.ts'
import type { Rule } from './rule.ts'

export const administrationRules: readonly Rule[] = [
  {
    id: 'ensure-topics',
    title: 'topics that are missing are made, those that stand are left as they are',
    try: async (run) => {
      const { administration } = await run.open()
      const [one, two] = [run.uniqueName(), run.uniqueName()]
      await administration.ensureTopics([{ name: one, partitions: 3 }])

      const now = await administration.ensureTopics([
        { name: one, partitions: 5 },
        { name: two, partitions: 2 },
      ])

      assert.deepEqual(now, [
        { name: one, partitions: 3 },
        { name: two, partitions: 2 },
      ])
    },
  },
  {
    id: 'ensure-topics-together',
    title: 'several applications may make the same topic at the same time',
    try: async (run) => {
      const transports = await Promise.all([run.open(), run.open(), run.open()])
      const spec = { name: run.uniqueName(), partitions: 2 }

      const answers = await Promise.all(
        transports.map((transport) => transport.administration.ensureTopics([spec])),
      )

      assert.deepEqual(answers, [[spec], [spec], [spec]])
    },
  },
  {
    id: 'ensure-topics-default',
    title: 'a topic without a number of partitions gets the default of the engine',
    try: async (run) => {
      const { administration } = await run.open()
      const name = run.uniqueName()

      const [made] = await administration.ensureTopics([{ name }])

      assert.ok(made!.partitions >= 1)
      assert.deepEqual(await administration.describeTopics([name]), [made])
    },
  },
  {
    id: 'describe-topics',
    title: 'of the topics that are asked for, those that exist are described',
    try: async (run) => {
      const transport = await run.open()
      const topic = await run.topic(transport, 2)

      const described = await transport.administration.describeTopics([run.uniqueName(), topic])

      assert.deepEqual(described, [{ name: topic, partitions: 2 }])
    },
  },
  {
    id: 'groups',
    title: 'groups with members or commits are known by name, others are not',
    try: async (run) => {
      const transport = await run.open()
      const topic = await run.topic(transport, 2)
      const group = new Group(run)
      const member = await group.join(transport, { topics: [topic] })
      await member.untilHolds(2)
      const { administration } = transport
      assert.ok((await administration.groups()).includes(group.name))

      const offset = { topic, partition: 1, offset: 4, metadata: 'm' }
      await member.member.commit([offset])
      await member.member.leave()

      const places = [
        { topic, partition: 0 },
        { topic, partition: 1 },
      ]
      const groups = await administration.groups()
      assert.ok(groups.includes(group.name))
      assert.deepEqual(await administration.committed(group.name, places), [offset])
      const unknown = run.uniqueName()
      assert.deepEqual(await administration.committed(unknown, places), [])
      assert.ok(!(await administration.groups()).includes(unknown))
    },
  },
]
