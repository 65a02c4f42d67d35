// Rules of a transport as a whole: what it says it can do, and its end.

import assert from 'node:assert/strict'
import { CapabilityMissingError, TransportClosedError } from '../../transport/errors.ts'
import { Group } from './group-watch.ts'
import { record } from './records.ts'
import type { Rule } from './rule.ts'

export const transportRules: readonly Rule[] = [
  {
    id: 'row-pinned',
    title: 'an engine can do what its row says, before it is opened and after',
    try: async (run) => {
      const transport = await run.open()

      assert.deepEqual(run.engine.capabilities, run.row)
      assert.deepEqual(transport.capabilities, run.row)
      assert.equal(transport.name, run.engine.name)
    },
  },
  {
    id: 'undeclared-refused',
    title: 'what an engine does not have is refused as a missing capability, in a sentence',
    try: async (run) => {
      const transport = await run.open()
      const refused = (error: unknown) =>
        error instanceof CapabilityMissingError && error.message.endsWith('.')

      if (!run.row.atomicOutput) {
        await assert.rejects(transport.transactionalProducer(run.uniqueName()), refused)
      }
      if (!run.row.expectedVersion) assert.throws(() => transport.eventStore('streams'), refused)
    },
  },
  {
    id: 'close-leaves',
    title: 'closing a transport makes its members leave; it may be done twice',
    try: async (run) => {
      const transport = await run.open()
      const topic = await run.topic(transport, 2)
      const group = new Group(run)
      const member = await group.join(transport, { topics: [topic] })
      await member.untilHolds(2)
      const other = await group.join(await run.open(), { topics: [topic] })

      await Promise.all([transport.close(), transport.close()])

      assert.ok(member.heard('revoked'))
      await other.untilHolds(2)
    },
  },
  {
    id: 'closed-refuses',
    title: 'what is asked of a closed transport is refused as that',
    try: async (run) => {
      const transport = await run.open()
      const topic = await run.topic(transport, 1)
      const producer = await transport.producer()
      const place = { topic, partition: 0 }

      await transport.close()

      const asked: readonly (() => Promise<unknown>)[] = [
        () => transport.producer(),
        () => producer.send({ ...place, records: [record('late')] }),
        () => transport.reader.read({ ...place, fromOffset: 0, maxBytes: 100 }),
        () => transport.reader.bounds([place]),
        () => transport.administration.describeTopics([topic]),
        () => new Group(run).join(transport, { topics: [topic] }),
      ]
      if (run.row.expectedVersion) {
        const store = transport.eventStore(run.uniqueName())
        await assert.rejects(store.head('a'), TransportClosedError)
      }
      for (const ask of asked) await assert.rejects(ask, TransportClosedError, `${ask}`)
    },
  },
]
