// The real process, killed: idempotent producers, consumers and commits live through `kill -9` at
// random moments, and their own ledger says whether anything acknowledged was lost, doubled, invented
// or put out of order. Rounds and seed: CRASH_ROUNDS (50), CRASH_SEED (random).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { CrashConsumer, CrashProducer, openConnection, readPartition } from './actors.ts'
import { BrokerProcess } from './broker-process.ts'
import { Ledger } from './ledger.ts'

const rounds = Number(process.env['CRASH_ROUNDS'] ?? 50)
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)
const TOPIC = 'crash'
const PARTITIONS = 4
const PRODUCERS = 6
const MIN_LIFE_MS = 50
const MAX_LIFE_MS = 600
/** Short-lived segments, so that rolling is killed too. */
const SEGMENT_MS = 200
const CHECK_EVERY_ROUNDS = 10

it(`nothing acknowledged is lost, doubled or disordered over ${rounds} kills (seed ${seed})`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
  const random = seededRandom(seed)
  const ledger = new Ledger()
  let broker = await BrokerProcess.start({ folder, port: 0 })
  const { port } = broker
  const restartMs: number[] = []
  try {
    await createTopic(port)
    const producers = Array.from({ length: PRODUCERS }, (_, index) => {
      const name = `p${index}`
      const partition = index % PARTITIONS
      return new CrashProducer({ name, port, topic: TOPIC, partition, ledger, random })
    })
    const consumers = Array.from({ length: PARTITIONS }, (_, partition) => {
      return new CrashConsumer({ port, topic: TOPIC, partition, ledger })
    })
    const actors = [...producers, ...consumers]

    for (let round = 1; round <= rounds; round++) {
      await delay(MIN_LIFE_MS + random() * (MAX_LIFE_MS - MIN_LIFE_MS))
      assert.ok(!broker.hasEnded, `the broker ended by itself:\n${broker.output}`)
      await broker.kill()
      broker = await BrokerProcess.start({ folder, port })
      restartMs.push(broker.readyMs)
      for (const actor of actors) if (actor.failure !== undefined) throw actor.failure
      if (round % CHECK_EVERY_ROUNDS === 0) await checkShown(port, consumers)
    }
    for (const actor of actors) await actor.stop()

    const stored = await readAll(port)
    ledger.check(stored)
    await checkShown(port, consumers)
    const resent = producers.reduce((sum, producer) => sum + producer.resent, 0)
    const commits = consumers.reduce((sum, consumer) => sum + consumer.commits, 0)
    restartMs.sort((a, b) => a - b)
    const slowest = Math.round(restartMs.at(-1)!)
    t.diagnostic(
      `${rounds} kills, ${ledger.acknowledgedCount} acknowledged, ${resent} batches sent again, ` +
        `${commits} commits, slowest restart ${slowest} ms`,
    )
    assert.ok(resent > 0, 'no batch was ever in flight when the broker was killed')
    assert.ok(commits > 0, 'no offset was ever committed')
  } catch (error) {
    t.diagnostic(`seed ${seed}, folder kept: ${folder}\n${broker.output}`)
    throw error
  } finally {
    await broker.kill()
  }
  rmSync(folder, { recursive: true, force: true })
})

async function createTopic(port: number): Promise<void> {
  const connection = await openConnection(port)
  const answer = await connection.request(createTopics, {
    topics: [
      {
        name: TOPIC,
        numPartitions: PARTITIONS,
        replicationFactor: 1,
        assignments: [],
        configs: [{ name: 'segment.ms', value: String(SEGMENT_MS) }],
      },
    ],
    timeoutMs: 30_000,
  })
  connection.close()
  assert.equal(answer.topics[0]!.errorCode, ErrorCode.NONE, answer.topics[0]!.errorMessage ?? '')
}

/** What a consumer was once shown must stand there still. */
async function checkShown(port: number, consumers: readonly CrashConsumer[]): Promise<void> {
  for (const [partition, consumer] of consumers.entries()) {
    const shown = [...consumer.shown]
    const stored = await readPartition(port, TOPIC, partition)
    assert.deepEqual(stored.slice(0, shown.length), shown)
  }
}

async function readAll(port: number) {
  const partitions = Array.from({ length: PARTITIONS }, (_, index) => index)
  return (await Promise.all(partitions.map((index) => readPartition(port, TOPIC, index)))).flat()
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
