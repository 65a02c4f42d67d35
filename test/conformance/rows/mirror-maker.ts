// MirrorMaker 2 between a real Apache Kafka and the broker of the row, in both directions at once:
// data, partitions, configurations, offsets of groups, checkpoints and heartbeats, and exactly once
// while MirrorMaker itself is killed.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../../support/until.ts'
import { freePort, startBrokerFor } from '../broker.ts'
import { KafkaTools, type ToolName } from '../kafka-tool.ts'
import { conformanceLibraries, java, Program } from '../program.ts'
import { type Check, check, type Row, type Stage } from '../row.ts'

const DEADLINE_MS = 120_000
const PAUSE_MS = 500

export const mirrorMaker: Row = {
  id: 'mirror-maker',
  group: 'MirrorMaker 2',
  software: 'connect-mirror 4.3.1',
  what:
    'From Apache Kafka 4.3.1 into Millrace and from Millrace into it, exactly once: data, partitions, ' +
    'configurations, offsets of groups, checkpoints, heartbeats; MirrorMaker is killed on the way',
  services: ['kafka', 'platform-4.3'],
  isQuick: false, // two minutes: more than .ci/run may spend on it
  run,
}

/** One of the two, as MirrorMaker calls it and as its tools reach it. */
interface Side {
  readonly name: 'kafka' | 'millrace'
  readonly tools: KafkaTools
}

async function run(stage: Stage) {
  const other = await startBrokerFor('kafka', join(stage.folder, 'other'))
  stage.atEnd(() => other.stop())
  const kafka: Side = { name: 'kafka', tools: new KafkaTools(other.bootstrap) }
  const millrace: Side = { name: 'millrace', tools: new KafkaTools(stage.broker.bootstrap) }
  const path = join(stage.folder, 'mm2.properties')
  await writeFile(path, settings(other.bootstrap, stage.broker.bootstrap, await freePort()))
  const main = 'org.apache.kafka.connect.mirror.MirrorMaker'
  const start = () => {
    const program = new Program(java(conformanceLibraries('platform-4.3'), main, path))
    stage.atEnd(() => program.kill())
    return program
  }
  const records = stage.size === 'quick' ? 200 : 5000
  const checks: Check[] = []
  const ways = [
    [kafka, millrace],
    [millrace, kafka],
  ] as const

  for (const [from] of ways) {
    await from.tools.makeTopic('orders', 3, '--config retention.ms=123456000')
    await write(from, 0, records)
    await from.tools.values('orders', `--group readers --max-messages ${records}`)
  }
  let maker = start()
  for (const [from, to] of ways) checks.push(...(await mirrored(from, to, () => maker)))
  for (const [from] of ways) await write(from, records, 2 * records)
  await maker.kill()
  maker = start()
  for (const [from, to] of ways) {
    checks.push(
      await check(`${from.name} to ${to.name}: exactly once when MirrorMaker is killed`, () =>
        untilEqual(() => contentOf(to, `${from.name}.orders`), contentOf(from, 'orders'), maker),
      ),
    )
  }
  await maker.stop()
  return { checks, seen: `${2 * records} records each way` }
}

async function mirrored(from: Side, to: Side, maker: () => Program): Promise<Check[]> {
  const remote = `${from.name}.orders`
  const way = `${from.name} to ${to.name}`
  const untilSaid = async (tool: ToolName, args: string, what: RegExp) => {
    let said = ''
    const condition = async () => {
      await delay()
      said = await to.tools.run(tool, args).catch(String)
      return what.test(said)
    }
    await until(condition, { deadlineMs: DEADLINE_MS }).catch(() => {
      assert.match(said, what, `${tool} ${args}: ${said}\n${maker().lastWords()}`)
    })
  }
  return [
    await check(`${way}: every record with its key and partition`, () =>
      untilEqual(() => contentOf(to, remote), contentOf(from, 'orders'), maker()),
    ),
    await check(`${way}: the configuration of the topic, and its change`, async () => {
      await untilSaid('topics', `--describe --topic ${remote}`, /retention.ms=123456000/)
      const alter = '--alter --entity-type topics --entity-name orders --add-config'
      await from.tools.run('configs', `${alter} retention.ms=234567000`)
      await untilSaid('topics', `--describe --topic ${remote}`, /retention.ms=234567000/)
    }),
    await check(`${way}: added partitions`, async () => {
      await from.tools.run('topics', '--alter --topic orders --partitions 4')
      await untilSaid('topics', `--describe --topic ${remote}`, /PartitionCount: 4/)
    }),
    await check(`${way}: offsets of a group, translated for every partition`, async () => {
      // What is left to read is markers of transactions.
      const line = `^readers +${remote} +\\d +[1-9]\\d* +[1-9]\\d* +\\d `
      const lines = new RegExp(`(?:${line}[^]*?){3}`, 'm')
      await untilSaid('groups', '--describe --group readers', lines)
      const reading = '--group readers --isolation-level read_committed'
      assert.deepEqual(await to.tools.values(remote, reading), [])
    }),
    await check(`${way}: checkpoints and heartbeats`, async () => {
      for (const topic of [`${from.name}.checkpoints.internal`, `${from.name}.heartbeats`]) {
        await untilSaid('get-offsets', `--topic ${topic}`, /:0:[1-9]/)
      }
    }),
  ]
}

/** Records as `partition key value`, sorted: the order between partitions is nobody's. */
async function contentOf(side: Side, topic: string): Promise<string> {
  const show = ['partition', 'key'].map((name) => `--formatter-property print.${name}=true`)
  const values = await side.tools.values(
    topic,
    `--isolation-level read_committed ${show.join(' ')}`,
  )
  return values.sort().join('\n')
}

async function untilEqual(read: () => Promise<string>, expected: Promise<string>, maker: Program) {
  const wanted = await expected
  let there = ''
  const condition = async () => {
    await delay()
    there = await read().catch(String)
    return there === wanted
  }
  await until(condition, { deadlineMs: DEADLINE_MS }).catch(() => {
    const [have, want] = [there, wanted].map((text) => text.split('\n').length)
    assert.fail(`${have} records instead of ${want}\n${maker.lastWords()}\n${there.slice(0, 500)}`)
  })
}

async function write(side: Side, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index)
  const input = numbers.map((number) => `key${number % 97}:order ${number}\n`).join('')
  const keyed = '--reader-property parse.key=true --reader-property key.separator=:'
  await side.tools.run('console-producer', `--topic orders ${keyed}`, { input })
}

function delay(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

function settings(kafka: string, millrace: string, port: number): string {
  return `clusters=kafka,millrace
kafka.bootstrap.servers=${kafka}
millrace.bootstrap.servers=${millrace}
kafka->millrace.enabled=true
millrace->kafka.enabled=true
topics=orders
groups=readers
replication.factor=1
checkpoints.topic.replication.factor=1
heartbeats.topic.replication.factor=1
offset-syncs.topic.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
config.storage.replication.factor=1
kafka.exactly.once.source.support=enabled
millrace.exactly.once.source.support=enabled
dedicated.mode.enable.internal.rest=true
listeners=http://127.0.0.1:${port}
session.timeout.ms=6000
heartbeat.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
offset.lag.max=0
sync.group.offsets.enabled=true
sync.group.offsets.interval.seconds=1
emit.checkpoints.interval.seconds=1
emit.heartbeats.interval.seconds=1
refresh.topics.interval.seconds=1
refresh.groups.interval.seconds=1
sync.topic.configs.interval.seconds=1
`
}
