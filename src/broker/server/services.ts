// What a handler may reach: the rooms and runtimes of one running broker, gathered by broker-rooms.ts.
// Rule: nothing that is named here imports this file or handler.ts; each takes what it needs by
// constructor, and only handlers see the whole.

import type { Host } from '../../host/host.ts'
import type { BrokerConfig } from '../catalog/broker-config-keys.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { CoordinatorRuntime } from './coordinator-runtime.ts'
import type { DelayedFetches } from './delayed-fetch.ts'
import type { EventStores } from './event-stores.ts'
import type { FetchSessions } from './fetch-sessions.ts'
import type { JsonLog } from './json-log.ts'
import type { BrokerMetrics } from './metrics/broker-metrics.ts'
import type { Partitions } from './partitions.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { ClientQuotas } from './quotas/client-quotas.ts'
import type { ResponseMemory } from './response-memory.ts'
import type { Authorizer } from './security/authorizer.ts'
import type { TransactionRuntime } from './transaction-runtime.ts'

/** A served API as it is advertised. */
export interface ApiRange {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

export interface BrokerServices {
  /** The only node of the cluster: 1. */
  readonly nodeId: number
  readonly host: Host
  readonly log: JsonLog
  /** The last run in this folder ended in good order. */
  readonly wasCleanStop: boolean
  /** Always the same object; its fields follow what admins alter. */
  readonly config: BrokerConfig
  readonly catalog: Catalog
  /** undefined: everybody may do everything. */
  readonly authorizer: Authorizer | undefined
  readonly partitions: Partitions
  readonly eventStores: EventStores
  readonly groups: CoordinatorRuntime
  readonly transactions: TransactionRuntime
  readonly servedApis: readonly ApiRange[]
  readonly fetchSessions: FetchSessions
  readonly delayedFetches: DelayedFetches
  readonly producerIds: ProducerIds
  readonly quotas: ClientQuotas
  readonly metrics: BrokerMetrics
  readonly responses: ResponseMemory
  /** Memory for large requests and reads. */
  readonly buffers: BufferPool
}
