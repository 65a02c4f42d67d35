import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
} from '../../../../test/support/test-broker.ts'
import { metadata } from '../../protocol/03-metadata.ts'
import { joinGroup } from '../../protocol/11-join-group.ts'
import { initProducerId } from '../../protocol/22-init-producer-id.ts'
import { alterClientQuotas } from '../../protocol/49-alter-client-quotas.ts'
import { ManualTime } from '../coordinator-test-world.ts'
import { OTHERS } from './label-counter.ts'
import { type MetricName, metricTable } from './metric-table.ts'
import { MetricsFile } from './metrics-file.ts'
import { prometheusText } from './prometheus-text.ts'
import { Histogram, type MetricReading } from './readings.ts'

function readingOf(
  readings: readonly MetricReading[],
  name: MetricName,
  labels: Record<string, string> = {},
) {
  const text = JSON.stringify(labels)
  return readings.find((one) => one.name === name && JSON.stringify(one.labels) === text)?.value
}

describe('the metrics of a broker', () => {
  it('count requests with their errors, and bytes by topic', async (t) => {
    const { broker, connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const batch = batchOf(['one'])
    await produceTo(client, 'orders', batch)
    await produceTo(client, 'nowhere', batch)
    await fetchFrom(client, 'orders')

    const readings = broker.inspect.metrics()

    const api = { api: 'Produce' }
    assert.equal(readingOf(readings, 'millrace_requests_total', api), 2)
    const error = 'UNKNOWN_TOPIC_OR_PARTITION'
    assert.equal(readingOf(readings, 'millrace_request_errors_total', { ...api, error }), 1)
    const topic = { topic: 'orders' }
    assert.equal(readingOf(readings, 'millrace_topic_bytes_in_total', topic), batch.length)
    assert.equal(readingOf(readings, 'millrace_topic_bytes_out_total', topic), batch.length)
    assert.equal(readingOf(readings, 'millrace_topic_log_bytes', topic), batch.length)
    const seconds = readingOf(readings, 'millrace_request_seconds', api)
    assert.equal(typeof seconds === 'object' && seconds.count, 2)
    assert.equal(readingOf(readings, 'millrace_connections'), 1)
  })

  it('tell a bounded number of topics apart', async (t) => {
    const { broker, connect } = await startTestBroker(t, {
      config: { 'millrace.metrics.max.topics': '2' },
    })
    const client = await connect()
    for (const topic of ['a', 'b', 'c', 'd']) {
      await makeTopic(client, topic)
      await produceTo(client, topic, batchOf(['x']))
    }

    const topics = broker.inspect
      .metrics()
      .filter(({ name }) => name === 'millrace_topic_bytes_in_total')
      .map(({ labels }) => labels['topic'])

    assert.deepEqual(topics, ['a', 'b', OTHERS])
  })

  it('are all of the table, in a text that Prometheus reads', async (t) => {
    const { broker, connect } = await startTestBroker(t, {
      config: { 'max.connections.per.ip': '3' },
    })
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['x']))
    await produceTo(client, 'nowhere', batchOf(['x']))
    await fetchFrom(client, 'orders')
    await client.send(initProducerId, 4, {
      transactionalId: 'tx',
      transactionTimeoutMs: 1000,
      producerId: -1,
      producerEpoch: -1,
    })
    await client.send(joinGroup, 5, {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      groupInstanceId: 'one',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('x') }],
    })
    await client.send(alterClientQuotas, 1, {
      entries: [
        {
          entity: [{ entityType: 'user', entityName: null }],
          ops: [{ key: 'request_percentage', value: 0.000_001, remove: false }],
        },
      ],
      validateOnly: false,
    })
    const other = await connect()
    await other.send(metadata, 12, {
      topics: [],
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })
    await connect()
    const refused = await connect()
    await refused.closed()
    let readings = broker.inspect.metrics() // from the first reading on the event loop is measured
    await until(() => {
      readings = broker.inspect.metrics()
      return readings.some(({ name }) => name === 'millrace_event_loop_delay_seconds')
    })
    const text = broker.inspect.metricsText()

    const read = new Set<string>(readings.map(({ name }) => name))
    // What takes exhausted memory to be counted is tested where memory is exhausted.
    const rare: MetricName[] = ['millrace_memory_waits_total']
    const missing = Object.keys(metricTable).filter((name) => !read.has(name))
    assert.deepEqual(missing, rare)
    for (const { name, labels, value } of readings) {
      const row = metricTable[name]
      assert.deepEqual(Object.keys(labels), 'labels' in row ? row.labels : [], name)
      if (typeof value === 'number') assert.ok(Number.isFinite(value), name)
    }
    const line =
      /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? ([0-9.e+-]+|\+Inf))$/
    for (const written of text.trimEnd().split('\n')) assert.match(written, line)
  })

  it('are written to a file, whole, and for the last time at the stop', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-metrics-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'millrace.prom')
    const { broker, connect } = await startTestBroker(t, {
      config: { 'millrace.metrics.file': path },
    })
    await makeTopic(await connect(), 'orders')

    await broker.close()

    const text = await readFile(path, 'utf8')
    assert.match(text, /^millrace_requests_total\{api="CreateTopics"\} 1$/m)
  })

  it('that cannot be written are said once and stop nothing', async () => {
    const time = new ManualTime()
    const said: string[] = []
    const note = (event: string) => void said.push(event)
    const tried: string[] = []
    const file = new MetricsFile({
      timers: time,
      log: { info: note, warn: note, error: note },
      everyMs: 100,
      text: () => 'text',
      replace: async (text) => {
        tried.push(text)
        throw new Error('no such folder')
      },
    })

    await until(() => {
      time.advance(100)
      return tried.length === 3
    })
    await file.close()

    assert.deepEqual(said, ['metrics-not-written'])
    assert.equal(time.timerCount, 0)
  })
})

describe('the text for Prometheus', () => {
  it('escapes labels, and writes distributions with cumulative buckets', () => {
    const histogram = new Histogram()
    for (const ms of [0.05, 3, 60_000]) histogram.observeMs(ms)
    const text = prometheusText([
      { name: 'millrace_topics', labels: { a: 'x"\\\ny' }, value: 1.5 },
      { name: 'millrace_commit_seconds', labels: {}, value: histogram.read() },
    ])

    assert.ok(text.includes('millrace_topics{a="x\\"\\\\\\ny"} 1.5\n'), text)
    assert.ok(text.includes('millrace_commit_seconds_bucket{le="0.0001"} 1\n'), text)
    assert.ok(text.includes('millrace_commit_seconds_bucket{le="0.005"} 2\n'), text)
    assert.ok(text.includes('millrace_commit_seconds_bucket{le="30"} 2\n'), text)
    assert.ok(text.includes('millrace_commit_seconds_bucket{le="+Inf"} 3\n'), text)
    assert.match(text, /millrace_commit_seconds_count 3\n$/)
  })
})
