// Kafka's own command-line, verifiable, performance and transaction tools.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { compare } from '../../kafka-tools/compare.ts'
import {
  parseOutcomes,
  recordedAclPath,
  recordedPath,
  runAclTool,
  runAgainst,
} from '../../kafka-tools/setup.ts'
import { until } from '../../support/until.ts'
import { KafkaTools } from '../kafka-tool.ts'
import { Program, runProgram, toolLibraries } from '../program.ts'
import { type Check, check, type Row, type Stage } from '../row.ts'

const DEADLINE = { deadlineMs: 120_000 }
const software = "Kafka's tools 4.3.1"
const group = "Kafka's own tools"

const compared: Row = {
  id: 'tools-compared',
  group,
  software,
  what:
    'kafka-topics, configs, console-producer and -consumer, get-offsets, delete-records, log-dirs, ' +
    'leader-election, reassign-partitions, cluster, features, client-metrics and the Admin client ' +
    'print what they print of Apache Kafka, but for the differences that ' +
    '[differences.ts](../test/kafka-tools/differences.ts) names with their reasons',
  services: ['kafka'],
  isQuick: false, // `npm run test:kafka-tools` is the same
  run: async ({ broker }) => {
    const kafka = parseOutcomes(await readFile(recordedPath, 'utf8'))
    const { cases } = compare(await runAgainst(broker.bootstrap, toolLibraries), kafka)
    const checks = cases.map(({ name, outcome, expected }) =>
      check(name, () => assert.equal(outcome, expected)),
    )
    return { checks: await Promise.all(checks) }
  },
}

const accessRules: Row = {
  id: 'tools-acls',
  group,
  software: 'kafka-acls 4.3.1',
  what: 'Makes, lists and removes access rules, and prints what it prints of Apache Kafka',
  services: ['kafka'],
  isQuick: false, // `npm run test:kafka-tools` is the same
  configs: {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  },
  run: async ({ broker }) => {
    const kafka = parseOutcomes(await readFile(recordedAclPath, 'utf8'))
    const ours = await runAclTool(broker.bootstrap, toolLibraries)
    const checks = [...kafka].map(([name, expected]) =>
      check(name, () => assert.equal(ours.get(name), expected)),
    )
    return { checks: await Promise.all(checks) }
  },
}

const verifiable: Row = {
  id: 'tools-verifiable',
  group,
  software: 'VerifiableProducer, VerifiableConsumer 4.3.1',
  what: 'Two members of a classic group, one is killed while records come: nothing is missed',
  services: ['kafka'],
  isQuick: false,
  run: (stage) => verify(stage, 'classic'),
}

const verifiableNew: Row = {
  ...verifiable,
  id: 'tools-verifiable-consumer-protocol',
  what: 'The same with `group.protocol=consumer` (KIP-848)',
  run: (stage) => verify(stage, 'consumer'),
}

async function verify(stage: Stage, protocol: 'classic' | 'consumer') {
  const tools = new KafkaTools(stage.broker.bootstrap)
  const records = stage.size === 'quick' ? 2000 : 20_000
  await tools.makeTopic('verified', 4)
  const consumed = new Set<string>()
  let partitionsOf = { first: 0, second: 0 }
  const member = (name: 'first' | 'second') => {
    const onLine = (line: string) => {
      const event = parse(line)
      if (event?.['name'] === 'record_data') consumed.add(String(event['value']))
      if (event?.['name'] === 'partitions_assigned') {
        partitionsOf = { ...partitionsOf, [name]: (event['partitions'] as unknown[]).length }
      }
    }
    const session = protocol === 'classic' ? '--session-timeout 6000' : ''
    const args = `--topic verified --group-id verifiers --group-protocol ${protocol} --verbose ${session}`
    const program = tools.start('verifiable-consumer', args, { onLine })
    stage.atEnd(() => program.kill())
    return program
  }
  const produce = (prefix: number) =>
    tools.run(
      'verifiable-producer',
      `--topic verified --max-messages ${records} --throughput 2000 --value-prefix ${prefix}`,
    )
  const isAll = (prefix: number) => countOf(consumed, `${prefix}.`) === records
  const checks: Check[] = []

  const first = member('first')
  checks.push(
    await check('every record is acknowledged', async () => {
      const last = parse((await produce(1)).split('\n').at(-1)!)
      assert.equal(last?.['acked'], records)
    }),
  )
  checks.push(
    await check('the only member gets every record', () =>
      until(() => isAll(1) || first.hasEnded, DEADLINE).then(() =>
        assert.ok(isAll(1), first.lastWords()),
      ),
    ),
  )
  if (checks.some(({ failure }) => failure !== undefined)) return { checks }
  const second = member('second')
  checks.push(
    await check('a second member gets half of the partitions', () =>
      until(() => partitionsOf.second === 2, { ...DEADLINE, what: second.lastWords() }),
    ),
  )
  const producing = produce(2)
  await until(() => countOf(consumed, '2.') > 0, DEADLINE)
  await first.kill()
  await producing
  checks.push(
    await check('the other gets all partitions when one is killed, and no record is missed', () =>
      until(() => isAll(2), { ...DEADLINE, what: second.lastWords() }),
    ),
  )
  checks.push(
    await check('a member that is asked to leaves, with all offsets committed', async () => {
      await second.stop()
      const described = await tools.run('groups', '--describe --group verifiers')
      assert.match(described, /has no active members/)
      const lags = [...described.matchAll(/^verifiers +verified +\d+ +\d+ +\d+ +(\S+)/gm)]
      assert.deepEqual(
        lags.map(([, lag]) => lag),
        ['0', '0', '0', '0'],
      )
    }),
  )
  return { checks, seen: `${2 * records} records` }
}

const performanceTools: Row = {
  id: 'tools-performance',
  group,
  software: 'producer-perf-test, consumer-perf-test, EndToEndLatency 4.3.1',
  what: 'Plain, compressed and transactional load and its reading back',
  services: ['kafka'],
  isQuick: false,
  run: async ({ broker }) => {
    const tools = new KafkaTools(broker.bootstrap)
    const records = 200_000
    const load = `--num-records ${records} --record-size 100 --throughput -1 --command-property acks=all`
    await tools.makeTopic('load', 4)
    const checks: Check[] = []
    for (const [name, more] of [
      ['acks=all', ''],
      ['acks=all, lz4', 'compression.type=lz4'],
      ['acks=all, zstd', 'compression.type=zstd'],
      ['transactions of 100 ms', 'linger.ms=5 --transaction-duration-ms 100'],
    ]) {
      checks.push(
        await check(`producer-perf-test: ${name}`, async () => {
          const said = (await tools.run('producer-perf', `--topic load ${load} ${more}`))
            .split('\n')
            .at(-1)!
          assert.match(said, new RegExp(`^${records} records sent`))
        }),
      )
    }
    checks.push(
      await check('consumer-perf-test reads all of it', async () => {
        const said = await tools.run(
          'consumer-perf',
          `--topic load --num-records ${4 * records} --group perf`,
        )
        const count = Number(said.split('\n').at(-1)!.split(', ')[4])
        assert.ok(count >= 4 * records, said)
      }),
    )
    checks.push(
      await check('EndToEndLatency: 2000 round trips', async () => {
        const args = [broker.bootstrap, 'round-trips', '2000', 'all', '100']
        const said = await runProgram(tools.of('org.apache.kafka.tools.EndToEndLatency', ...args))
        assert.match(said, /Percentiles: 50th = \d+/)
      }),
    )
    return { checks, seen: `${4 * records} records` }
  },
}

const transactional: Row = {
  id: 'tools-transactions',
  group,
  software: 'TransactionalMessageCopier, kafka-transactions 4.3.1',
  what:
    'Copies with random aborts while copier and broker are killed: every record once and in order. ' +
    'A transaction that is left behind is found, described and terminated',
  services: ['kafka'],
  isQuick: true,
  run: async (stage) => {
    const tools = new KafkaTools(stage.broker.bootstrap)
    const records = stage.size === 'quick' ? 6000 : 20_000
    for (const topic of ['original', 'copy', 'left']) await tools.makeTopic(topic, 1)
    await tools.run('verifiable-producer', `--topic original --max-messages ${records}`)
    const copied = (program: Program) =>
      program.output
        .split('\n')
        .reduce((most, line) => Math.max(most, Number(parse(line)?.['totalProcessed'] ?? 0)), 0)
    const copy = () => {
      // It asks for the committed offset before it ends the transaction of the copier that was killed:
      // that must have timed out before the question does, after a minute.
      const args =
        '--transaction-timeout 10000 ' +
        '--input-topic original --input-partition 0 --output-topic copy --consumer-group copiers ' +
        `--transactional-id copier --transaction-size 20 --enable-random-aborts --use-group-metadata ` +
        `--broker-list ${stage.broker.bootstrap}`
      const program = new Program(
        tools.of('org.apache.kafka.tools.TransactionalMessageCopier', ...args.split(' ')),
      )
      stage.atEnd(() => program.kill())
      return program
    }
    const killed = copy()
    await until(() => copied(killed) > 0 || killed.hasEnded, DEADLINE)
    await killed.kill()
    const finishing = copy()
    await until(() => copied(finishing) > 0 || finishing.hasEnded, DEADLINE)
    const isInTheMidst = !finishing.hasEnded
    await stage.broker.kill()
    await stage.broker.start()
    const checks = [
      await check('copier and broker are killed in the midst of it', () => {
        assert.ok(copied(killed) < records && isInTheMidst, finishing.lastWords())
      }),
      await check('the copier goes on behind both kills and ends by itself', async () => {
        assert.equal(await finishing.exit(DEADLINE.deadlineMs), 0, finishing.lastWords())
      }),
      await check('every record is there once and in order', async () => {
        const values = await tools.values('copy', '--isolation-level read_committed')
        assert.deepEqual(
          values,
          Array.from({ length: records }, (_, index) => String(index)),
        )
      }),
    ]
    return { checks: [...checks, ...(await terminate(stage, tools))], seen: `${records} records` }
  },
}

/** A producer that is killed in the middle of a transaction, and what an operator does about it. */
async function terminate(stage: Stage, tools: KafkaTools): Promise<Check[]> {
  const left = tools.start(
    'producer-perf',
    '--topic left --num-records 100000 --record-size 10 --throughput 100 --reporting-interval 500 ' +
      '--transactional-id abandoned --transaction-duration-ms 600000 ' +
      '--command-property transaction.timeout.ms=600000',
  )
  stage.atEnd(() => left.kill())
  await until(() => /\d+ records sent/.test(left.output), { ...DEADLINE, what: left.lastWords() })
  await left.kill()
  const startOffset = { value: '' }
  return [
    await check('kafka-transactions list shows it as ongoing', async () => {
      assert.match(await tools.run('transactions', 'list'), /^abandoned\s.*\sOngoing/m)
    }),
    await check('kafka-transactions describe names its partition', async () => {
      const said = await tools.run('transactions', 'describe --transactional-id abandoned')
      assert.match(said, /Ongoing.*left-0/)
    }),
    await check('kafka-transactions describe-producers shows where it begins', async () => {
      const said = await tools.run('transactions', 'describe-producers --topic left --partition 0')
      startOffset.value = said.trim().split('\n').at(-1)!.trim().split(/\s+/).at(-1)!
      assert.equal(startOffset.value, '0')
    }),
    await check('read_committed sees nothing of it', async () => {
      assert.deepEqual(await tools.values('left', '--isolation-level read_committed'), [])
    }),
    await check('kafka-transactions find-hanging does not take it for one', async () => {
      const said = await tools.run('transactions', 'find-hanging --broker-id 1')
      assert.doesNotMatch(said, /abandoned|left/)
    }),
    await check('kafka-transactions forceTerminateTransaction ends it', async () => {
      await tools.run('transactions', 'forceTerminateTransaction --transactionalId abandoned')
      assert.match(
        await tools.run('transactions', 'list'),
        /^abandoned\s.*\s(CompleteAbort|Empty)/m,
      )
    }),
    await check('what follows is read', async () => {
      await tools.run('console-producer', '--topic left', { input: 'after\n' })
      assert.deepEqual(await tools.values('left', '--isolation-level read_committed'), ['after'])
    }),
  ]
}

const operations: Row = {
  id: 'tools-operations',
  group,
  software:
    'kafka-consumer-groups, kafka-groups, kafka-broker-api-versions, LogCompactionTester, ReplicaVerificationTool, ClientCompatibilityTest 4.3.1',
  what: "An operator's day: groups, offsets, versions, a compacted topic compared with what was written",
  services: ['kafka'],
  isQuick: false,
  run: async (stage) => {
    const { broker } = stage
    const tools = new KafkaTools(broker.bootstrap)
    await tools.makeTopic('days', 2)
    await tools.run('console-producer', '--topic days', { input: 'a\nb\nc\n' })
    await tools.values('days', '--group day --max-messages 3')
    const checks: Check[] = []
    const says = async (
      name: string,
      tool: Parameters<KafkaTools['run']>[0],
      args: string,
      what: RegExp,
    ) => {
      checks.push(await check(name, async () => assert.match(await tools.run(tool, args), what)))
    }
    await says('consumer-groups --list', 'groups', '--list', /^day$/m)
    await says(
      'consumer-groups --describe',
      'groups',
      '--describe --group day',
      /^day +days +\d +\d +\d +0/m,
    )
    await says(
      'consumer-groups --describe --state',
      'groups',
      '--describe --group day --state',
      /Empty/,
    )
    await says(
      'consumer-groups --describe --members',
      'groups',
      '--describe --group day --members',
      /no active members/,
    )
    await says('kafka-groups --list', 'all-groups', '--list', /^day +Classic +consumer/m)
    const reset = '--reset-offsets --group day --topic days'
    await says(
      '--reset-offsets, dry run',
      'groups',
      `${reset} --to-earliest --dry-run`,
      /^day +days +\d +0/m,
    )
    await says(
      '--reset-offsets --shift-by',
      'groups',
      `${reset} --shift-by -1 --execute`,
      /^day +days +\d +\d/m,
    )
    await says(
      '--reset-offsets --to-datetime',
      'groups',
      `${reset} --to-datetime 2020-01-01T00:00:00.000 --execute`,
      /^day +days +\d +0/m,
    )
    await says(
      '--reset-offsets --by-duration',
      'groups',
      `${reset} --by-duration PT1H --execute`,
      /^day +days +\d +0/m,
    )
    await says(
      '--delete-offsets',
      'groups',
      '--delete-offsets --group day --topic days',
      /Request succeed/,
    )
    await says('--delete', 'groups', '--delete --group day', /was successful/)
    await says('broker-api-versions', 'api-versions', '', /Produce\(0\): 0 to 13 \[usable: 13\]/)
    checks.push(
      await check('broker-api-versions calls nothing that we have unusable', async () => {
        assert.doesNotMatch(await tools.run('api-versions', ''), /UNKNOWN/)
      }),
      await check(
        'LogCompactionTester: a compacted topic has the last value of each key',
        async () => {
          const args = [
            '--bootstrap-server',
            broker.bootstrap,
            '--messages',
            '20000',
            '--sleep',
            '5',
          ]
          const main = 'org.apache.kafka.tools.LogCompactionTester'
          const said = await runProgram(
            tools.of(main, ...args, '--percent-deletes', '20'),
            DEADLINE,
          )
          assert.match(said, /Data verification is completed/)
        },
      ),
      await check('ReplicaVerificationTool finds no lag', async () => {
        const args = `--broker-list ${broker.bootstrap} --topics-include days --report-interval-ms 500`
        const main = 'org.apache.kafka.tools.ReplicaVerificationTool'
        const program = new Program(tools.of(main, ...args.split(' ')))
        stage.atEnd(() => program.kill())
        await until(() => /max lag is 0/.test(program.output), {
          ...DEADLINE,
          what: program.lastWords(),
        })
      }),
      await check('ClientCompatibilityTest of a broker that can do everything', async () => {
        const can = [
          'offsets-for-times',
          'cluster-id',
          'create-topics',
          'describe-acls',
          'describe-configs',
          'idempotent-producer',
        ]
        const args = can.flatMap((name) => [`--${name}-supported`, 'True'])
        const main = 'org.apache.kafka.tools.ClientCompatibilityTest'
        const command = tools.of(
          main,
          '--bootstrap-server',
          broker.bootstrap,
          '--topic',
          'compatible',
          '--num-cluster-nodes',
          '1',
          '--expect-record-too-large-exception',
          'False',
          ...args,
        )
        await tools.makeTopic('compatible', 1)
        await runProgram(command, DEADLINE)
      }),
    )
    return { checks }
  },
}

function countOf(values: Iterable<string>, prefix: string): number {
  return [...values].filter((value) => value.startsWith(prefix)).length
}

function parse(line: string): Record<string, unknown> | undefined {
  return line.startsWith('{') ? JSON.parse(line) : undefined
}

export const kafkaToolRows: readonly Row[] = [
  compared,
  accessRules,
  verifiable,
  verifiableNew,
  transactional,
  operations,
  performanceTools,
]
