// The system test that Kafka Streams is released with: windows, suppression, aggregations and tables,
// exactly once, while its application is killed twice; its own driver judges the results.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../../support/until.ts'
import { KafkaTools } from '../kafka-tool.ts'
import { conformanceLibraries, java, Program } from '../program.ts'
import { check, type Row, type Stage } from '../row.ts'

const TOPICS =
  'data echo fk max min min-suppressed min-raw dif sum sws-raw sws-suppressed cnt avg tagg'.split(
    ' ',
  )
const PARTITIONS = 5
const DEADLINE_MS = 180_000
const DRIVER_DEADLINE_MS = 900_000

export const streamsSmoke: Row = {
  id: 'streams-smoke',
  group: 'Kafka Streams',
  software: 'kafka-streams 4.3.1, StreamsSmokeTest of its test jar',
  what:
    "Kafka's own system test with `exactly_once_v2`: windows, suppression, aggregations, tables; its " +
    'application is killed twice and the broker once; its driver judges',
  services: ['kafka', 'platform-4.3'],
  isQuick: false,
  run,
}

async function run(stage: Stage) {
  const tools = new KafkaTools(stage.broker.bootstrap)
  for (const topic of TOPICS) await tools.makeTopic(topic, PARTITIONS)
  const path = join(stage.folder, 'streams.properties')
  const settings = [
    `bootstrap.servers=${stage.broker.bootstrap}`,
    'processing.guarantee=exactly_once_v2',
    'consumer.session.timeout.ms=6000',
    'consumer.heartbeat.interval.ms=1000',
  ]
  await writeFile(path, settings.join('\n'))
  const start = (command: string) => {
    const main = 'org.apache.kafka.streams.tests.StreamsSmokeTest'
    const temporary = `-Djava.io.tmpdir=${stage.folder}`
    const [program, ...args] = java(conformanceLibraries('platform-4.3'), main, path, command)
    const running = new Program([program!, temporary, ...args])
    stage.atEnd(() => running.kill())
    return running
  }
  const untilWorking = (app: Program) =>
    until(() => /processed/.test(app.output), {
      deadlineMs: DEADLINE_MS,
      what: app.lastWords(),
    })

  const driver = start('run')
  let app = start('process')
  for (let kill = 0; kill < 2; kill++) {
    await untilWorking(app)
    await app.kill()
    app = start('process')
  }
  await untilWorking(app)
  await stage.broker.kill()
  await stage.broker.start()
  const isInTheMidst = !driver.output.includes('Result Verification')
  await driver.exit(DRIVER_DEADLINE_MS)
  return {
    checks: [
      await check('the kills are in the midst of it', () => assert.ok(isInTheMidst)),
      await check('the driver is content with all results', () => {
        assert.match(driver.output, /^SUCCESS$/m, driver.lastWords(40))
      }),
      await check('no record is processed twice', () => {
        assert.doesNotMatch(driver.output, /PROCESSED-MORE-THAN-GENERATED/)
      }),
    ],
    seen: `${driver.output.match(/recordGenerated=(\d+)/)?.[1]} records`,
  }
}
