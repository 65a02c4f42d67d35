// The test suites that clients bring along in the packages of their registries, as they are, against
// the broker of the row: one check for each of their tests.
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../broker.ts'
import { Program, toolLibraries } from '../program.ts'
import type { Check, Row } from '../row.ts'

const cache = join(root, '.cache/conformance')
const DEADLINE_MS = 1_800_000
const group = 'Test suites of clients'

const franzGo: Row = {
  id: 'suite-franz-go',
  group,
  software: 'franz-go 1.22.2, `pkg/kgo`',
  what:
    'All tests of the package, those that need no broker included: producers, groups, transactions, ' +
    'regular expressions, pauses, with 20,000 records in each of the large ones',
  services: ['suite-franz-go'],
  isQuick: false,
  run: async ({ broker }) => {
    const lines: string[] = []
    const program = new Program(
      [join(cache, 'suite-franz-go/kgo.test'), '-test.v', '-test.timeout', '25m'],
      {
        // Some of its tests read the sources beside them.
        cwd: join(cache, 'suite-franz-go/kgo'),
        env: { KGO_SEEDS: broker.bootstrap, KGO_TEST_RF: '1', KGO_TEST_RECORDS: '20000' },
        onLine: (line) => lines.push(line),
      },
    )
    await program.exit(DEADLINE_MS)
    return { checks: lines.flatMap((line, index) => goCheck(line, lines, index)) }
  },
}

function goCheck(line: string, lines: readonly string[], index: number): Check[] {
  const [, verdict, name] = line.match(/^\s*--- (PASS|FAIL|SKIP): (\S+)/) ?? []
  if (name === undefined) return []
  const why = (lines[index + 1] ?? '').trim()
  if (verdict === 'SKIP') return [{ name, skipped: why }]
  return [verdict === 'PASS' ? { name } : { name, failure: why }]
}

const librdkafka: Row = {
  id: 'suite-librdkafka',
  group,
  software: 'librdkafka 2.12.1 (its tests come with the crate rdkafka-sys 4.10.0)',
  what: 'The whole suite as its `make quick` runs it (`test-runner -Q -E`), mock-broker and unit tests included; with an authorizer and any replication factor taken, which the control has not',
  services: ['kafka', 'suite-librdkafka'],
  isQuick: false,
  // Some of its tests want topics with three copies, some make access rules where there were none.
  configs: {
    'millrace.accept.any.replication.factor': 'true',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
    // As Kafka has it: 0118_commit_rebalance counts on its two members to join together.
    'group.initial.rebalance.delay.ms': '3000',
  },
  run: async (stage) => {
    const source = join(cache, 'suite-librdkafka')
    const { bootstrap } = stage.broker
    await writeScripts(join(stage.folder, 'bin'))
    const configuration = join(stage.folder, 'test.conf')
    await writeFile(configuration, `bootstrap.servers=${bootstrap}\ntest.topic.random=true\n`)
    const report = join(stage.folder, 'report.json')
    const program = new Program(['./test-runner', '-p4', '-Q', '-E'], {
      // A plugin of its own is found from here.
      cwd: join(source, 'tests'),
      env: {
        LD_LIBRARY_PATH: `${source}/src:${source}/src-cpp`,
        RDKAFKA_TEST_CONF: configuration,
        TEST_REPORT: report,
        TEST_KAFKA_VERSION: '4.0.0',
        KAFKA_PATH: stage.folder,
        BROKERS: bootstrap,
        CI: 'true',
      },
    })
    stage.atEnd(() => program.kill())
    await program.exit(DEADLINE_MS)
    const text = await readFile(report, 'utf8').catch(() => assert.fail(program.lastWords(40)))
    const { tests }: { tests: Record<string, LibrdkafkaResult> } = JSON.parse(text)
    const results = Object.entries(tests).filter(([name]) => name !== '<MAIN>')
    return { checks: results.map(([name, result]) => librdkafkaCheck(name, result)) }
  },
}

interface LibrdkafkaResult {
  readonly state: string
  readonly extra: string
}

function librdkafkaCheck(name: string, { state, extra }: LibrdkafkaResult): Check {
  const why = extra === '' ? 'left out by its flags' : extra
  if (state === 'SKIPPED') return { name, skipped: why }
  return state === 'PASSED' ? { name } : { name, failure: `${state} ${extra}` }
}

/** It calls the scripts of a Kafka distribution, which are nothing but the start of these classes. */
async function writeScripts(folder: string): Promise<void> {
  await mkdir(folder)
  const classes = {
    'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
    'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand',
    'kafka-configs.sh': 'kafka.admin.ConfigCommand',
  }
  for (const [name, main] of Object.entries(classes)) {
    const script = `#!/bin/sh\nexec java -cp '${toolLibraries}/*' ${main} "$@"\n`
    await writeFile(join(folder, name), script, { mode: 0o755 })
  }
}

const rskafka: Row = {
  id: 'suite-rskafka',
  group,
  software:
    'rskafka 0.6.0 (its tests come with the crate; rsasl 2.3 instead of 2.2, which Rust 1.95 does not compile)',
  what:
    'All tests of the crate, those that need no broker included: topics, batches in all codecs, ' +
    'deleted records, streaming readers, records exchanged with librdkafka and with the Java client',
  services: ['suite-rskafka'],
  isQuick: false,
  configs: { 'auto.create.topics.enable': 'false' }, // as in the set-up that comes with it
  run: ({ broker }) =>
    rustSuite('suite-rskafka', {
      programs: ['rskafka', 'client', 'consumer', 'produce_consume', 'producer'],
      env: {
        TEST_INTEGRATION: '1',
        TEST_BROKER_IMPL: 'kafka',
        TEST_JAVA_INTEROPT: '1',
        KAFKA_CONNECT: broker.bootstrap,
      },
      leftOut: {
        test_sasl: 'a second listener is not set up here',
        test_socks5: 'a SOCKS proxy is not set up here',
      },
    }),
}

const rdkafka: Row = {
  id: 'suite-rust-rdkafka',
  group,
  software: 'rdkafka 0.39.0, the Rust client over librdkafka (its tests come with the crate)',
  what:
    'All tests of the crate, those that need no broker included: administration, producers, ' +
    'consumers, metadata, transactions',
  services: ['suite-rust-rdkafka'],
  isQuick: false,
  configs: { 'num.partitions': '3' }, // as in the set-up that comes with it
  run: ({ broker }) =>
    rustSuite('suite-rust-rdkafka', {
      programs: [
        'rdkafka',
        'test_admin',
        'test_high_consumers',
        'test_high_producers',
        'test_low_consumers',
        'test_low_producers',
        'test_metadata',
        'test_topic_partition_list',
        'test_transactions',
      ],
      env: { KAFKA_HOST: broker.bootstrap, KAFKA_VERSION: '4.0' },
      leftOut: {
        test_base_producer_timeout: 'it counts on no topic being made within 100 ms; here one is',
      },
    }),
}

interface RustSuite {
  readonly programs: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Tests that say nothing here, with the reason; some of them end at once, and well. */
  readonly leftOut?: Readonly<Record<string, string>>
}

async function rustSuite(service: string, suite: RustSuite): Promise<{ checks: Check[] }> {
  const cwd = join(cache, service)
  const checks: Check[] = []
  for (const name of suite.programs) {
    let found = 0
    const onLine = (line: string) => {
      const [, test, verdict] =
        line.match(/^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/) ?? []
      if (test === undefined || verdict === undefined) return
      found += 1
      checks.push(rustCheck(`${name} ${test}`, verdict, suite.leftOut?.[test]))
    }
    const program = new Program([join(cwd, 'bin', name)], { cwd, env: suite.env, onLine })
    await program.exit(DEADLINE_MS)
    if (found === 0) checks.push({ name, failure: program.lastWords(5) })
  }
  return { checks }
}

function rustCheck(name: string, verdict: string, leftOut: string | undefined): Check {
  const skipped = verdict === 'ignored' ? 'left out by itself' : leftOut
  if (skipped !== undefined) return { name, skipped }
  return verdict === 'FAILED' ? { name, failure: verdict } : { name }
}

export const clientSuites: readonly Row[] = [franzGo, librdkafka, rskafka, rdkafka]
