// Starts a broker and stops it: its rooms (broker-rooms.ts), then its listeners
// (broker-listening.ts); the stop goes the other way round. A start that fails leaves nothing running;
// a broker whose journal or catalogue fails closes without calling itself clean.

import type { Host } from '../host/host.ts'
import { loneFile } from '../host/lone-file.ts'
import { memoryDisk } from '../host/memory-disk.ts'
import { nodeHost } from '../host/node-host.ts'
import { Health } from './broker-health.ts'
import { listen } from './broker-listening.ts'
import { type BrokerInternals, type Opening, openFolder } from './broker-rooms.ts'
import type { Catalog } from './catalog/catalog.ts'
import { resolveSettings, type StaticSettings } from './catalog/static-settings.ts'
import { createLocalClient, type LocalClient } from './local/local-client.ts'
import { DEFAULT_STORE, type EventStores } from './server/event-stores.ts'
import { Inspect } from './server/inspect.ts'
import { createJsonLog, describeError } from './server/json-log.ts'
import type { ListenerAddress } from './server/listener-address.ts'
import type { Listeners } from './server/listeners.ts'
import { MetricsFile } from './server/metrics/metrics-file.ts'
import { Users } from './server/security/users.ts'
import type { BrokerServices } from './server/services.ts'
import type { EventStore } from './streams/event-store.ts'

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
  return startBrokerWith(options, {})
}

/**
 * @internal The catalogue of a folder whose broker does not run, for commands that write to it. The
 * folder is made, locked, recovered and marked as by a broker that starts and stops.
 */
export async function openCatalog(folder: string): Promise<AsyncDisposable & { catalog: Catalog }> {
  return opened({ folder }, {}, async (opening) => {
    const { health, closing } = opening
    const { catalog } = await openFolder(opening)
    health.isStarted = true
    return { catalog, [Symbol.asyncDispose]: () => closing.disposeAsync() }
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
  return opened(options, internals, async (opening) => {
    const { health, closing } = opening
    const { catalog, eventStores } = await openFolder(opening)
    health.isStarted = true
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
  return opened(options, internals, (opening) => start(options, opening))
}

/** What fails half-way is undone. */
async function opened<T>(
  options: BrokerOptions,
  internals: BrokerInternals,
  open: (opening: Opening) => Promise<T>,
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
    return await open(opening)
  } catch (error) {
    // What cannot be closed after a failed start is news for the log; the caller needs the reason.
    await rooms.disposeAsync().catch((second: unknown) => {
      log.error('start-undone', { error: describeError(second) })
    })
    throw error
  }
}

async function start(options: BrokerOptions, opening: Opening): Promise<LocalBroker> {
  const { health, closing } = opening
  const services = await openFolder(opening)
  const listeners = options.listen === false ? undefined : await listen(services, closing)
  const inspect = new Inspect(services, listeners)
  writeMetrics(services, inspect, closing)
  health.isStarted = true
  void services.eventStores.settled()
  return new RunningBroker({ services, listeners, inspect, health, rooms: closing })
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
