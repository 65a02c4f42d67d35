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
import type { Fields, Infer, InferInput } from '../wire/field.ts'
import { CoordinatorRuntime } from './coordinator-runtime.ts'
import type { Handler } from './handler.ts'
import type { JsonLog, LogFields } from './json-log.ts'
import { Partitions } from './partitions.ts'
import { ProducerIds } from './producer-ids.ts'
import { ClientQuotas } from './quotas/client-quotas.ts'
import { ANONYMOUS } from './security/principal.ts'
import type { BrokerServices } from './services.ts'
import { TransactionRuntime } from './transaction-runtime.ts'

export interface HandlerWorld extends AsyncDisposable {
  readonly disk: Disk
  readonly catalog: Catalog
  readonly partitions: Partitions
  readonly groups: CoordinatorRuntime
  readonly transactions: TransactionRuntime
  /** What the broker said of itself: event names with their fields. */
  readonly logged: readonly { event: string; fields: LogFields }[]
  /** Sends one request through the handler. @param api of the handler, for the types */
  ask<Req extends Fields, Res extends Fields>(
    handler: Handler,
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

const WORLD_BYTES = 512 * 1024 * 1024

export async function openHandlerWorld(
  options: {
    disk?: Disk
    /** Instead of `disk`: a whole outside world. */
    host?: Host
    settings?: Readonly<Record<string, string>>
    wasCleanStop?: boolean
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
  const partitions = await Partitions.open(opening)
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
  const quotas = new ClientQuotas({ clock: host.clock, config, catalog })
  const broker = { nodeId: 1, host, log, config, catalog, partitions, groups, transactions, quotas }

  return {
    disk,
    catalog,
    partitions,
    groups,
    transactions,
    logged,

    async ask(handler, api, version, body) {
      const header = { apiVersion: version, correlationId: 7, clientId: 'test' }
      const frame = Buffer.concat(encodeRequest(api, header, body)).subarray(4)
      const answer = await handler.answer(frame, decodeRequestHeader(frame), {
        apiVersion: version,
        clientId: 'test',
        connection: {
          id: 1,
          remoteAddress: '127.0.0.1:50000',
          principal: ANONYMOUS,
          advertised: { host: 'broker.example', port: 9092 },
          isClosed: false,
          onClose: () => () => undefined,
        },
        throttleMs: 0,
        releaseFrame: () => undefined,
        onSent: () => undefined,
        broker: broker as BrokerServices, // handlers of this part reach for nothing else
      })
      if (answer.kind !== 'answer') throw new Error(`no answer but ${answer.kind}`)
      return decodeResponse(api, version, Buffer.concat(answer.chunks).subarray(4)).body
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
