// The event store of one topic, as code in this process uses it: finds the partition of a stream and has
// the append decided at its turn, by the same gate as what Kafka clients produce.

import type { Clock, Timers } from '../../host/clock.ts'
import { partitionOfKey } from '../batch/murmur2.ts'
import type { AppendPlace, GateVerdict } from '../log/append-gate.ts'
import { refuse } from '../log/append-outcome.ts'
import type { AppendOutcome } from '../log/partition-log.ts'
import { ErrorCode, errorName } from '../wire/error-codes.ts'
import type { AppendDecision, WantedRecord } from './decide-append.ts'
import { encodeBatch, type VersionedEvent } from './encode-batch.ts'
import type {
  AppendedStream,
  EventStore,
  NewEvent,
  ReadAllOptions,
  ReadStreamOptions,
  StoredRecord,
  StoreOutcome,
  StoreRefusal,
  StreamAppend,
  StreamInfo,
  StreamRead,
  Subscribed,
} from './event-store.ts'
import type { ExpectedVersion, StreamHead } from './expected-version.ts'
import { readAll, subscribe } from './read-all.ts'
import { readStream } from './read-stream.ts'
import { firstVersionIn } from './read-wanted.ts'
import {
  DELETED_TYPE,
  EXPECTED_VERSION_HEADER,
  ID_HEADER,
  kindOfType,
  MAX_STREAM_NAME_BYTES,
  TOMBSTONED_TYPE,
  TRUNCATED_TYPE,
  TYPE_HEADER,
  VERSION_HEADER,
} from './store-names.ts'
import { heldBefore, knownFrom, STILL_LEARNING, type StorePartition } from './store-partition.ts'
import { explainStreamRefusal, type StreamRefusal } from './stream-refusal.ts'

export interface StoreSource {
  readonly topic: string
  readonly clock: Clock
  readonly timers: Timers
  /** undefined while the topic is not there. @throws when it is no store */
  find(): readonly StorePartition[] | undefined
  /** Makes the topic. @throws when it cannot be */
  make(): Promise<readonly StorePartition[]>
  /** Called when the topic may have been made. @returns ends the calls */
  onMade(listener: () => void): () => void
}

const STREAMS_PER_TURN = 2000
const NO_PARTITIONS: readonly StorePartition[] = []

export class RunningStore implements EventStore {
  readonly topic: string
  readonly #source: StoreSource

  constructor(source: StoreSource) {
    this.topic = source.topic
    this.#source = source
  }

  async append(appends: readonly StreamAppend[]): Promise<StoreOutcome> {
    const wrong = explainInvalid(appends)
    if (wrong !== undefined) return refused({ kind: 'invalid' }, wrong)
    const partitions = this.#source.find() ?? (await this.#source.make())
    const number = this.#partitionOf(appends, partitions.length)
    if (number === undefined) return refused({ kind: 'across-partitions' }, ACROSS)
    const partition = partitions[number]!
    if (!partition.isReady) await partition.ready()
    if (partition.failure !== undefined) {
      return refused({ kind: 'log', errorCode: ErrorCode.KAFKA_STORAGE_ERROR }, partition.unlearnt)
    }
    return new StoreAppend(partition, this.topic, appends).run()
  }

  async head(stream: string): Promise<StreamHead> {
    const partition = await this.#readyPartitionOf(stream)
    if (partition === undefined) return { headVersion: -1, firstVersion: 0, life: 'live' }
    const { headVersion, firstVersion, life } = partition.headOf(stream)
    return { headVersion, firstVersion, life }
  }

  readStream(stream: string, options: ReadStreamOptions = {}): StreamRead {
    return readStream(stream, options, () => this.#readyPartitionOf(stream))
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<StoredRecord> {
    return readAll(this.#source, options)
  }

  subscribe(options: ReadAllOptions = {}): AsyncIterable<Subscribed> {
    return subscribe(this.#source, options)
  }

  async *list({ prefix = '' }: { prefix?: string } = {}): AsyncIterable<StreamInfo> {
    for (const partition of this.#source.find() ?? NO_PARTITIONS) {
      await partition.ready()
      for (let slot = 0; slot < partition.index.streams.count; slot++) {
        if (slot % STREAMS_PER_TURN === STREAMS_PER_TURN - 1) await this.#source.timers.yield()
        const stream = partition.index.streams.nameOf(slot)
        if (!stream.startsWith(prefix)) continue
        const { headVersion, firstVersion, life } = partition.headOf(stream)
        if (headVersion < 0 && life === 'live') continue
        yield { stream, headVersion, firstVersion, life }
      }
    }
  }

  deleteStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome> {
    return this.#notice(stream, expectedVersion, DELETED_TYPE, null)
  }

  tombstoneStream(stream: string, expectedVersion: ExpectedVersion): Promise<StoreOutcome> {
    return this.#notice(stream, expectedVersion, TOMBSTONED_TYPE, null)
  }

  truncateStream(stream: string, firstVersion: number): Promise<StoreOutcome> {
    const value = Buffer.from(JSON.stringify({ firstVersion }))
    return this.#notice(stream, 'any', TRUNCATED_TYPE, value)
  }

  #notice(
    stream: string,
    expectedVersion: ExpectedVersion,
    type: string,
    value: Buffer | null,
  ): Promise<StoreOutcome> {
    const headers = [[TYPE_HEADER, Buffer.from(type)]] as const
    return this.append([{ stream, expectedVersion, events: [{ value, headers }] }])
  }

  /** @returns undefined when there are several */
  #partitionOf(appends: readonly StreamAppend[], partitionCount: number): number | undefined {
    if (partitionCount === 1) return 0
    const numbers = new Set(
      appends.map(({ stream }) => partitionOfKey(Buffer.from(stream), partitionCount)),
    )
    return numbers.size === 1 ? [...numbers][0] : undefined
  }

  async #readyPartitionOf(stream: string): Promise<StorePartition | undefined> {
    const partitions = this.#source.find()
    if (partitions === undefined) return undefined
    const number =
      partitions.length === 1 ? 0 : partitionOfKey(Buffer.from(stream), partitions.length)
    const partition = partitions[number]!
    await partition.ready()
    return partition
  }
}

const ACROSS =
  'These streams are in different partitions of the store, and one append stays within one: use a store with one partition, or append to each by itself.'

/** One append on its way: decided at its turn, answered when it is durable. */
class StoreAppend {
  readonly #partition: StorePartition
  readonly #topic: string
  readonly #appends: readonly StreamAppend[]
  readonly #wanted: WantedRecord[] = []
  readonly #checks: { name: Buffer; expected: ExpectedVersion }[] = []
  #decision: AppendDecision | undefined
  #baseOffset = -1
  #heads: readonly number[] = []

  constructor(partition: StorePartition, topic: string, appends: readonly StreamAppend[]) {
    this.#partition = partition
    this.#topic = topic
    this.#appends = appends
    for (const { stream, expectedVersion, events } of appends) {
      const name = Buffer.from(stream)
      if (events.length === 0) this.#checks.push({ name, expected: expectedVersion })
      for (const [i, { headers, value }] of events.entries()) {
        this.#wanted.push(wantedOf(name, i === 0 ? expectedVersion : undefined, headers, value))
      }
    }
  }

  async run(): Promise<StoreOutcome> {
    const { log } = this.#partition
    const request = { acks: -1, origin: 'client' } as const
    return this.#outcome(await log.appendBuilt((place) => this.#build(place), request))
  }

  #build(place: AppendPlace): GateVerdict {
    if (!this.#partition.isReady) return refuse(ErrorCode.NOT_ENOUGH_REPLICAS, STILL_LEARNING)
    const decision = this.#partition.decide(this.#wanted, -1, place, this.#checks)
    this.#decision = decision
    this.#baseOffset = place.baseOffset
    if (decision.kind === 'duplicate') {
      this.#rememberHeads()
      return knownFrom(decision.events, place.nowMs)
    }
    // What it is said in an answer is made from the decision.
    if (decision.kind !== 'append') {
      return heldBefore(place, refuse(ErrorCode.INVALID_RECORD, decision.kind))
    }
    this.#rememberHeads()
    if (this.#wanted.length === 0) return nothingAt(place)
    const records: VersionedEvent[] = []
    for (const { events } of this.#appends) {
      for (const event of events) {
        const i = records.length
        const { value, headers, timestampMs = place.nowMs } = event
        const key = this.#wanted[i]!.name
        records.push({ key, value, headers, timestampMs, version: decision.versions[i]! })
      }
    }
    return { kind: 'append', ...encodeBatch(records) }
  }

  /** Of streams that are checked, or get a record about them: as they are right now. */
  #rememberHeads(): void {
    if (this.#checks.length === 0) return
    const { streams } = this.#partition.index
    this.#heads = this.#checks.map(({ name }) => {
      const slot = streams.find(name, 0, name.length)
      return slot < 0 ? -1 : streams.headVersion(slot)
    })
  }

  #outcome(outcome: AppendOutcome): StoreOutcome {
    const decision = this.#decision
    if (outcome.kind === 'refused' || decision === undefined) {
      const { errorCode, message } = outcome.kind === 'refused' ? outcome : UNDECIDED
      if (errorCode === ErrorCode.INVALID_RECORD && decision !== undefined && isRefused(decision)) {
        return refused(decision, explainStreamRefusal(decision, this.#topic))
      }
      return refused({ kind: 'log', errorCode }, message ?? errorName(errorCode))
    }
    if (isRefused(decision)) throw new Error(`appended although it is ${decision.kind}`)
    return {
      kind: 'appended',
      streams: this.#streams(decision),
      deduplicated: decision.kind === 'duplicate',
    }
  }

  #streams(decision: Extract<AppendDecision, { kind: 'append' | 'duplicate' }>): AppendedStream[] {
    const { partition } = this.#partition.log
    let last = -1
    let checked = 0
    return this.#appends.map(({ stream, events }) => {
      if (events.length === 0) {
        return { stream, version: this.#heads[checked++] ?? -1, position: undefined }
      }
      last += events.length
      const known = decision.kind === 'duplicate' ? decision.events[last]! : undefined
      const version = decision.kind === 'append' ? decision.versions[last]! : known!.version
      const offset = known?.offset ?? this.#baseOffset + last
      return { stream, version, position: { topic: this.#topic, partition, offset } }
    })
  }
}

const UNDECIDED = refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'The append was not decided on.')

function isRefused(decision: AppendDecision): decision is StreamRefusal {
  return decision.kind !== 'append' && decision.kind !== 'duplicate'
}

/** Nothing is written: the answer waits for all before it. */
function nothingAt({ baseOffset, nowMs }: AppendPlace): GateVerdict {
  const lastOffset = baseOffset - 1
  return { kind: 'known', baseOffset: lastOffset, lastOffset, timestamp: nowMs }
}

function refused(reason: StoreRefusal, message: string): StoreOutcome {
  return { kind: 'refused', reason, message }
}

function wantedOf(
  name: Buffer,
  expected: ExpectedVersion | undefined,
  headers: NewEvent['headers'],
  value: Uint8Array | null,
): WantedRecord {
  let id: Uint8Array | undefined
  let kind: WantedRecord['kind'] = 'event'
  for (const [header, bytes] of headers) {
    if (bytes === null) continue
    if (header === ID_HEADER) id = bytes
    else if (header === TYPE_HEADER) kind = kindOfType(Buffer.from(bytes).toString())
  }
  const beforeVersion = kind === 'truncated' ? firstVersionIn(value) : undefined
  return { name, nameStart: 0, nameEnd: name.length, kind, expected, id, beforeVersion }
}

/** Why this append makes no sense, whatever stands in the store. */
function explainInvalid(appends: readonly StreamAppend[]): string | undefined {
  if (appends.length === 0) return 'An append names at least one stream.'
  const names = new Set<string>()
  for (const { stream, events, expectedVersion } of appends) {
    if (names.has(stream))
      return `Stream ${stream} is named twice in one append: put its events together.`
    names.add(stream)
    const bytes = Buffer.byteLength(stream)
    if (bytes === 0 || bytes > MAX_STREAM_NAME_BYTES || !stream.isWellFormed()) {
      return `A stream's name is text of 1 to ${MAX_STREAM_NAME_BYTES} bytes, this one has ${bytes}.`
    }
    const isVersion = typeof expectedVersion !== 'number' || expectedVersion >= 0
    if (!isVersion || !Number.isSafeInteger(Number(expectedVersion) || 0)) {
      return `The expected version ${expectedVersion} of stream ${stream} is none: a stream without events is expected by 'none'.`
    }
    for (const event of events) {
      const wrong = explainInvalidEvent(event, stream)
      if (wrong !== undefined) return wrong
    }
  }
  return undefined
}

function explainInvalidEvent({ headers, value }: NewEvent, stream: string): string | undefined {
  for (const [name, bytes] of headers) {
    if (name === VERSION_HEADER || name === EXPECTED_VERSION_HEADER) {
      return `The header ${name} is the broker's own: an event for stream ${stream} cannot have it.`
    }
    if (name !== TYPE_HEADER || bytes === null) continue
    if (kindOfType(Buffer.from(bytes).toString()) !== 'truncated') continue
    if (firstVersionIn(value) === undefined)
      return `Stream ${stream}: a truncation says from which version on, as {"firstVersion": 12}.`
  }
  return undefined
}
