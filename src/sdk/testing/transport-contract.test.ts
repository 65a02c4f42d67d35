// Does the contract notice? Engines with one defect each, and the rule that has to find it.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { keepProcessAlive } from '../../host/keep-alive.ts'
import type { OffsetCommit } from '../transport/group-member.ts'
import type { Engine, Transport } from '../transport/transport.ts'
import { memory } from './memory/memory.ts'
import { contractRules, Run } from './transport-contract.ts'

type Defect = (transport: Transport) => Partial<Transport>

const PATIENT_MS = 20_000
/** What never comes is waited for so long. */
const SHORT_MS = 1_000

const defects: readonly [rule: string, what: string, defect: Defect][] = [
  ['row-pinned', 'shows less than its row', () => ({ capabilities: memoryRowWithout('replay') })],
  [
    'send-order',
    'sends in another order than it was asked to',
    (transport) => ({
      producer: async () => {
        const producer = await transport.producer()
        let last: Promise<unknown> = new Promise((resolve) => setImmediate(resolve))
        return withOwn(producer, {
          send: async (request) => {
            const isLate = String(request.records[0]!.value).length === 2
            if (isLate) await last
            const sent = producer.send(request)
            last = sent
            return sent
          },
        })
      },
    }),
  ],
  [
    'commit-kept',
    'forgets what was committed along',
    (transport) => ({
      join: async (options) => {
        const member = await transport.join(options)
        const bare = (offset: OffsetCommit) => ({ ...offset, metadata: '' })
        return withOwn(member, { commit: (offsets) => member.commit(offsets.map(bare)) })
      },
    }),
  ],
  [
    'pause',
    'goes on with what is paused',
    (transport) => ({
      join: async (options) => withOwn(await transport.join(options), { pause: () => undefined }),
    }),
  ],
  [
    'moves-once-revoked',
    'gives partitions up before they are',
    (transport) => ({
      join: (options) =>
        transport.join({
          ...options,
          onRevoked: async (partitions) =>
            void options.onRevoked(partitions).catch(() => undefined),
        }),
    }),
  ],
  [
    'transaction-abort',
    'keeps what was aborted',
    (transport) => ({
      transactionalProducer: async (id) => {
        const producer = await transport.transactionalProducer(id)
        const plain = await transport.producer()
        return withOwn(producer, {
          transaction: (work) =>
            producer.transaction((transaction) =>
              work({ ...transaction, send: (request) => plain.send(request) }),
            ),
        })
      },
    }),
  ],
  [
    'expected-version',
    'checks no version',
    (transport) => ({
      eventStore: (topic) => {
        const store = transport.eventStore(topic)
        return withOwn(store, {
          append: (appends) =>
            store.append(appends.map((append) => ({ ...append, expectedVersion: 'any' }))),
        })
      },
    }),
  ],
  [
    'subscribe',
    'never says that it has caught up',
    (transport) => ({
      eventStore: (topic) => {
        const store = transport.eventStore(topic)
        return withOwn(store, {
          subscribe: async function* (options) {
            for await (const next of store.subscribe(options)) {
              if (next.kind === 'event') yield next
            }
          },
        })
      },
    }),
  ],
]

describe('the contract of transports', { concurrency: true }, () => {
  for (const [id, what, defect] of defects) {
    it(`finds an engine that ${what} (${id})`, async (t) => {
      const rule = Object.values(contractRules)
        .flat()
        .find((one) => one.id === id)!

      await rule.try(newRun(t, memory(), PATIENT_MS))
      await assert.rejects(rule.try(newRun(t, defective(defect), SHORT_MS)))
    })
  }
})

function newRun(t: TestContext, engine: Engine, deadlineMs: number): Run {
  t.after(keepProcessAlive())
  const timing = { sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 1_000, deadlineMs }
  const pinned = { name: 'memory', row: memory().capabilities, blanks: {} }
  return new Run(t, engine, { ...pinned, engine: async () => engine }, timing)
}

function defective(defect: Defect): Engine {
  const engine = memory()
  const open: Engine['open'] = async (options) => {
    const transport = await engine.open(options)
    return withOwn<Transport>(transport, defect(transport))
  }
  return { ...engine, open }
}

function memoryRowWithout(capability: 'replay') {
  return { ...memory().capabilities, [capability]: false }
}

/** The value with some of its methods replaced; all others are its own. */
function withOwn<T extends object>(value: T, own: Partial<T>): T {
  return new Proxy(value, {
    get: (_, name) => {
      const member: unknown = Reflect.get(name in own ? own : value, name)
      return typeof member === 'function' ? member.bind(name in own ? own : value) : member
    },
  })
}
