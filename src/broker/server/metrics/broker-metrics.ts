// What the rooms of the broker count while they work. Gauges are not here: they are asked for when
// somebody reads (metric-readings.ts).

import type { BrokerConfig } from '../../catalog/broker-config-keys.ts'
import { LabelCounter } from './label-counter.ts'
import type { MetricReading } from './readings.ts'
import { Histogram } from './readings.ts'
import { RequestMetrics } from './request-metrics.ts'

export class BrokerMetrics {
  readonly requests = new RequestMetrics()
  readonly #topicBytesIn: LabelCounter
  readonly #topicBytesOut: LabelCounter
  readonly #connectionsRefused = new LabelCounter()
  readonly #throttles = new LabelCounter()
  readonly #throttleSeconds = new LabelCounter()
  readonly #memoryWaits = new LabelCounter()
  readonly #commitSeconds = new Histogram()
  #connectionsOpened = 0
  #slowReadersClosed = 0

  constructor(config: Pick<BrokerConfig, 'millraceMetricsMaxTopics'>) {
    const maxTopics = () => config.millraceMetricsMaxTopics
    this.#topicBytesIn = new LabelCounter(maxTopics)
    this.#topicBytesOut = new LabelCounter(maxTopics)
  }

  appended(topic: string, bytes: number): void {
    this.#topicBytesIn.add(topic, bytes)
  }

  sent(topic: string, bytes: number): void {
    this.#topicBytesOut.add(topic, bytes)
  }

  forgetTopic(topic: string): void {
    this.#topicBytesIn.forget(topic)
    this.#topicBytesOut.forget(topic)
  }

  connectionOpened(): void {
    this.#connectionsOpened++
  }

  connectionRefused(reason: string): void {
    this.#connectionsRefused.add(reason, 1)
  }

  throttled(quota: string, delayMs: number): void {
    this.#throttles.add(quota, 1)
    this.#throttleSeconds.add(quota, delayMs / 1000)
  }

  memoryWaited(kind: 'requests' | 'responses'): void {
    this.#memoryWaits.add(kind, 1)
  }

  slowReaderClosed(): void {
    this.#slowReadersClosed++
  }

  committed(ms: number): void {
    this.#commitSeconds.observeMs(ms)
  }

  *readings(): Generator<MetricReading> {
    yield* this.requests.readings()
    yield* labelled('millrace_topic_bytes_in_total', 'topic', this.#topicBytesIn)
    yield* labelled('millrace_topic_bytes_out_total', 'topic', this.#topicBytesOut)
    yield single('millrace_connections_opened_total', this.#connectionsOpened)
    yield* labelled('millrace_connections_refused_total', 'reason', this.#connectionsRefused)
    yield* labelled('millrace_throttles_total', 'quota', this.#throttles)
    yield* labelled('millrace_throttle_seconds_total', 'quota', this.#throttleSeconds)
    yield* labelled('millrace_memory_waits_total', 'kind', this.#memoryWaits)
    yield single('millrace_slow_readers_closed_total', this.#slowReadersClosed)
    const commits = this.#commitSeconds.read()
    yield single('millrace_commits_total', commits.count)
    yield { name: 'millrace_commit_seconds', labels: {}, value: commits }
  }
}

export function single(name: MetricReading['name'], value: number): MetricReading {
  return { name, labels: {}, value }
}

export function* labelled(
  name: MetricReading['name'],
  label: string,
  counts: LabelCounter,
): Generator<MetricReading> {
  for (const [text, value] of counts.entries()) yield { name, labels: { [label]: text }, value }
}
