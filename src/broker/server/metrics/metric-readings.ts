// Reads all metrics of a running broker: what was counted, and how things stand now.

import { processFacts } from '../../../host/process-facts.ts'
import type { BrokerServices } from '../services.ts'
import { labelled, single } from './broker-metrics.ts'
import { LabelCounter } from './label-counter.ts'
import type { MetricReading } from './readings.ts'

export interface ConnectionCounts {
  readonly openCount: number
  readonly waitingCount: number
}

export interface RequestBytes {
  readonly usedBytes: number
  readonly limitBytes: number
}

/** What only a broker with a listener has. */
export interface ListenerFacts {
  readonly connections: ConnectionCounts
  readonly requests: RequestBytes
}

export function* readMetrics(
  broker: BrokerServices,
  listening: ListenerFacts | undefined,
): Generator<MetricReading> {
  yield* broker.metrics.readings()
  yield single('millrace_waiting_fetches', broker.delayedFetches.waitingCount)
  yield single('millrace_fetch_sessions', broker.fetchSessions.size)
  yield single('millrace_connections', listening?.connections.openCount ?? 0)
  yield single('millrace_connections_waiting', listening?.connections.waitingCount ?? 0)
  yield single('millrace_quotas', broker.catalog.clientQuotas().size)
  yield single('millrace_metered_clients', broker.quotas.meteredCount)
  yield* memory(broker, listening)
  yield* logs(broker)
  yield* coordinators(broker)
  yield* process()
}

function* memory(
  { responses, groups, buffers }: BrokerServices,
  listening: ListenerFacts | undefined,
): Generator<MetricReading> {
  const kinds = {
    requests: listening?.requests ?? { usedBytes: 0, limitBytes: 0 },
    responses,
    groups: groups.memory,
    unused: { usedBytes: buffers.idleBytes, limitBytes: buffers.maxIdleBytes },
  }
  for (const [kind, { usedBytes, limitBytes }] of Object.entries(kinds)) {
    yield { name: 'millrace_memory_bytes', labels: { kind }, value: usedBytes }
    yield { name: 'millrace_memory_limit_bytes', labels: { kind }, value: limitBytes }
  }
}

function* logs({ catalog, config, partitions }: BrokerServices): Generator<MetricReading> {
  yield single('millrace_topics', catalog.topicCount)
  yield single('millrace_partitions', catalog.partitionCount)
  let offline = 0
  const sizes = new LabelCounter(() => config.millraceMetricsMaxTopics)
  for (const log of partitions.all()) {
    if (log.state === 'offline') offline++
    sizes.add(log.topic, log.sizeBytes)
  }
  yield single('millrace_offline_partitions', offline)
  yield* labelled('millrace_topic_log_bytes', 'topic', sizes)
}

function* coordinators({ groups, transactions }: BrokerServices): Generator<MetricReading> {
  const groupStates = new LabelCounter()
  for (const { groupState } of groups.list({ states: [], types: [] }).groups) {
    groupStates.add(groupState, 1)
  }
  yield* labelled('millrace_groups', 'state', groupStates)
  const listed = transactions.list()
  const states = new LabelCounter()
  for (const { state } of typeof listed === 'number' ? [] : listed) states.add(state, 1)
  yield* labelled('millrace_transactions', 'state', states)
}

function* process(): Generator<MetricReading> {
  const { residentBytes, heapBytes, eventLoop } = processFacts()
  yield single('process_resident_memory_bytes', residentBytes)
  yield single('process_heap_bytes', heapBytes)
  yield single('millrace_event_loop_utilization', eventLoop.utilization)
  for (const [quantile, value] of Object.entries(eventLoop.delaySeconds)) {
    yield { name: 'millrace_event_loop_delay_seconds', labels: { quantile }, value }
  }
}
