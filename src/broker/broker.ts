// Composes a broker from its rooms, starts it and stops it.
// Order of start: folder, commit, catalogue, partitions, listener; the stop goes the other
// way round, so that what has been accepted is finished by rooms that still stand. A start that
// fails leaves nothing running; a broker whose journal or catalogue fails closes without calling
// itself clean.

import { lockFolder } from '../host/folder-lock.ts'
import type { Host } from '../host/host.ts'
import { loneFile } from '../host/lone-file.ts'
import { memoryDisk } from '../host/memory-disk.ts'
import { nodeHost } from '../host/node-host.ts'
import type { BrokerConfig } from './catalog/broker-config-keys.ts'
import { BrokerSettings } from './catalog/broker-settings.ts'
import { Catalog, type CatalogFaults } from './catalog/catalog.ts'
import { NODE_ID } from './catalog/decide-topic.ts'
import { checkFormatVersion } from './catalog/format-version.ts'
import { checkListenerKeys } from './catalog/listener-security.ts'
import { planListeners } from './catalog/listeners.ts'
import { resolveSettings, type StaticSettings } from './catalog/static-settings.ts'
import { createLocalClient, type LocalClient } from './local/local-client.ts'
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
import { createDispatch } from './server/dispatch.ts'
import { DEFAULT_STORE, EventStores } from './server/event-stores.ts'
import { FetchSessions } from './server/fetch-sessions.ts'
import { handlerFor, servedApis } from './server/handler-table.ts'
import { Housekeeping } from './server/housekeeping.ts'
import { inFlightBytes } from './server/in-flight-bytes.ts'
import { Inspect } from './server/inspect.ts'
import { createJsonLog, describeError, type JsonLog } from './server/json-log.ts'
import type { ListenerAddress } from './server/listener-address.ts'
import { Listeners } from './server/listeners.ts'
import { BrokerMetrics } from './server/metrics/broker-metrics.ts'
import { MetricsFile } from './server/metrics/metrics-file.ts'
import { Partitions } from './server/partitions.ts'
import { ProducerIds } from './server/producer-ids.ts'
import { ClientQuotas } from './server/quotas/client-quotas.ts'
import { ConnectionQuotas } from './server/quotas/connection-quotas.ts'
import { ResponseMemory } from './server/response-memory.ts'
import { Authorizer } from './server/security/authorizer.ts'
import { authorizerSettings } from './server/security/authorizer-settings.ts'
import { Users } from './server/security/users.ts'
import type { BrokerServices } from './server/services.ts'
import { TransactionRuntime } from './server/transaction-runtime.ts'
import type { EventStore } from './streams/event-store.ts'
import { SnapshotFile } from './streams/snapshot-file.ts'
import { Stores } from './streams/stores.ts'

export interface BrokerOptions {
  /** The data folder; made when it is missing. This or `memory`, or a `host` of your own. */
  readonly folder?: string
  /** Keeps everything in memory, at most so many bytes (1 GiB); nothing outlives the broker. */
  readonly memory?: true | { readonly maxBytes: number }
  /** `HOST:PORT`; port 0 takes a free one. `false`: no listener. Default: `listeners` of the config. */
  readonly listen?: string | false
  /** `HOST:PORT` that clients are told, when it is not the one listened on. */
  readonly advertise?: string
  /** Settings by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>
  /** Settings that were resolved already, with their origins; the three above are left out then. */
  readonly settings?: StaticSettings
  /** Takes the log, one JSON object per line without its end. Default: it is not kept. */
  readonly onLog?: (line: string) => void
  /** Another outside world: simulated, or with a disk of its own. */
  readonly host?: Host
}

export interface Broker extends AsyncDisposable {
  /** Where clients reach it, with the ports that were really bound, in the order of `listeners`. */
  readonly addresses: readonly ListenerAddress[]
  readonly clusterId: string
  readonly inspect: Inspect
  readonly users: Users
  /** The event store that a topic is, or becomes with the first append. Default: `streams`. */
  eventStore(topic?: string): EventStore
  /** Resolves when the broker can no longer keep its promises: it has stopped by itself. */
  readonly failed: Promise<Error>
  /** Answers what has come, closes every log, marks the stop as clean. Idempotent. */
  close(): Promise<void>
}

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
/** For the journal, the catalogue, the lock, index files on their way, and Node itself. */
const SPARE_DESCRIPTORS = 96
const MIN_CONNECTIONS = 16
/** What deletions, a start and a stop can still write when the disk is full. */
const RESERVE_BYTES = 8 * 1024 * 1024
const DEFAULT_MEMORY_BYTES = 1024 * 1024 * 1024

/**
 * Resolves when the broker accepts connections.
 * @throws ConfigError for settings that cannot be, UnknownFormatError for a folder of another
 * version, FolderInUseError when a process has it already, NetError when the address is taken
 */
export function startBroker(options: BrokerOptions): Promise<Broker> {
  return startBrokerWith(options, {})
}

/** @internal A broker that a program in this process calls directly. */
export interface LocalBroker extends Broker {
  readonly local: LocalClient
}

/** @internal As `startBroker`. */
export function startLocalBroker(options: BrokerOptions): Promise<LocalBroker> {
  return opened(options, {}, start)
}

/**
 * @internal The catalogue of a folder whose broker does not run, for commands that write to it. The
 * folder is made, locked, recovered and marked as by a broker that starts and stops.
 */
export async function openCatalog(folder: string): Promise<AsyncDisposable & { catalog: Catalog }> {
  return opened({ folder }, {}, async (_, opening) => {
    const { services, health, closing } = await openFolder({ folder }, opening)
    health.isStarted = true
    return { catalog: services.catalog, [Symbol.asyncDispose]: () => closing.disposeAsync() }
  })
}

/**
 * @internal The event stores of a folder whose broker does not run, opened as a broker does it; meanwhile
 * nothing is removed because of its age, which the settings of the broker may have other ideas of.
 * @param options.forgetsIndex of which stores the index is dropped, and learnt from the log again
 */
export async function openStores(
  folder: string,
  { forgetsIndex }: { forgetsIndex?: (topic: string) => boolean } = {},
): Promise<AsyncDisposable & { catalog: Catalog; stores: EventStores }> {
  const options = { folder, config: NOTHING_FALLS_DUE }
  const internals = forgetsIndex === undefined ? {} : { forgetsIndex }
  return opened(options, internals, async (_, opening) => {
    const { services, health, closing } = await openFolder(options, opening)
    health.isStarted = true
    const { catalog, eventStores } = services
    return { catalog, stores: eventStores, [Symbol.asyncDispose]: () => closing.disposeAsync() }
  })
}

const NOTHING_FALLS_DUE = {
  'log.retention.check.interval.ms': '86400000',
  'log.cleaner.enable': 'false',
  'offsets.retention.check.interval.ms': '86400000',
  'transaction.remove.expired.transaction.cleanup.interval.ms': '86400000',
}

/** @internal */
export function startBrokerWith(
  options: BrokerOptions,
  internals: BrokerInternals,
): Promise<LocalBroker> {
  return opened(options, internals, start)
}

/** What fails half-way is undone. */
async function opened<T>(
  options: BrokerOptions,
  internals: BrokerInternals,
  open: (options: BrokerOptions, opening: Opening) => Promise<T>,
): Promise<T> {
  const settings = settingsOf(options)
  const host = hostOf(options)
  const log = createJsonLog({ clock: host.clock, write: options.onLog ?? (() => undefined) })
  const rooms = new AsyncDisposableStack()
  try {
    const health = new Health(log)
    const isInMemory = options.memory !== undefined && options.host === undefined
    const { folder } = options
    const opening = { host, folder, isInMemory, settings, internals, log, health, closing: rooms }
    return await open(options, opening)
  } catch (error) {
    // What cannot be closed after a failed start is news for the log; the caller needs the reason.
    await rooms.disposeAsync().catch((second: unknown) => {
      log.error('start-undone', { error: describeError(second) })
    })
    throw error
  }
}

interface Opening {
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

async function start(options: BrokerOptions, opening: Opening): Promise<LocalBroker> {
  const { services, health, closing } = await openFolder(options, opening)
  const listeners = options.listen === false ? undefined : await listen(services, closing)
  const inspect = new Inspect(services, listeners)
  writeMetrics(services, inspect, closing)
  health.isStarted = true
  void services.eventStores.settled()
  return new RunningBroker({ services, listeners, inspect, health, rooms: closing })
}

async function openFolder(
  options: BrokerOptions,
  opening: Opening,
): Promise<Opening & { services: BrokerServices }> {
  const { host, closing } = opening
  await host.disk.makeFolder('.')
  // Before the lock: a folder of another version is not touched at all.
  await checkFormatVersion(host.disk)
  if (options.folder !== undefined) {
    const lock = await lockFolder(options.folder)
    closing.defer(() => lock.release())
  }
  return { ...opening, services: await openRooms(opening) }
}

/** Whether the broker still keeps its promises; what goes wrong is said once. */
class Health {
  readonly #log: JsonLog
  readonly #failure = Promise.withResolvers<Error>()
  hasFailed = false
  /** Everything was opened: a stop may call itself clean. */
  isStarted = false
  /** Something could not be closed as it should. */
  isUnclean = false

  constructor(log: JsonLog) {
    this.#log = log
  }

  get failed(): Promise<Error> {
    return this.#failure.promise
  }

  fail(reason: unknown): void {
    if (this.hasFailed) return
    this.hasFailed = true
    this.#log.error('fatal', { reason: describeError(reason) })
    this.#failure.resolve(reason instanceof Error ? reason : new Error(String(reason)))
  }
}

class RunningBroker implements LocalBroker {
  readonly addresses: readonly ListenerAddress[]
  readonly clusterId: string
  readonly inspect: Inspect
  readonly users: Users
  readonly local: LocalClient
  readonly failed: Promise<Error>
  readonly #eventStores: EventStores
  readonly #rooms: AsyncDisposableStack
  #closing: Promise<void> | undefined

  constructor({
    services,
    listeners,
    inspect,
    health,
    rooms,
  }: {
    services: BrokerServices
    listeners: Listeners | undefined
    inspect: Inspect
    health: Health
    rooms: AsyncDisposableStack
  }) {
    this.addresses = listeners?.addresses ?? []
    this.clusterId = services.catalog.clusterId
    this.inspect = inspect
    this.users = new Users(services.catalog, services.host.random)
    this.local = createLocalClient(services)
    this.#eventStores = services.eventStores
    this.#rooms = rooms
    this.failed = health.failed.then(async (error) => {
      listeners?.closeNow()
      await this.close()
      return error
    })
  }

  eventStore(topic = DEFAULT_STORE): EventStore {
    return this.#eventStores.get(topic)
  }

  close(): Promise<void> {
    this.#closing ??= this.#rooms.disposeAsync()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
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

async function listen(services: BrokerServices, closing: AsyncDisposableStack): Promise<Listeners> {
  const { host, config, log, catalog, metrics } = services
  const plans = planListeners(config)
  checkListenerKeys(catalog.settings, config, plans)
  const listeners = await Listeners.open({
    services,
    plans,
    limits: {
      maxFrameBytes: config.socketRequestMaxBytes,
      maxInFlightBytes: config.millraceConnectionInFlightBytes,
      maxInFlightRequests: config.millraceConnectionInFlightRequests,
      maxIdleMs: config.connectionsMaxIdleMs,
    },
    connections: new ConnectionQuotas({
      ...{ clock: host.clock, timers: host.timers, config, catalog: services.catalog },
      maxConnections: connectionsWithin(config, await host.openFilesLimit(), log),
      onOpened: () => metrics.connectionOpened(),
      onRefused: (reason, remote) => {
        metrics.connectionRefused(reason)
        log.warn('connection-refused', { remote, reason })
      },
    }),
    dispatch: createDispatch(handlerFor, services),
  })
  catalog.onChange(({ kind }) => {
    if (kind === 'broker-altered') void listeners.reloadCertificates()
  })
  // Whoever waits is let go first: a drain answers what has come, and has not an hour for it.
  closing.defer(async () => {
    listeners.stopAccepting()
    services.delayedFetches.stop()
    await services.transactions.close()
    await services.groups.close()
    await listeners.drain()
  })
  return listeners
}

function writeMetrics(
  { config, host, log }: BrokerServices,
  inspect: Inspect,
  closing: AsyncDisposableStack,
): void {
  if (config.millraceMetricsFile === undefined) return
  const file = new MetricsFile({
    timers: host.timers,
    log,
    everyMs: config.millraceMetricsIntervalMs,
    text: () => inspect.metricsText(),
    replace: loneFile(config.millraceMetricsFile),
  })
  closing.defer(() => file.close())
}

/** Sockets must leave descriptors for the files of partitions: a flood would take those offline. */
function connectionsWithin(config: BrokerConfig, limit: number | undefined, log: JsonLog): number {
  const { maxConnections, millraceMaxOpenFiles, socketListenBacklogSize } = config
  if (limit === undefined) return Number.POSITIVE_INFINITY
  const others = millraceMaxOpenFiles + SPARE_DESCRIPTORS + 2 * socketListenBacklogSize
  const left = Math.max(MIN_CONNECTIONS, limit - others)
  if (left >= maxConnections) return left
  log.info('connections-bounded', { 'max.connections': left, 'open files': limit })
  return left
}

function settingsOf({
  settings,
  config,
  folder,
  listen,
  advertise,
}: BrokerOptions): StaticSettings {
  if (settings !== undefined) return settings
  const flags = Object.entries(config ?? {}).map(([key, text]) => {
    return { flag: `config '${key}'`, key, text }
  })
  if (folder !== undefined) flags.push({ flag: 'folder', key: 'log.dirs', text: folder })
  if (typeof listen === 'string') flags.push({ flag: 'listen', key: 'listeners', text: listen })
  if (advertise !== undefined) {
    flags.push({ flag: 'advertise', key: 'advertised.listeners', text: advertise })
  }
  return resolveSettings({ flags })
}

function hostOf({ host, memory, folder }: BrokerOptions): Host {
  if (host !== undefined) return host
  if (folder !== undefined) return nodeHost({ folder })
  if (memory === undefined) throw new TypeError('A broker needs a folder, or memory: true.')
  const maxBytes = memory === true ? DEFAULT_MEMORY_BYTES : memory.maxBytes
  return nodeHost({ disk: memoryDisk({ maxBytes }) })
}
