// Every metric of the broker: what it counts, in which unit, and by what it is told apart. Names follow
// Prometheus: seconds and bytes, `_total` for what only grows.
// Invariant: a reading has a row here; docs/metrics.md is written from these rows. What clients choose
// (topics) is bounded: beyond `millrace.metrics.max.topics` it is counted under `(others)`.

export type MetricType = 'counter' | 'gauge' | 'histogram'

interface Row {
  readonly type: MetricType
  readonly help: string
  readonly labels?: readonly string[]
}

export const metricTable = {
  // Requests.
  millrace_requests_total: {
    type: 'counter',
    labels: ['api'],
    help: 'Requests that were answered, or needed no answer.',
  },
  millrace_request_seconds: {
    type: 'histogram',
    labels: ['api'],
    help: 'From the frame to the answer; waiting for data, members and the disk is part of it.',
  },
  millrace_request_errors_total: {
    type: 'counter',
    labels: ['api', 'error'],
    help: 'Error codes in answers, each partition, topic or group by itself.',
  },
  millrace_requests_refused_total: {
    type: 'counter',
    help: 'Requests that closed their connection, because they could not be answered.',
  },
  millrace_request_bytes_total: {
    type: 'counter',
    labels: ['api'],
    help: 'Bytes of requests.',
  },
  millrace_response_bytes_total: {
    type: 'counter',
    labels: ['api'],
    help: 'Bytes of answers.',
  },
  millrace_topic_bytes_in_total: {
    type: 'counter',
    labels: ['topic'],
    help: 'Bytes of batches that were appended for clients.',
  },
  millrace_topic_bytes_out_total: {
    type: 'counter',
    labels: ['topic'],
    help: 'Bytes of batches that were sent to consumers.',
  },
  millrace_waiting_fetches: { type: 'gauge', help: 'Fetches that wait for data.' },
  millrace_fetch_sessions: { type: 'gauge', help: 'Fetch sessions that are remembered.' },

  // Connections.
  millrace_connections: { type: 'gauge', help: 'Open connections.' },
  millrace_connections_waiting: {
    type: 'gauge',
    help: 'Sockets that wait to be connections, or to be closed after a refusal.',
  },
  millrace_connections_opened_total: { type: 'counter', help: 'Connections that were opened.' },
  millrace_connections_refused_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that were closed instead, by the limit that they met.',
  },

  // Quotas.
  millrace_quotas: { type: 'gauge', help: 'Users, client ids and addresses with quotas.' },
  millrace_metered_clients: {
    type: 'gauge',
    help: 'Clients whose use of a quota is remembered, each key by itself.',
  },
  millrace_throttles_total: {
    type: 'counter',
    labels: ['quota'],
    help: 'How often a client was told to wait.',
  },
  millrace_throttle_seconds_total: {
    type: 'counter',
    labels: ['quota'],
    help: 'How long clients were told to wait.',
  },

  // Memory.
  millrace_memory_bytes: {
    type: 'gauge',
    labels: ['kind'],
    help: 'What is held for requests, for answers that are not taken yet, for members of groups, and unused.',
  },
  millrace_memory_limit_bytes: {
    type: 'gauge',
    labels: ['kind'],
    help: 'The bound of each.',
  },
  millrace_memory_waits_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'How often a connection had to wait for memory of that kind.',
  },
  millrace_slow_readers_closed_total: {
    type: 'counter',
    help: 'Connections that were closed because others waited for the answers that they did not take.',
  },
  process_resident_memory_bytes: { type: 'gauge', help: 'Memory of the process.' },
  process_heap_bytes: { type: 'gauge', help: "What of it JavaScript's objects take." },

  // The log.
  millrace_commits_total: { type: 'counter', help: 'Groups of appends that became durable.' },
  millrace_commit_seconds: {
    type: 'histogram',
    help: 'Writing one group and syncing it.',
  },
  millrace_topics: { type: 'gauge', help: 'Topics.' },
  millrace_partitions: { type: 'gauge', help: 'Partitions.' },
  millrace_offline_partitions: {
    type: 'gauge',
    help: 'Partitions that cannot be read or written any more.',
  },
  millrace_topic_log_bytes: {
    type: 'gauge',
    labels: ['topic'],
    help: 'Size of the log.',
  },

  // Coordinators.
  millrace_groups: { type: 'gauge', labels: ['state'], help: 'Consumer groups.' },
  millrace_transactions: {
    type: 'gauge',
    labels: ['state'],
    help: 'Transactional ids.',
  },

  // The process.
  millrace_event_loop_utilization: {
    type: 'gauge',
    help: 'Share of time for which the event loop has worked since the reading before.',
  },
  millrace_event_loop_delay_seconds: {
    type: 'gauge',
    labels: ['quantile'],
    help: 'How late timers were since the reading before.',
  },
} as const satisfies Record<string, Row>

export type MetricName = keyof typeof metricTable
