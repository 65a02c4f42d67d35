// Folders that Apache Kafka 4.3.1 wrote, with what it answered about them before it stopped
// (test/kafka-tools/kafka-folders.ts): a broker on the same folders answers the same.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  everyAnswerOf,
  FIXTURE,
  type Fixture,
  TOPICS,
} from '../../test/kafka-tools/kafka-folders.ts'
import { startTestBroker } from '../../test/support/test-broker.ts'
import { initProducerId } from './protocol/22-init-producer-id.ts'
import { describeConfigs } from './protocol/32-describe-configs.ts'

const fixture: Fixture = JSON.parse(gunzipSync(readFileSync(FIXTURE)).toString())

describe('on folders that Apache Kafka wrote, a broker', () => {
  it('answers every fetch, offset by time and committed offset as Kafka did', async (t) => {
    const folder = folderOf(t)
    const { broker } = await startTestBroker(t, { folder })

    const answers = await everyAnswerOf(broker.addresses[0]!)

    const { mixed, trimmed, compacted } = answers.partitions
    assert(mixed!.lastStableOffset < mixed!.highWatermark, 'a transaction is open')
    assert(mixed!.reads['1/0']!.aborted.length > 2, 'some were aborted')
    assert.equal(trimmed!.logStartOffset, 7)
    assert(compacted!.highWatermark > 0)
    assert.deepEqual(answers, fixture.answers)
  })

  it('answers the same after a clean stop, after a kill, and with no index left', async (t) => {
    const folder = folderOf(t)
    for (const damage of ['none', 'kill', 'indexes']) {
      if (damage !== 'none') rmSync(join(folder, 'clean-stop'))
      if (damage === 'indexes') {
        for (const name of Object.keys(fixture.files)) {
          if (/index$|snapshot$/.test(name)) rmSync(join(folder, 'topics', name), { force: true })
        }
      }
      const { broker } = await startTestBroker(t, { folder })

      const answers = await everyAnswerOf(broker.addresses[0]!)

      await broker.close()
      assert.deepEqual(answers, fixture.answers, damage)
    }
  })

  it('deletes nothing by its age, and gives no producer an id that is in use', async (t) => {
    const folder = folderOf(t)
    const { connect } = await startTestBroker(t, { folder })
    const client = await connect()

    const { results } = await client.send(describeConfigs, 4, {
      resources: TOPICS.map((name) => ({
        resourceType: 2,
        resourceName: name,
        configurationKeys: ['retention.ms', 'retention.bytes'],
      })),
      includeSynonyms: false,
      includeDocumentation: false,
    })
    const { producerId } = await client.send(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
      producerId: -1,
      producerEpoch: -1,
    })

    const values = new Set(results.flatMap(({ configs }) => configs.map(({ value }) => value)))
    assert.deepEqual([...values], ['-1'])
    const used = fixture.answers.partitions['mixed']!.reads['1/0']!.aborted.map((name) =>
      Number.parseInt(name, 10),
    )
    assert(producerId > Math.max(...used))
  })

  it('keeps where logs start also when the first start was cut short', async (t) => {
    const folder = folderOf(t)
    const first = await startTestBroker(t, { folder })
    await first.broker.close()
    // The topics are known, the notes about their partitions never reached the disk.
    rmSync(join(folder, 'journal/checkpoint'))
    rmSync(join(folder, 'clean-stop'))

    const { broker } = await startTestBroker(t, { folder })

    assert.deepEqual(await everyAnswerOf(broker.addresses[0]!), fixture.answers)
  })
})

/** A new data folder, with Kafka's folders as its topics. */
function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-folders-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(fixture.files)) {
    const path = join(folder, 'topics', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, Buffer.from(content, 'base64'))
  }
  return folder
}
