// Owners of a partition's parking lot, on the memory engine and on virtual time: an owner hands the
// events that are redriven to handlers that a test scripts, and can die before or after any write.

import type { IncomingRecord, OutgoingRecord } from '../../src/sdk/events/record.ts'
import type { LotRequest } from '../../src/sdk/messaging/parking/lot-request.ts'
import { requestRecord } from '../../src/sdk/messaging/parking/parked-record.ts'
import {
  type ParkingLotOptions,
  TopicParkingLot,
} from '../../src/sdk/messaging/parking/topic-parking-lot.ts'
import type {
  Failure,
  ParkEntry,
  ParkedPartition,
  RedriveOutcome,
} from '../../src/sdk/messaging/parking-lot.ts'
import { memory } from '../../src/sdk/testing/memory/memory.ts'
import { SeededRandom } from '../../src/sdk/testing/seeded-random.ts'
import { VirtualTime } from '../../src/sdk/testing/virtual-time.ts'
import type { SendRequest } from '../../src/sdk/transport/producer.ts'
import type { Transport } from '../../src/sdk/transport/transport.ts'

export const GROUP = 'billing'
export const SOURCE = 'orders'
const PARTITIONS = 2

export interface ParkingWorld {
  readonly time: VirtualTime
  readonly transport: Transport
  /** One transport of its own per application. */
  open(): Promise<Transport>
}

export async function parkingWorld(): Promise<ParkingWorld> {
  const time = new VirtualTime()
  const engine = memory({ world: { clock: time, timers: time, random: new SeededRandom(1) } })
  const open = () => engine.open({ service: 'test', onWarning: () => undefined })
  const transport = await open()
  await transport.administration.ensureTopics([{ name: SOURCE, partitions: PARTITIONS }])
  return { time, transport, open }
}

/** What may happen to a write. The owner is dead once it threw. */
export type OnWrite = (when: 'before' | 'after', request: SendRequest) => void

export class Owner {
  readonly lot: TopicParkingLot
  /** Values in the order in which handlers finished with them. */
  readonly handled: string[] = []
  /** Values in the order in which handlers were given them. */
  readonly begun: string[] = []
  readonly warnings: string[] = []
  readonly failing = new Set<string>()
  /** Handlers of these wait for `release`. */
  readonly waiting = new Map<string, () => void>()
  readonly held = new Set<string>()
  isRevoked = false
  /** Everything, unless a test says how far the source is committed. */
  committedBelow = Number.MAX_SAFE_INTEGER
  readonly #transport: Transport
  readonly #world: ParkingWorld

  constructor(world: ParkingWorld, transport: Transport, options: Partial<ParkingLotOptions>) {
    this.#world = world
    this.#transport = transport
    this.lot = new TopicParkingLot({
      transport,
      group: GROUP,
      topics: [SOURCE],
      onWarning: (message, cause) => this.warnings.push(`${message} ${String(cause)}`),
      ...options,
    })
  }

  take(partition = 0, topic = SOURCE): Promise<ParkedPartition> {
    return this.lot.open(
      { topic, partition },
      {
        handle: (record, alongside) => this.#handle(record, alongside),
        committedBelow: () => this.committedBelow,
      },
    )
  }

  release(value: string): void {
    this.held.delete(value)
    this.waiting.get(value)?.()
    this.waiting.delete(value)
  }

  async #handle(
    record: IncomingRecord,
    alongside: readonly SendRequest[],
  ): Promise<RedriveOutcome> {
    const value = textOf(record.value)
    this.begun.push(value)
    if (this.held.has(value)) {
      await new Promise<void>((resolve) => this.waiting.set(value, resolve))
    }
    if (this.isRevoked) return { kind: 'revoked' }
    if (this.failing.has(value)) {
      return { kind: 'failed', failure: failureOf(value, this.#world.time.nowMs()) }
    }
    this.handled.push(value)
    const producer = await this.#transport.producer()
    for (const request of alongside) await producer.send(request)
    return { kind: 'handled' }
  }
}

export async function owner(
  world: ParkingWorld,
  options: Partial<ParkingLotOptions> & { onWrite?: OnWrite } = {},
): Promise<Owner> {
  const { onWrite, ...rest } = options
  const transport = await world.open()
  return new Owner(world, onWrite === undefined ? transport : watched(transport, onWrite), rest)
}

/** The same transport, whose producers ask first, and again once the records are written. */
function watched(transport: Transport, onWrite: OnWrite): Transport {
  return new Proxy(transport, {
    get: (target, name) => {
      if (name !== 'producer') return Reflect.get(target, name, target)
      return async () => {
        const producer = await target.producer()
        return {
          send: async (request: SendRequest) => {
            onWrite('before', request)
            const sent = await producer.send(request)
            onWrite('after', request)
            return sent
          },
          close: () => producer.close(),
        }
      }
    },
  })
}

export function record(offset: number, key: string | null, partition = 0): IncomingRecord {
  return {
    topic: SOURCE,
    partition,
    offset,
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(`${key}${offset}`),
    headers: [],
    timestampMs: 1000 + offset,
  }
}

export function failed(offset: number, key: string, partition = 0): ParkEntry {
  const source = record(offset, key, partition)
  const failure = failureOf(textOf(source.value), 1000 + offset)
  return { record: source, reason: 'failed', failure, holdsKey: true }
}

export function follower(offset: number, key: string, partition = 0): ParkEntry {
  const source = record(offset, key, partition)
  return { record: source, reason: 'follows', failure: undefined, holdsKey: true }
}

export function failureOf(value: string, nowMs: number): Failure {
  return {
    attempts: 3,
    firstFailedMs: nowMs,
    lastFailedMs: nowMs,
    errorName: 'Error',
    errorMessage: `cannot handle ${value}`,
    errorCode: undefined,
    stack: undefined,
  }
}

/** As an operator's tool does it: a record in the partition where the events lie. */
export async function ask(
  world: ParkingWorld,
  request: LotRequest,
  { partition = 0, id = 'r1' } = {},
): Promise<void> {
  const topic = `__millrace_parked.${GROUP}`
  const records = [requestRecord({ topic: SOURCE, partition }, id, request)]
  const producer = await world.transport.producer()
  await producer.send({ topic, partition: partition % PARTITIONS, records })
}

export const ALL: LotRequest = { kind: 'redrive', selection: { kind: 'all' }, perSecond: 1000 }

/** What stands in the parked topic for a key of it, newest last; null values as `null`. */
export async function parkedTopicKeys(
  world: ParkingWorld,
  partition = 0,
): Promise<Map<string, OutgoingRecord>> {
  const topic = `__millrace_parked.${GROUP}`
  const place = { topic, partition, fromOffset: 0, maxBytes: 1e9 }
  const { records } = await world.transport.reader.read(place)
  return new Map(records.map((read) => [textOf(read.key), read]))
}

export function textOf(value: Uint8Array | null): string {
  return value === null ? 'null' : Buffer.from(value).toString()
}
