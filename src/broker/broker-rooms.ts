// The rooms of a broker on one folder: opened from the folder up to what handlers reach, and given to
// `closing` in that order, so that a stop goes the other way round and what has been accepted is
// finished by rooms that still stand.

import { lockFolder } from '../host/folder-lock.ts'
import type { Host } from '../host/host.ts'
import type { Health } from './broker-health.ts'
import { BrokerSettings } from './catalog/broker-settings.ts'
import { Catalog, type CatalogFaults } from './catalog/catalog.ts'
import { NODE_ID } from './catalog/decide-topic.ts'
import { checkFormatVersion } from './catalog/format-version.ts'
import type { StaticSettings } from './catalog/static-settings.ts'
import type { LogFaults } from './log/faults.ts'
import { FileCache } from './log/file-cache.ts'
import { GroupCommit, type GroupCommitConfig } from './log/group-commit.ts'
import { WorkBudget } from './log/work-budget.ts'
import { AppendTransactions } from './server/append-transactions.ts'
import { BufferPool } from './server/buffer-pool.ts'
import { markCleanStop, takeCleanStop } from './server/clean-stop.ts'
import type { CoordinatorFaults } from './server/coordinator-faults.ts'
import { CoordinatorRuntime } from './server/coordinator-runtime.ts'
import { DelayedFetches } from './server/delayed-fetch.ts'
import { EventStores } from './server/event-stores.ts'
import { FetchSessions } from './server/fetch-sessions.ts'
import { servedApis } from './server/handler-table.ts'
import { Housekeeping } from './server/housekeeping.ts'
import { inFlightBytes } from './server/in-flight-bytes.ts'
import { describeError, type JsonLog } from './server/json-log.ts'
import { BrokerMetrics } from './server/metrics/broker-metrics.ts'
import { Partitions } from './server/partitions.ts'
import { ProducerIds } from './server/producer-ids.ts'
import { ClientQuotas } from './server/quotas/client-quotas.ts'
import { ResponseMemory } from './server/response-memory.ts'
import { Authorizer } from './server/security/authorizer.ts'
import { authorizerSettings } from './server/security/authorizer-settings.ts'
import type { BrokerServices } from './server/services.ts'
import { TransactionRuntime } from './server/transaction-runtime.ts'
import { SnapshotFile } from './streams/snapshot-file.ts'
import { Stores } from './streams/stores.ts'

/** @internal For the simulator (what rarely happens at ordinary sizes, mistakes that it must notice) and for repairs. */
export interface BrokerInternals {
  readonly commit?: Partial<GroupCommitConfig>
  readonly logFaults?: LogFaults
  readonly catalogFaults?: CatalogFaults
  readonly coordinatorFaults?: CoordinatorFaults
  /** Event stores whose index is not believed at the start. */
  readonly forgetsIndex?: (topic: string) => boolean
}

/** Memory of large requests and reads that is kept for the next ones. */
const IDLE_BUFFER_BYTES = 16 * 1024 * 1024
/** What deletions, a start and a stop can still write when the disk is full. */
const RESERVE_BYTES = 8 * 1024 * 1024

/** What the rooms are opened with, and into. */
export interface Opening {
  readonly host: Host
  /** undefined where there are no real files. */
  readonly folder: string | undefined
  readonly isInMemory: boolean
  readonly settings: StaticSettings
  readonly internals: BrokerInternals
  readonly log: JsonLog
  readonly health: Health
  /** Gets what has to be undone, in the order in which it was done. */
  readonly closing: AsyncDisposableStack
}

/**
 * Locks the folder, where there is one, and opens its rooms.
 * @throws UnknownFormatError for a folder of another version, FolderInUseError when a process has it
 */
export async function openFolder(opening: Opening): Promise<BrokerServices> {
  const { host, folder, closing } = opening
  await host.disk.makeFolder('.')
  // Before the lock: a folder of another version is not touched at all.
  await checkFormatVersion(host.disk)
  if (folder !== undefined) {
    const lock = await lockFolder(folder)
    closing.defer(() => lock.release())
  }
  return await openRooms(opening)
}

async function openRooms({
  host: outside,
  folder,
  isInMemory,
  settings,
  internals,
  log,
  health,
  closing,
}: Opening): Promise<BrokerServices> {
  const { config } = new BrokerSettings(settings)
  const files = new FileCache({
    disk: outside.disk,
    maxOpenFiles: config.millraceMaxOpenFiles,
  })
  // Whoever opens a file may need one of the cache's to be closed for it.
  const { disk } = files
  const host = { ...outside, disk }
  const later = (close: () => Promise<void> | void) => {
    closing.defer(async () => {
      try {
        await close()
      } catch (error) {
        // A full disk, for one: what was acknowledged is durable, and the next start looks for itself.
        health.isUnclean = true
        log.error('close-failed', { error: describeError(error) })
      }
    })
  }
  const onFatal = (reason: unknown) => health.fail(reason)

  const wasCleanStop = await takeCleanStop(disk)
  later(async () => {
    const isClean = health.isStarted && !health.hasFailed && !health.isUnclean
    if (isClean) await markCleanStop(disk)
  })
  const metrics = new BrokerMetrics(config)
  // In memory there is nothing to wait for, and no reason to write twice.
  const syncEnabled = !config.millraceUnsafeSkipSync && !isInMemory
  const commit = await GroupCommit.open({
    host,
    folder: 'journal',
    onCommit: (ms) => metrics.committed(ms),
    config: { syncEnabled, reserveBytes: isInMemory ? 0 : RESERVE_BYTES, ...internals.commit },
    faults: internals.logFaults ?? {},
    onFatal,
    onFull: (isFull) => {
      if (isFull) log.error('disk-full', { refused: 'appends, until there is space again' })
      else log.info('disk-has-space')
    },
  })
  later(() => commit.close())
  const catalog = await Catalog.open({
    ...{ host, commit, files, settings, wasCleanStop, onFatal },
    faults: internals.catalogFaults ?? {},
  })
  later(() => catalog.close())
  const work = new WorkBudget({
    maxBytes: config.millraceRecompressionMaxBytes,
    maxAtOnce: config.millraceRecompressionThreads,
  })
  const stores = new Stores({
    host,
    onFailed: (place, reason) => {
      log.error('stream-index-failed', { ...place, reason: describeError(reason) })
    },
    onReplayed: (place, facts) => log.info('stream-index-learnt', { ...place, ...facts }),
  })
  await stores.tidy((topicId) => catalog.topicById(topicId) !== undefined)
  const { forgetsIndex } = internals
  if (forgetsIndex !== undefined) {
    await stores.forgetIndexes((topicId) => {
      const topic = catalog.topicById(topicId)
      return topic !== undefined && forgetsIndex(topic.name)
    })
  }
  const opening = { host, catalog, commit, files, work, stores, log, wasCleanStop }
  const partitions = await Partitions.open(opening)
  later(() => partitions.close())
  const groups = new CoordinatorRuntime({
    host,
    config: catalog.config,
    catalog,
    partitions,
    log,
    faults: internals.coordinatorFaults,
  })
  later(() => groups.close())
  catalog.onChange((change) => {
    if (change.kind === 'topic-deleted') metrics.forgetTopic(change.topic.name)
  })
  const producerIds = new ProducerIds(() => catalog.takeProducerIdBlock())
  const transactions = new TransactionRuntime({
    host,
    config: catalog.config,
    catalog,
    partitions,
    groups,
    producerIds,
    log,
    faults: internals.coordinatorFaults,
  })
  later(() => transactions.close())
  const appendTransactions = new AppendTransactions({
    timers: host.timers,
    transactions,
    maxTimeoutMs: catalog.config.transactionMaxTimeoutMs,
  })
  const snapshots = new SnapshotFile({
    ...{ disk, folder },
    isKept: (topicId) => catalog.topicById(topicId) !== undefined,
    onDropped: (reason) => log.warn('snapshots-dropped', { reason: describeError(reason) }),
  })
  later(() => snapshots.close())
  catalog.onChange((change) => {
    if (change.kind === 'topic-deleted') snapshots.forgetTopic(change.topic.id)
  })
  const housekeeping = new Housekeeping({ host, catalog, partitions, log })
  later(() => housekeeping.close())
  const rules = authorizerSettings(catalog.settings)
  const { clock } = host
  const authorizer = rules && new Authorizer({ catalog, settings: rules, log, clock })
  const delayedFetches = new DelayedFetches(host.timers, authorizer)
  const { random } = host
  const maxSessions = config.maxIncrementalFetchSessionCacheSlots
  const maxPartitions = config.millraceMaxFetchSessionPartitions
  return {
    nodeId: NODE_ID,
    host,
    log,
    wasCleanStop,
    config: catalog.config,
    catalog,
    authorizer,
    partitions,
    eventStores: new EventStores({
      ...{ host, catalog, stores, snapshots },
      transactions: appendTransactions,
    }),
    groups,
    transactions,
    servedApis,
    delayedFetches,
    fetchSessions: new FetchSessions({ maxSessions, maxPartitions, clock, random }),
    producerIds,
    quotas: new ClientQuotas({
      ...{ clock, config: catalog.config, catalog },
      onThrottle: (quota, delayMs) => metrics.throttled(quota, delayMs),
    }),
    metrics,
    responses: new ResponseMemory(inFlightBytes(config).responses, {
      ...{ clock, timers: host.timers, patienceMs: config.millraceSlowReaderTimeoutMs },
      onWait: () => metrics.memoryWaited('responses'),
      onClosed: () => metrics.slowReaderClosed(),
    }),
    buffers: new BufferPool(IDLE_BUFFER_BYTES),
  }
}
