// `millrace parked`, over a broker of our own: a lot is written as a consumer writes it, and what is
// asked of its owner stands in the topic.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type RunResult, runCommand } from '../../test/cli/memory-terminal.ts'
import { until } from '../../test/support/until.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { nodeClock, nodeRandom, nodeTimers } from '../host/node-host.ts'
import { nodeNet } from '../host/node-net.ts'
import type { OutgoingRecord } from '../sdk/events/record.ts'
import { layoutRecord, parkedRecord } from '../sdk/messaging/parking/parked-record.ts'
import { TopicParkingLot } from '../sdk/messaging/parking/topic-parking-lot.ts'
import type { ParkReason } from '../sdk/messaging/parking-lot.ts'
import { embedded } from '../transports/embedded/embedded.ts'
import { formatAddress } from './client/address.ts'
import { Cluster } from './client/cluster.ts'
import { Producer } from './client/producer.ts'
import { createTopic } from './client/topics.ts'

let broker: Broker
let cluster: Cluster
before(async () => {
  broker = await startBroker({ memory: true, listen: '127.0.0.1:0' })
  const world = { net: nodeNet, clock: nodeClock, timers: nodeTimers, random: nodeRandom }
  cluster = await Cluster.connect({ ...world, bootstrap: [broker.addresses[0]!] })
})
after(async () => {
  cluster.close()
  await broker.close()
})

const run = (...args: string[]): Promise<RunResult> =>
  runCommand(args, { env: { MILLRACE_BROKER: formatAddress(broker.addresses[0]!) } })

interface Given {
  readonly partition?: number
  readonly offset: number
  readonly key: string
  readonly reason?: ParkReason
  readonly error?: string
}

let lots = 0
/** A group with these events parked, in a lot over two partitions. */
async function groupWith(...events: readonly Given[]): Promise<string> {
  const group = `billing-${lots++}`
  const topic = `__millrace_parked.${group}`
  await createTopic(cluster, { name: topic, partitions: 2, replicationFactor: -1, configs: {} })
  const producer = await Producer.open(cluster)
  const write = ({ key, value, headers, timestampMs }: OutgoingRecord, partition: number) =>
    producer.send({
      topic,
      partition,
      key: bytes(key),
      value: bytes(value),
      headers: headers.map(([name, content]) => [name, bytes(content)] as const),
      ...(timestampMs !== undefined && { timestampMs }),
    })
  await write(layoutRecord(2), 0)
  for (const { partition = 0, offset, key, reason = 'failed', error = 'no answer' } of events) {
    const failedMs = Date.UTC(2026, 0, 1) + offset * 1000
    const failure = {
      attempts: 6,
      firstFailedMs: failedMs - 500,
      lastFailedMs: failedMs,
      errorName: 'CardError',
      errorMessage: error,
      errorCode: 'E_CARD',
      stack: `CardError: ${error}\n    at charge (billing.ts:7:9)`,
    }
    const record = {
      topic: 'orders',
      partition,
      offset,
      key: Buffer.from(key),
      value: Buffer.from(`{"id":${offset}}`),
      headers: [['ce_type', Buffer.from('shop.OrderPlaced')]] as const,
      timestampMs: 1000,
    }
    const parked = parkedRecord(
      {
        record,
        reason,
        failure: reason === 'follows' ? undefined : failure,
        holdsKey: true,
        group,
        codeVersion: '1.4.2',
      },
      failedMs,
    )
    await write(parked, partition % 2)
  }
  return group
}

const bytes = (content: Uint8Array | null) => (content === null ? null : Buffer.from(content))

/** What owners have been asked, by the key of the request without its id. */
async function requestsOf(group: string): Promise<Map<string, unknown>> {
  const { stdout } = await run('consume', `__millrace_parked.${group}`, '--jsonl')
  const records = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string; value: string; partition: number })
  const requests = records.filter(({ key }) => key.startsWith('request:'))
  return new Map(
    requests.map(({ key, value, partition }) => [
      `${partition} ${key.split('/').slice(0, 2).join('/')}`,
      JSON.parse(value) as unknown,
    ]),
  )
}

describe('millrace parked', () => {
  it('ls lists the keys that wait, each with how many events and why', async () => {
    const group = await groupWith(
      { offset: 4, key: 'a' },
      { offset: 5, key: 'a', reason: 'follows' },
      { offset: 9, key: 'b', partition: 1, reason: 'undecodable', error: 'no JSON' },
    )

    const { stdout, exitCode } = await run('parked', 'ls', '-g', group)

    assert.equal(exitCode, 0)
    assert.equal(
      stdout.replaceAll(/\t[0-9a-f]{8}\t/g, '\tFAILURE\t'),
      'orders\t0\t4\ta\tparked\t2\tfailed\t6\t2026-01-01T00:00:04.000Z\tFAILURE\tCardError: no answer\n' +
        'orders\t1\t9\tb\tparked\t1\tundecodable\t6\t2026-01-01T00:00:09.000Z\tFAILURE\tCardError: no JSON\n',
    )
  })

  it('ls --failures groups what failed alike, most frequent first', async () => {
    const group = await groupWith(
      { offset: 1, key: 'a', error: 'rate limited' },
      { offset: 2, key: 'b', error: 'card 41 declined' },
      { offset: 3, key: 'c', error: 'card 977 declined' },
    )

    const { stdout } = await run('parked', 'ls', '-g', group, '--failures', '--json')

    const rows = JSON.parse(stdout) as { events: number; type: string; error: string }[]
    assert.deepEqual(
      rows.map(({ events, type, error }) => [events, type, error]),
      [
        [2, 'shop.OrderPlaced', 'CardError: card 41 declined'],
        [1, 'shop.OrderPlaced', 'CardError: rate limited'],
      ],
    )
  })

  it('ls of a group that never parked anything lists nothing; a group that cannot is refused', async () => {
    const nothing = await run('parked', 'ls', '-g', 'never-parked')
    const unfit = await run('parked', 'ls', '-g', 'a/b')

    assert.deepEqual([nothing.exitCode, nothing.stdout], [0, ''])
    assert.match(nothing.stderr, /has nothing parked/)
    assert.equal(unfit.exitCode, 2)
    assert.match(unfit.stderr, /^error: Events of group 'a\/b' cannot be parked/)
  })

  it('show gives everything that is known of an event, its bytes among it', async () => {
    const group = await groupWith(
      { offset: 4, key: 'a' },
      { offset: 5, key: 'a', reason: 'follows' },
    )

    const failed = await run('parked', 'show', '-g', group, 'orders/0/4', '--json')
    const follower = await run('parked', 'show', '-g', group, 'orders/0/5')
    const missing = await run('parked', 'show', '-g', group, 'orders/0/6')

    const shown = JSON.parse(failed.stdout) as Record<string, unknown>
    assert.equal(shown['value'], '{"id":4}')
    assert.deepEqual(shown['headers'], [['ce_type', 'shop.OrderPlaced']])
    assert.equal(shown['errorCode'], 'E_CARD')
    assert.match(String(shown['stack']), /billing\.ts:7:9/)
    assert.match(follower.stdout, /^follows\torders\/0\/4$/m)
    assert.equal(missing.exitCode, 3)
    assert.match(missing.stderr, /parked ls/)
  })

  it('redrive asks the owner of every partition that it concerns, and no other', async () => {
    const group = await groupWith(
      { offset: 4, key: 'a' },
      { offset: 5, key: 'a', reason: 'follows' },
      { offset: 9, key: 'b', partition: 3 },
    )

    const dry = await run('parked', 'redrive', '-g', group, '--all', '--dry-run')
    assert.equal(dry.exitCode, 0)
    assert.equal((await requestsOf(group)).size, 0)
    const one = await run('parked', 'redrive', '-g', group, '--key', 'a', '--yes')
    assert.match(one.stderr, /redrives 2 events: it has no members now/)

    assert.deepEqual(
      await requestsOf(group),
      new Map([
        [
          '0 request:orders/0',
          { kind: 'redrive', selection: { kind: 'key', key: 'YQ==' }, perSecond: 10 },
        ],
      ]),
    )
    await run('parked', 'redrive', '-g', group, '--all', '--rate', '5', '--yes')
    const requests = await requestsOf(group)
    const all = { kind: 'redrive', selection: { kind: 'all' }, perSecond: 2.5 }
    assert.deepEqual(requests.get('1 request:orders/3'), all)
  })

  it('redrive shows what is asked for as running', async () => {
    const group = await groupWith({ offset: 4, key: 'a' }, { offset: 9, key: 'b' })

    await run('parked', 'redrive', '-g', group, '--event', 'orders/0/9', '--yes')

    const { stdout } = await run('parked', 'ls', '-g', group, '--json')
    const rows = JSON.parse(stdout) as { key: string; state: string }[]
    assert.deepEqual(
      rows.map(({ key, state }) => [key, state]),
      [
        ['a', 'parked'],
        ['b', 'running'],
      ],
    )
  })

  it('redrive of a time or of a kind of failure means what failed so', async () => {
    const group = await groupWith(
      { offset: 4, key: 'a' },
      { offset: 60, key: 'b', error: 'another thing' },
    )
    const listed = await run('parked', 'ls', '-g', group, '--failures', '--json')
    const failures = JSON.parse(listed.stdout) as { failure: string; error: string }[]
    const other = failures.find(({ error }) => error.includes('another'))!.failure
    const keysOf = async (...args: string[]) => {
      const { stdout } = await run('parked', 'redrive', '-g', group, ...args, '--dry-run', '--json')
      return (JSON.parse(stdout) as { key: string }[]).map(({ key }) => key)
    }

    assert.deepEqual(await keysOf('--failure', other), ['b'])
    assert.deepEqual(await keysOf('--since', '2026-01-01T00:00:30Z'), ['b'])
    assert.deepEqual(await keysOf('--until', '2026-01-01T00:00:30Z'), ['a'])
  })

  it('discard asks with its reason, and needs one', async () => {
    const group = await groupWith({ offset: 4, key: 'a' })

    const without = await run('parked', 'discard', '-g', group, '--all', '--yes')
    const asked = await run(
      'parked',
      'discard',
      '-g',
      group,
      '--all',
      '--reason',
      'a test',
      '--yes',
    )

    assert.equal(without.exitCode, 2)
    assert.equal(asked.exitCode, 0)
    assert.deepEqual(
      [...(await requestsOf(group)).values()],
      [{ kind: 'discard', selection: { kind: 'all' }, reason: 'a test' }],
    )
  })

  it('wants exactly one selection, asks before it does anything, and says when nothing matches', async () => {
    const group = await groupWith({ offset: 4, key: 'a' })

    const none = await run('parked', 'redrive', '-g', group, '--yes')
    const two = await run('parked', 'redrive', '-g', group, '--all', '--key', 'a', '--yes')
    const unasked = await run('parked', 'redrive', '-g', group, '--all')
    const nothing = await run('parked', 'redrive', '-g', group, '--key', 'z', '--yes')

    assert.deepEqual([none.exitCode, two.exitCode, unasked.exitCode], [2, 2, 2])
    assert.equal(nothing.exitCode, 7)
    assert.equal((await requestsOf(group)).size, 0)
  })

  it('has what it asks for done by the owner of the partition', async () => {
    const engine = embedded({ memory: true, listen: '127.0.0.1:0' })
    await using transport = await engine.open({ service: 'shop', onWarning: () => undefined })
    await transport.administration.ensureTopics([{ name: 'orders', partitions: 3 }])
    const onWarning = () => undefined
    await using lot = new TopicParkingLot({
      transport,
      group: 'mails',
      topics: ['orders'],
      onWarning,
    })
    await using producer = await transport.producer()
    const handled: string[] = []
    const partition = await lot.open(
      { topic: 'orders', partition: 2 },
      {
        committedBelow: () => 100,
        handle: async ({ value }, alongside) => {
          handled.push(String(value))
          for (const request of alongside) await producer.send(request)
          return { kind: 'handled' }
        },
      },
    )
    for (const [offset, key] of ['a', 'a', 'b'].entries()) {
      const place = { topic: 'orders', partition: 2, offset, timestampMs: 1 }
      const record = {
        ...place,
        key: Buffer.from(key),
        value: Buffer.from(`${key}${offset}`),
        headers: [],
      }
      const reason = offset === 1 ? 'follows' : 'failed'
      await partition.park({ record, reason, failure: undefined, holdsKey: true })
    }
    const address = formatAddress(engine.addresses[0]!)
    const parked = (...args: string[]) =>
      runCommand(['parked', ...args, '-g', 'mails'], { env: { MILLRACE_BROKER: address } })

    const asked = await parked('redrive', '--key', 'a', '--yes')
    assert.equal(asked.exitCode, 0, asked.stderr)
    await until(() => handled.length === 2)
    assert.deepEqual(handled, ['a0', 'a1'])
    await parked('discard', '--event', 'orders/2/2', '--reason', 'too late', '--yes')
    await until(() => !partition.holds(Buffer.from('b')))

    assert.deepEqual([handled.length, (await parked('ls')).stdout], [2, ''])
  })
})
