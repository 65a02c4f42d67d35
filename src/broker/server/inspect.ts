// What a running broker shows of itself, read-only: for the command, the gateway and tests that
// count what is left behind. Facts of this broker alone; everything that the Kafka protocol answers
// is asked over the protocol.

import type { Listeners } from './listeners.ts'
import { readMetrics } from './metrics/metric-readings.ts'
import { prometheusText } from './metrics/prometheus-text.ts'
import type { MetricReading } from './metrics/readings.ts'
import type { BrokerServices } from './services.ts'

export interface PartitionFacts {
  readonly partition: number
  readonly state: 'online' | 'offline'
  readonly offlineReason: string | undefined
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly lastStableOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
  readonly sizeBytes: number
}

export class Inspect {
  readonly #services: BrokerServices
  readonly #listeners: Listeners | undefined

  /** @internal The broker makes it. */
  constructor(services: BrokerServices, listeners: Listeners | undefined) {
    this.#services = services
    this.#listeners = listeners
  }

  /** What the broker has counted, and how things stand; docs/metrics.md says what each of them means. */
  metrics(): MetricReading[] {
    return [...readMetrics(this.#services, this.#listeners?.facts)]
  }

  /** The same in Prometheus' text format. */
  metricsText(): string {
    return prometheusText(this.metrics())
  }

  /** The last run in this folder ended in good order: there was nothing to recover. */
  get wasCleanStop(): boolean {
    return this.#services.wasCleanStop
  }

  get connectionCount(): number {
    return this.#listeners?.connectionCount ?? 0
  }

  /** Connections that are in the middle of TLS or login. */
  get pendingLoginCount(): number {
    return this.#listeners?.pendingLoginCount ?? 0
  }

  /** Fetches that wait for data. */
  get waitingFetchCount(): number {
    return this.#services.delayedFetches.waitingCount
  }

  get fetchSessionCount(): number {
    return this.#services.fetchSessions.size
  }

  get topicNames(): string[] {
    return [...this.#services.catalog.topics()].map((topic) => topic.name).sort()
  }

  /** undefined when there is no such topic. */
  partitions(topic: string): PartitionFacts[] | undefined {
    const count = this.#services.catalog.topic(topic)?.partitions
    if (count === undefined) return undefined
    const facts: PartitionFacts[] = []
    for (let partition = 0; partition < count; partition++) {
      const log = this.#services.partitions.get(topic, partition)
      if (log === undefined) continue
      const { state, offlineReason, leaderEpoch, logStartOffset, lastStableOffset } = log
      const { highWatermark, logEndOffset, sizeBytes } = log
      facts.push({
        partition,
        state,
        offlineReason,
        leaderEpoch,
        logStartOffset,
        lastStableOffset,
        highWatermark,
        logEndOffset,
        sizeBytes,
      })
    }
    return facts
  }
}
