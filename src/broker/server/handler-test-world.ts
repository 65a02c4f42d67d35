// For tests of handlers: catalogue and partitions over a disk in memory, and requests that go through
// the real codec at the version asked for, as they would come from a socket.

import type { Timers } from '../../host/clock.ts'
import type { Disk } from '../../host/disk.ts'
import type { Host } from '../../host/host.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch } from '../batch/builder.ts'
import { Catalog } from '../catalog/catalog.ts'
import { resolveSettings } from '../catalog/static-settings.ts'
import { FileCache } from '../log/file-cache.ts'
import { GroupCommit } from '../log/group-commit.ts'
import { WorkBudget } from '../log/work-budget.ts'
import type { Api } from '../protocol/api.ts'
import { decodeRequestHeader, decodeResponse, encodeRequest } from '../protocol/frames.ts'
import { SnapshotFile } from '../streams/snapshot-file.ts'
import { Stores } from '../streams/stores.ts'
import type { Fields, Infer, InferInput } from '../wire/field.ts'
import { AppendTransactions } from './append-transactions.ts'
import { BufferPool } from './buffer-pool.ts'
import { CoordinatorRuntime } from './coordinator-runtime.ts'
import { DelayedFetches } from './delayed-fetch.ts'
import { createDispatch } from './dispatch.ts'
import { EventStores } from './event-stores.ts'
import { FetchSessions } from './fetch-sessions.ts'
import type { ClientConnection, Handler } from './handler.ts'
import { handlerFor, servedApis } from './handler-table.ts'
import type { JsonLog, LogFields } from './json-log.ts'
import { BrokerMetrics } from './metrics/broker-metrics.ts'
import { Partitions } from './partitions.ts'
import { ProducerIds } from './producer-ids.ts'
import { ClientQuotas } from './quotas/client-quotas.ts'
import { ResponseMemory } from './response-memory.ts'
import { type Access, UNRESTRICTED } from './security/access.ts'
import { Authorizer } from './security/authorizer.ts'
import { authorizerSettings } from './security/authorizer-settings.ts'
import { ANONYMOUS } from './security/principal.ts'
import type { BrokerServices } from './services.ts'
import { TransactionRuntime } from './transaction-runtime.ts'

export interface HandlerWorld extends AsyncDisposable {
  readonly disk: Disk
  readonly catalog: Catalog
  readonly partitions: Partitions
  readonly groups: CoordinatorRuntime
  readonly transactions: TransactionRuntime
  readonly eventStores: EventStores
  readonly waitingFetchCount: number
  /** What the broker said of itself: event names with their fields. */
  readonly logged: readonly { event: string; fields: LogFields }[]
  /**
   * Sends one request through the handler. @param api of the handler, for the types
   * @param as who sends it: ANONYMOUS unless said otherwise
   */
  ask<Req extends Fields, Res extends Fields>(
    handler: Handler,
    api: Api<Req, Res>,
    version: number,
    body: InferInput<Req>,
    as?: ClientConnection,
  ): Promise<Infer<Res>>
  /** As `ask`, but through the table of handlers, as a broker finds them. */
  send<Req extends Fields, Res extends Fields>(
    as: ClientConnection,
    api: Api<Req, Res>,
    version: number,
    body: InferInput<Req>,
  ): Promise<Infer<Res>>
  /** Appends records of these values, with a key or without, one batch each, durably. */
  produce(
    topic: string,
    partition: number,
    values: readonly (string | { key: string; value: string })[],
  ): Promise<void>
}

export const TEST_CONNECTION: ClientConnection = {
  id: 1,
  remoteAddress: '127.0.0.1:50000',
  principal: ANONYMOUS,
  advertised: { host: 'broker.example', port: 9092 },
  isClosed: false,
  onClose: () => () => undefined,
}

const WORLD_BYTES = 512 * 1024 * 1024

export async function openHandlerWorld(
  options: {
    disk?: Disk
    /** Instead of `disk`: a whole outside world. */
    host?: Host
    settings?: Readonly<Record<string, string>>
    wasCleanStop?: boolean
    /** Sees every question that handlers ask of the authorizer. */
    watchAccess?: (access: Access) => Access
    /** Told each time that long work gives others their turn. */
    onYield?: () => void
    /** The broker would end here. */
    onFatal?: (reason: unknown) => void
  } = {},
): Promise<HandlerWorld> {
  const outside =
    options.host ?? nodeHost({ disk: options.disk ?? memoryDisk({ maxBytes: WORLD_BYTES }) })
  const { disk, timers } = outside
  const yieldToOthers = () => {
    options.onYield?.()
    return timers.yield()
  }
  const after: Timers['after'] = (delayMs, callback) => timers.after(delayMs, callback)
  const host = { ...outside, timers: { after, yield: yieldToOthers } }
  const wasCleanStop = options.wasCleanStop ?? true
  const throwIt = (reason: unknown) => {
    throw new Error(`fatal: ${String(reason)}`)
  }
  const { onFatal = throwIt } = options
  const flags = Object.entries(options.settings ?? {}).map(([key, text]) => ({
    flag: key,
    key,
    text,
  }))
  const settings = resolveSettings({ flags })
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const files = new FileCache({ disk, maxOpenFiles: 64 })
  const catalog = await Catalog.open({ host, commit, files, settings, wasCleanStop, onFatal })
  const logged: { event: string; fields: LogFields }[] = []
  const note = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  const log: JsonLog = { info: note, warn: note, error: note }
  const work = new WorkBudget()
  const opening = { host, catalog, commit, files, work, log, wasCleanStop }
  const stores = new Stores({ host, onFailed: () => undefined, onReplayed: () => undefined })
  const partitions = await Partitions.open({ ...opening, stores })
  const { config } = catalog
  const groups = new CoordinatorRuntime({ host, config, catalog, partitions, log })
  const producerIds = new ProducerIds(() => catalog.takeProducerIdBlock())
  const transactions = new TransactionRuntime({
    host,
    config,
    catalog,
    partitions,
    groups,
    producerIds,
    log,
  })
  const appends = new AppendTransactions({
    timers: host.timers,
    transactions,
    maxTimeoutMs: config.transactionMaxTimeoutMs,
  })
  const snapshots = new SnapshotFile({
    ...{ disk, folder: undefined },
    isKept: () => true,
    onDropped: throwIt,
  })
  const rooms = { stores, transactions: appends, snapshots }
  const eventStores = new EventStores({ host, catalog, ...rooms })
  const quotas = new ClientQuotas({ clock: host.clock, config, catalog })
  const rules = authorizerSettings(catalog.settings)
  const { clock } = host
  const authorizer = rules && new Authorizer({ catalog, settings: rules, log, clock })
  const watchAccess = options.watchAccess ?? ((access: Access) => access)
  const { random } = host
  const maxSessions = config.maxIncrementalFetchSessionCacheSlots
  const maxPartitions = config.millraceMaxFetchSessionPartitions
  const broker: BrokerServices = {
    nodeId: 1,
    host,
    log,
    wasCleanStop,
    config,
    catalog,
    authorizer,
    partitions,
    eventStores,
    groups,
    transactions,
    quotas,
    metrics: new BrokerMetrics(config),
    servedApis,
    producerIds,
    delayedFetches: new DelayedFetches(host.timers, authorizer),
    fetchSessions: new FetchSessions({ maxSessions, maxPartitions, clock, random }),
    responses: new ResponseMemory(Number.MAX_SAFE_INTEGER),
    buffers: new BufferPool(0),
  }
  const findHandler = (apiKey: number): Handler | undefined => {
    const handler = handlerFor(apiKey)
    if (handler === undefined || options.watchAccess === undefined) return handler
    const answer: Handler['answer'] = (frame, header, context) =>
      handler.answer(frame, header, { ...context, access: watchAccess(context.access) })
    return { ...handler, answer }
  }
  const dispatch = createDispatch(findHandler, broker)

  return {
    disk,
    catalog,
    partitions,
    groups,
    transactions,
    eventStores,
    logged,

    get waitingFetchCount() {
      return broker.delayedFetches.waitingCount
    },

    async ask(handler, api, version, body, as = TEST_CONNECTION) {
      const header = { apiVersion: version, correlationId: 7, clientId: 'test' }
      const frame = Buffer.concat(encodeRequest(api, header, body)).subarray(4)
      const answer = await handler.answer(frame, decodeRequestHeader(frame), {
        apiVersion: version,
        clientId: 'test',
        connection: as,
        access: watchAccess(authorizer?.accessOf(as, handler.api.name) ?? UNRESTRICTED),
        throttleMs: 0,
        heldAnswerBytes: 0,
        releaseFrame: () => undefined,
        onSent: () => undefined,
        broker,
      })
      if (answer.kind !== 'answer') throw new Error(`no answer but ${answer.kind}`)
      return decodeResponse(api, version, Buffer.concat(answer.chunks).subarray(4)).body
    },

    async send(as, api, version, body) {
      const header = { apiVersion: version, correlationId: 7, clientId: 'test' }
      const frame = Buffer.concat(encodeRequest(api, header, body)).subarray(4)
      const { chunks } = await dispatch(frame, as)
      if (chunks === undefined) throw new Error('no answer')
      return decodeResponse(api, version, Buffer.concat(chunks).subarray(4)).body
    },

    async produce(topic, partition, values) {
      for (const entry of values) {
        const { key, value } = typeof entry === 'string' ? { key: null, value: entry } : entry
        const record = {
          timestamp: host.clock.nowMs(),
          key: key === null ? null : Buffer.from(key),
          value: Buffer.from(value),
        }
        const batch = buildBatch({ records: [record] })
        const outcome = await partitions
          .get(topic, partition)!
          .append(batch, { acks: -1, origin: 'client' })
        if (outcome.kind === 'refused') throw new Error(outcome.message)
      }
    },

    async [Symbol.asyncDispose]() {
      await transactions.close()
      await groups.close()
      await partitions.close()
      await catalog.close()
      await commit.close()
    },
  }
}
