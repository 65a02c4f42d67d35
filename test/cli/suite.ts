// What the verbs promise, over any broker that speaks Kafka's protocol: run against our own broker
// in the same process (src/cli/verbs.test.ts) and against Apache Kafka (kafka.test.ts here).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { consumerGroupHeartbeat } from '../../src/broker/protocol/68-consumer-group-heartbeat.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { until } from '../support/test-broker.ts'
import { TransactionalProducer } from '../support/transactional-producer.ts'
import { type RunOptions, type RunResult, runCommand } from './memory-terminal.ts'

const NOTHING = ''

/** @param broker where it listens; asked for when the first test runs */
export function cliSuite(broker: () => string): void {
  const run = (args: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    runCommand(args, { ...options, env: { MILLRACE_BROKER: broker(), ...options.env } })
  /** Runs what must succeed; answers stdout. */
  const ok = async (args: readonly string[], options: RunOptions = {}): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(args, options)
    assert.equal(exitCode, 0, `millrace ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const connect = () => {
    const [host, port] = broker().split(':')
    return KafkaClient.connect({ host: host!, port: Number(port) })
  }
  const newTopic = async (partitions = 1): Promise<string> => {
    const topic = uniqueName('topic')
    await ok(['topic', 'create', topic, '-p', String(partitions)])
    return topic
  }

  describe('produce and consume', () => {
    it('a value of the command line is written, and where it landed is printed', async () => {
      const topic = await newTopic()

      assert.equal(await ok(['produce', topic, '{"id":1}']), '0@0\n')
      assert.equal(await ok(['produce', topic, '']), '0@1\n')
      assert.equal(await ok(['consume', topic, '--raw']), '{"id":1}\n\n')
    })

    it('every line of the input is a record, in order, whatever bytes it holds', async () => {
      const topic = await newTopic()
      const input = Buffer.concat([
        Buffer.from('a\r\nb\n'),
        Buffer.from([0xff, 0x0a]),
        Buffer.from('last'),
      ])

      const places = await ok(['produce', topic], { input })

      assert.equal(places, '0@0\n0@1\n0@2\n0@3\n')
      const records = jsonLines(await ok(['consume', topic, '--jsonl']))
      const values = records.map(({ value }) => value)
      assert.deepEqual(values, ['a', 'b', { base64: '/w==' }, 'last'])
    })

    it('a pipe gets tab-separated fields, escaped, with \\N for what is null', async () => {
      const topic = await newTopic()
      await ok(['produce', topic, '-k', 'k\t1', 'two\nlines'])
      await ok(['produce', topic, 'no key'])

      const stdout = await ok(['consume', topic])

      assert.equal(
        stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'),
        `${topic}\t0\t0\tTIME\tk\\t1\ttwo\\nlines\n${topic}\t0\t1\tTIME\t\\N\tno key\n`,
      )
    })

    it('a terminal gets lines to read, with control characters made visible', async () => {
      const topic = await newTopic()
      await ok(['produce', topic, '-k', 'user1', '-H', 'type:created', 'a\u001b[2Jb'])

      const stdout = await ok(['consume', topic], { isTty: true })

      assert.match(stdout, /^ +(now|\d+ m?s ago) {2}0@0 {9}user1 {2}a\\x1b\[2Jb {2}type:created\n$/)
    })

    it('JSON holds key, value, headers and time, and can be written again as it is', async () => {
      const [from, to] = [await newTopic(), await newTopic()]
      await ok(['produce', from, '-k', 'user1', '-H', 'a:1', '-H', 'a:2', 'v'])

      const lines = await ok(['consume', from, '--jsonl'])
      await ok(['produce', to, '--input', 'jsonl'], { input: lines })

      const [copy] = jsonLines(await ok(['consume', to, '--jsonl']))
      const [original] = jsonLines(lines)
      assert.deepEqual(copy, { ...original, topic: to })
      assert.deepEqual(original?.['headers'], [
        ['a', '1'],
        ['a', '2'],
      ])
    })

    it('--json is one document, also when there is nothing', async () => {
      const topic = await newTopic()

      assert.deepEqual(JSON.parse(await ok(['consume', topic, '--json'])), [])
      const written = JSON.parse(await ok(['produce', topic, '--json'], { input: 'a\nb\n' }))
      assert.deepEqual(
        written.map((place: { offset: number }) => place.offset),
        [0, 1],
      )
      assert.equal(JSON.parse(await ok(['consume', topic, '--json'])).length, 2)
    })

    it('every compression comes back as it was', async () => {
      const topic = await newTopic()
      for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
        await ok(['produce', topic, '-z', codec, codec.repeat(100)])
      }

      const values = (await ok(['consume', topic, '--raw'])).trimEnd().split('\n')

      assert.deepEqual(
        values,
        ['none', 'gzip', 'snappy', 'lz4', 'zstd'].map((codec) => codec.repeat(100)),
      )
    })

    it('records are written with each of the three acks', async () => {
      const topic = await newTopic()
      for (const acks of ['all', '1']) {
        assert.match(await ok(['produce', topic, '--acks', acks, acks]), /^0@\d\n$/)
      }
      // Without an answer nobody knows the offset.
      assert.equal(await ok(['produce', topic, '--acks', '0', '0']), '0@-1\n')

      const follow = ['consume', topic, '--raw', '--follow', '-n', '3']
      assert.equal(await ok(follow), 'all\n1\n0\n')
    })

    it('equal keys land in equal partitions, by the hash of the Java client', async () => {
      const topic = await newTopic(7)

      // murmur2('foobar') = -790332482, without its sign bit modulo 7
      assert.equal(await ok(['produce', topic, '-k', 'foobar', 'x']), '0@0\n')
      assert.equal(await ok(['produce', topic, '-k', 'foobar', 'y']), '0@1\n')
      assert.equal(await ok(['produce', topic, '-k', 'foobar', '-p', '5', 'z']), '5@0\n')
    })

    it('a position is the start, the end, so many before it, an offset or a time', async () => {
      const topic = await newTopic()
      await ok(['produce', topic], { input: '0\n1\n2\n3\n' })
      const from = (position: string) => ok(['consume', topic, '--raw', '-o', position])

      assert.equal(await from('start'), '0\n1\n2\n3\n')
      assert.equal(await from('end'), NOTHING)
      assert.equal(await from('-2'), '2\n3\n')
      assert.equal(await from('-99'), '0\n1\n2\n3\n')
      assert.equal(await from('1'), '1\n2\n3\n')
      assert.equal(await from('@-1h'), '0\n1\n2\n3\n')
      assert.equal(await from('@2100-01-01'), NOTHING)
    })

    it('--key, -n and --partition narrow what is read', async () => {
      const topic = await newTopic(2)
      await ok(['produce', topic, '--key-separator', ':'], { input: 'a:1\nb:2\na:3\n' })
      await ok(['produce', topic, '-p', '1', 'in one'])

      assert.equal(await ok(['consume', topic, '--raw', '--key', 'a']), '1\n3\n')
      assert.equal(await ok(['consume', topic, '--raw', '--key', 'a', '-n', '1']), '1\n')
      assert.match(await ok(['consume', topic, '--raw', '-p', '1']), /in one\n$/)
      assert.equal(await ok(['consume', topic, '-n', '0']), NOTHING)
    })

    it('--follow goes on with what comes until it is interrupted', async () => {
      const topic = await newTopic()
      const interrupt = new AbortController()
      const hasPrinted = Promise.withResolvers<void>()

      const following = run(['consume', topic, '--raw', '--follow'], {
        interrupted: interrupt.signal,
        onOutput: () => hasPrinted.resolve(),
      })
      await ok(['produce', topic, 'late'])
      await Promise.race([hasPrinted.promise, following])
      interrupt.abort('SIGINT')

      const { exitCode, stdout } = await following
      assert.deepEqual({ exitCode, stdout }, { exitCode: 130, stdout: 'late\n' })
    })

    it('-n ends --follow', async () => {
      const topic = await newTopic()
      await ok(['produce', topic], { input: '1\n2\n3\n' })

      assert.equal(await ok(['consume', topic, '--raw', '--follow', '-n', '2']), '1\n2\n')
    })

    it('nothing to print is success, or 7 with --fail-empty', async () => {
      const topic = await newTopic()

      assert.equal(await ok(['consume', topic]), NOTHING)
      assert.equal((await run(['consume', topic, '--fail-empty'])).exitCode, 7)
    })

    it('a tombstone has a key and no value', async () => {
      const topic = await newTopic()
      await ok(['produce', topic, '-k', 'user1', '--tombstone'])

      const [record] = jsonLines(await ok(['consume', topic, '--jsonl']))

      assert.equal(record?.['key'], 'user1')
      assert.equal(record?.['value'], null)
      assert.equal((await run(['produce', topic, '--tombstone'])).exitCode, 2)
    })

    it('a topic that is not there is created by the first record, as the broker does it', async () => {
      const topic = uniqueName('auto')

      assert.match(await ok(['produce', topic, 'hello']), /^\d@0\n$/)
      assert.equal(await ok(['consume', topic, '--raw']), 'hello\n')
    })

    it('a line that is no record ends it, after what came before has been written and told', async () => {
      const topic = await newTopic()

      const { exitCode, stdout, stderr } = await run(['produce', topic, '--input', 'jsonl'], {
        input: '{"value":"a"}\n{"value":\n{"value":"c"}\n',
      })

      assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: '0@0\n' })
      assert.match(
        stderr,
        /^error: A line of the input is no record, it is not JSON: \{"value":\n$/,
      )
      assert.equal(await ok(['consume', topic, '--raw']), 'a\n')
    })

    it('a record that is too large fails with the reason, and what came before is told', async () => {
      const topic = await newTopic()
      await ok(['topic', 'config', 'set', topic, 'max.message.bytes=1000'])

      const { exitCode, stdout, stderr } = await run(['produce', topic, 'x'.repeat(2000)])

      assert.equal(exitCode, 1)
      assert.equal(stdout, NOTHING)
      assert.match(stderr, /^error: .*MESSAGE_TOO_LARGE/)
    })
  })

  describe('topic', () => {
    it('ls prints name, partitions and replicas, without internal topics', async () => {
      const topic = await newTopic(3)

      const lines = (await ok(['topic', 'ls'])).split('\n')

      assert(lines.includes(`${topic}\t3\t1`))
      assert(!lines.some((line) => line.startsWith('__')))
    })

    it('create refuses a name that is taken with 6, unless --if-not-exists', async () => {
      const topic = await newTopic()

      const again = await run(['topic', 'create', topic])

      assert.equal(again.exitCode, 6)
      assert.match(again.stderr, /^error: Topic .*exists.*\n$/)
      assert.equal(
        await ok(['topic', 'create', topic, '--if-not-exists']),
        `${topic}\texists\t\\N\n`,
      )
    })

    it('create --dry-run creates nothing', async () => {
      const topic = uniqueName('dry')

      assert.match(await ok(['topic', 'create', topic, '--dry-run']), /\tcould be created\t/)
      assert.equal((await run(['topic', 'describe', topic])).exitCode, 3)
    })

    it('describe prints the offsets of each partition and what was configured', async () => {
      const topic = uniqueName('described')
      await ok(['topic', 'create', topic, '-p', '2', '-c', 'retention.ms=60000000'])
      await ok(['produce', topic, '-p', '1', 'x'])

      const stdout = await ok(['topic', 'describe', topic])
      const [document] = JSON.parse(await ok(['topic', 'describe', topic, '--json']))

      assert.equal(stdout, `${topic}\t0\t1\t1\t0\t0\t0\n${topic}\t1\t1\t1\t0\t1\t1\n`)
      assert.deepEqual(document.configs, { 'retention.ms': '60000000' })
      assert.deepEqual(
        document.partitions.map((partition: { endOffset: number }) => partition.endOffset),
        [0, 1],
      )
    })

    it('config sets, gets and unsets keys', async () => {
      const topic = await newTopic()
      // The brokers of a cluster learn of a change a moment after it was accepted.
      const shows = async (key: string, expected: RegExp) => {
        const deadline = performance.now() + 10_000
        for (;;) {
          const stdout = await ok(['topic', 'config', 'get', topic, key])
          if (expected.test(stdout)) return
          if (performance.now() > deadline) assert.match(stdout, expected)
        }
      }

      await ok(['topic', 'config', 'set', topic, 'retention.ms=1234567', 'segment.bytes=2000000'])
      await shows('retention.ms', /^retention.ms\t1234567\ttopic\n$/)
      await ok(['topic', 'config', 'set', topic, 'retention.ms=1', '--dry-run'])
      await shows('retention.ms', /^retention.ms\t1234567\ttopic\n$/)
      await ok(['topic', 'config', 'unset', topic, 'retention.ms'])
      await shows('retention.ms', /^retention.ms\t\d+\t(default|broker)\n$/)
      await shows('segment.bytes', /^segment.bytes\t2000000\ttopic\n$/)
    })

    it('config refuses what is invalid, and names a key that does not exist', async () => {
      const topic = await newTopic()

      const invalid = await run(['topic', 'config', 'set', topic, 'retention.ms=soon'])
      const unknown = await run(['topic', 'config', 'get', topic, 'no.such.key'])

      assert.equal(invalid.exitCode, 1)
      assert.match(invalid.stderr, /^error: Topic .*retention\.ms.*\n$/)
      assert.equal(unknown.exitCode, 3)
    })

    it('trim deletes what lies before a position', async () => {
      const topic = await newTopic()
      await ok(['produce', topic], { input: '0\n1\n2\n' })

      assert.equal(
        await ok(['topic', 'trim', topic, '--before', '2', '--dry-run']),
        `${topic}\t0\t0\t2\t3\n`,
      )
      assert.equal(await ok(['consume', topic, '--raw']), '0\n1\n2\n')
      await ok(['topic', 'trim', topic, '--before', '2', '--yes'])
      assert.equal(await ok(['consume', topic, '--raw']), '2\n')
      const { stdout, stderr } = await run(['consume', topic, '--raw', '-o', '0'])
      assert.equal(stdout, '2\n')
      assert.match(stderr, /holds 2 to 3: reading from 2/)
    })

    it('rm asks a person, wants --yes from a script, and deletes nothing for a typo', async () => {
      const topic = await newTopic()

      assert.equal((await run(['topic', 'rm', topic])).exitCode, 2)
      const no = await run(['topic', 'rm', topic], { answers: ['n'] })
      assert.match(no.stderr, new RegExp(`Delete topic ${topic} with all records\\? \\[y/N\\]`))
      assert.equal((await run(['topic', 'rm', topic, `${topic}x`, '--yes'])).exitCode, 3)
      await ok(['topic', 'describe', topic])
      await ok(['topic', 'rm', topic], { answers: ['y'] })
      assert.equal((await run(['topic', 'describe', topic])).exitCode, 3)
    })
  })

  describe('group', () => {
    it('seek makes a group, moves it, and shows before and after', async () => {
      const topic = await newTopic(2)
      const group = uniqueName('group')
      await ok(['produce', topic, '-p', '0'], { input: '0\n1\n2\n' })
      const seek = (...args: string[]) => ok(['group', 'seek', group, ...args])

      assert.equal(
        await seek('--to', 'end', '-t', topic, '--yes'),
        `${group}\t${topic}\t0\t\\N\t3\t\\N\t0\n${group}\t${topic}\t1\t\\N\t0\t\\N\t0\n`.replaceAll(
          `${group}\t`,
          NOTHING,
        ),
      )
      assert.equal(await seek('--to', '1', '-p', '0', '--dry-run'), `${topic}\t0\t3\t1\t-2\t2\n`)
      await seek('--to', '1', '-p', '0', '--yes')
      assert.equal(
        await ok(['group', 'describe', group]),
        `${group}\t${topic}\t0\t1\t3\t2\t\\N\n${group}\t${topic}\t1\t0\t0\t0\t\\N\n`,
      )
      assert.match(await ok(['group', 'ls']), new RegExp(`^${group}\tEmpty\t`, 'm'))
    })

    it('seek without topics is a usage error for a group that has committed nothing', async () => {
      const { exitCode, stderr } = await run(['group', 'seek', uniqueName('g'), '--to', 'start'])

      assert.equal(exitCode, 2)
      assert.match(stderr, /--topic/)
    })

    it('of the new protocol is shown with epochs, target and what members have in hand', async () => {
      const topic = await newTopic(2)
      const group = uniqueName('group')
      await using client = await connect()
      const beat = async (memberId: string, memberEpoch: number) => {
        const joining = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: [topic] }
        const more = memberEpoch === 0 ? { ...joining, topicPartitions: [] } : {}
        const request = { groupId: group, memberId, memberEpoch, ...more }
        return await client.send(consumerGroupHeartbeat, 1, request)
      }
      // Kafka has a coordinator once somebody has asked for it, and that one may hear of a new topic
      // later than who made it.
      await run(['group', 'describe', group])
      let { memberEpoch, assignment } = await beat('one', 0)
      await until(async () => {
        if ((assignment?.topicPartitions.length ?? 0) > 0) return true
        ;({ memberEpoch, assignment } = await beat('one', memberEpoch))
        return false
      })
      await ok(['produce', topic, '-p', '0', 'a'])
      const busy = await run(['group', 'seek', group, '--to', 'end', '-t', topic, '--yes'])
      assert.equal(busy.exitCode, 6)
      const [description] = JSON.parse(await ok(['group', 'describe', group, '--json']))

      assert.match(await ok(['group', 'ls']), new RegExp(`^${group}\tStable\tconsumer\t`, 'm'))
      const reads = [{ topic, partitions: [0, 1] }]
      const facts = { groupType: 'consumer', assignor: 'uniform', groupEpoch: memberEpoch }
      assert.partialDeepStrictEqual(description, { ...facts, assignmentEpoch: memberEpoch })
      const member = { memberId: 'one', memberEpoch, assignment: reads, target: reads }
      assert.partialDeepStrictEqual(description.members, [member])
      const shown = await ok(['group', 'describe', group], { isTty: true })
      assert.match(shown, new RegExp(`1 member, uniform, epoch ${memberEpoch}\\b`))
      assert.match(shown, /EPOCH +READS +TARGET/)

      await beat('one', -1)
      await ok(['group', 'seek', group, '--to', 'end', '-t', topic, '--yes'])
      await ok(['group', 'rm', group, '--yes'])
      assert.equal((await run(['group', 'describe', group])).exitCode, 3)
    })

    it('rm forgets one topic of a group, then all of it', async () => {
      const [topic, other] = [await newTopic(), await newTopic()]
      const group = uniqueName('group')
      await ok(['group', 'seek', group, '--to', 'start', '-t', topic, '-t', other, '--yes'])

      await ok(['group', 'rm', group, '-t', topic, '--yes'])
      assert.equal(await ok(['group', 'describe', group]), `${group}\t${other}\t0\t0\t0\t0\t\\N\n`)
      assert.equal(await ok(['group', 'rm', group, '--yes']), `${group}\t\\N\tdeleted\n`)
      const gone = await run(['group', 'describe', group])
      assert.equal(gone.exitCode, 3)
      assert.match(gone.stderr, /does not exist/)
    })
  })

  describe('quota', () => {
    it('set, ls and unset go round, for a user, a pair, a default and an address', async () => {
      const user = uniqueName('user')
      const whom: [string[], string][] = [
        [['--user', user], `${user}\t\\N\t\\N`],
        [['--user', user, '--client-id', 'a\tb'], `${user}\ta\\tb\t\\N`],
        [['--user', user, '--any-client-id'], `${user}\t<any>\t\\N`],
      ]
      for (const [options] of whom) {
        await ok(['quota', 'set', 'producer_byte_rate=1000', 'request_percentage=1.5', ...options])
      }
      await ok(['quota', 'unset', 'request_percentage', ...whom[0]![0]])
      await ok(['quota', 'set', 'connection_creation_rate=100000', '--ip', '192.0.2.7'])

      const lines = await eventually(
        () => ok(['quota', 'ls', '--user', user]),
        (listed) => listed.split('\n').length === 6,
      )
      const address = await eventually(
        () => ok(['quota', 'ls', '--ip', '192.0.2.7', '--jsonl']),
        (listed) => listed !== NOTHING,
      )
      for (const [options] of whom) {
        await ok(['quota', 'unset', 'producer_byte_rate', 'request_percentage', ...options])
      }
      await ok(['quota', 'unset', 'connection_creation_rate', '--ip', '192.0.2.7'])

      const expected = [
        `${whom[0]![1]}\tproducer_byte_rate\t1000`,
        ...whom.slice(1).flatMap(([, names]) => {
          return [`${names}\tproducer_byte_rate\t1000`, `${names}\trequest_percentage\t1.5`]
        }),
      ]
      assert.deepEqual(lines.trimEnd().split('\n').sort(), expected.sort())
      const entity = { ip: '192.0.2.7' }
      const key = 'connection_creation_rate'
      assert.deepEqual(jsonLines(address), [{ entity, key, value: 100_000 }])
      await eventually(
        () => ok(['quota', 'ls', '--user', user]),
        (listed) => listed === NOTHING,
      )
    })

    it('a dry run changes nothing, and what cannot be is refused', async () => {
      const user = uniqueName('user')
      const whom = ['--user', user]

      const tried = await run(['quota', 'set', 'producer_byte_rate=1', ...whom, '--dry-run'])
      const unknown = await run(['quota', 'set', 'made_up=1', ...whom])
      const nobody = await run(['quota', 'set', 'producer_byte_rate=1'])
      const both = await run(['quota', 'ls', ...whom, '--any-user'])
      const noNumber = await run(['quota', 'set', 'producer_byte_rate=much', ...whom])

      assert.match(tried.stderr, /^Could set producer_byte_rate of user /)
      assert.equal(await ok(['quota', 'ls', ...whom]), NOTHING)
      assert.match(unknown.stderr, /INVALID_REQUEST/)
      for (const wrong of [nobody, both, noNumber]) assert.equal(wrong.exitCode, 2)
    })
  })

  describe('transaction', () => {
    /** A transaction with one record in partition 0, and where it is. */
    const open = async () => {
      const topic = await newTopic()
      const [host, port] = broker().split(':')
      const client = await KafkaClient.connect({ host: host!, port: Number(port) })
      const transactionalId = uniqueName('tx')
      const producer = new TransactionalProducer(client, { transactionalId })
      assert.equal(await producer.init(), 0)
      // A new topic of Kafka may not be led yet.
      await until(async () => (await producer.produce(topic, ['open'])) === 0)
      return { topic, transactionalId, producer, client }
    }

    it('ls and describe show what is open, and where', async () => {
      const { topic, transactionalId, producer, client } = await open()
      await using _ = client

      const listed = await ok(['transaction', 'ls', '--state', 'Ongoing'])
      const [described] = JSON.parse(
        await ok(['transaction', 'describe', transactionalId, '--json']),
      )
      const inTopic = await ok(['transaction', 'ls', '--topic', topic])

      const { producerId, producerEpoch } = producer
      assert.ok(listed.includes(`${transactionalId}\tOngoing\t${producerId}\n`), listed)
      assert.equal(described.state, 'Ongoing')
      assert.deepEqual(described.partitions, [{ topic, partition: 0 }])
      assert.match(inTopic, new RegExp(`^${topic}\\t0\\t${producerId}\\t${producerEpoch}\\t0\\t`))
      assert.ok(inTopic.endsWith(`\t${transactionalId}\n`), inTopic)
    })

    it('abort by transactional id ends it and fences its producer', async () => {
      const { topic, transactionalId, producer, client } = await open()
      await using _ = client

      assert.equal(
        await ok(['transaction', 'abort', transactionalId, '--dry-run']),
        `${transactionalId}\twould be aborted\n`,
      )
      const done = await ok(['transaction', 'abort', transactionalId, '--yes'])

      assert.equal(done, `${transactionalId}\taborted\n`)
      assert.equal(await ok(['transaction', 'ls', '--topic', topic]), NOTHING)
      assert.equal(await producer.end(true), 90)
    })

    it('abort by partition and producer ends what hangs there', async () => {
      const { topic, producer, client } = await open()
      await using _ = client
      const where = ['--topic', topic, '--partition', '0', '--producer', `${producer.producerId}`]

      const done = await ok(['transaction', 'abort', ...where, '--yes'])

      assert.equal(done, `${topic} 0 producer ${producer.producerId}\taborted\n`)
      assert.equal(await ok(['transaction', 'ls', '--topic', topic]), NOTHING)
      const again = await run(['transaction', 'abort', ...where, '--yes'])
      assert.equal(again.exitCode, 3)
    })

    it('what is not there is 3, half a place is 2', async () => {
      const nobody = uniqueName('nobody')

      assert.equal((await run(['transaction', 'describe', nobody])).exitCode, 3)
      assert.equal((await run(['transaction', 'abort', nobody, '--yes'])).exitCode, 3)
      assert.equal((await run(['transaction', 'abort', '--topic', 'orders'])).exitCode, 2)
    })
  })

  describe('status', () => {
    it('says who answers and what is there', async () => {
      await newTopic()

      const status = JSON.parse(await ok(['status', '--json']))

      assert.equal(status.brokers.length, 1)
      assert.equal(status.brokers[0].address, broker())
      assert(status.topics >= 1)
      assert.deepEqual(status.offlinePartitions, [])
    })
  })

  it('every verb that prints data prints JSON with --json and one value per line with --jsonl', async () => {
    const topic = await newTopic()
    const group = uniqueName('group')
    await ok(['group', 'seek', group, '--to', 'start', '-t', topic, '--yes'])
    const verbs = [
      ['produce', topic, 'x'],
      ['consume', topic],
      ['topic', 'ls'],
      ['topic', 'describe', topic],
      ['topic', 'create', uniqueName('json'), '--dry-run'],
      ['topic', 'config', 'get', topic],
      ['topic', 'config', 'set', topic, 'retention.ms=1', '--dry-run'],
      ['topic', 'config', 'unset', topic, 'retention.ms', '--dry-run'],
      ['topic', 'trim', topic, '--before', 'start', '--dry-run'],
      ['topic', 'rm', topic, '--dry-run'],
      ['group', 'ls'],
      ['group', 'describe', group],
      ['group', 'seek', group, '--to', 'end', '--dry-run'],
      ['group', 'rm', group, '--dry-run'],
      ['status'],
    ]
    for (const args of verbs) {
      JSON.parse(await ok([...args, '--json']))
      for (const line of (await ok([...args, '--jsonl'])).trimEnd().split('\n')) JSON.parse(line)
    }
  })
}

function uniqueName(start: string): string {
  return `${start}-${randomBytes(6).toString('hex')}`
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** The answer once it is as it should be: brokers of a cluster learn of a change a moment later. */
async function eventually(
  ask: () => Promise<string>,
  isReady: (answer: string) => boolean,
): Promise<string> {
  let answer = ''
  await until(async () => {
    answer = await ask()
    return isReady(answer)
  })
  return answer
}
