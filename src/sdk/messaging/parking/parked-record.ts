// What stands in a parked topic, record by record. A parked event keeps its exact bytes: value and
// headers as they were, then headers of our own that say why it is here. Any Kafka client can read it.
//
//   key                                value
//   <topic>/<partition>/<offset>       the event's own; null: it has left the lot
//   started:<topic>/<partition>/<offset>   {"starts":n}: redrives begun and not ended
//   request:<topic>/<partition>/<id>   what an operator asks of the owner of that partition
//   opened:<topic>/<partition>         written by each new owner, which then reads up to it
//   layout:                            {"partitions":n}: an event of partition p lies in p mod n
//
// Invariant: the newest record of a key is the truth (the topic is compacted), and a topic name has
// neither ':' nor '/', so that no key is ambiguous.

import type { Header, IncomingRecord, OutgoingRecord, Position } from '../../events/record.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import type { Failure, ParkReason } from '../parking-lot.ts'
import { ParkedRecordError, UnfitGroupNameError } from './errors.ts'
import { fingerprint } from './fingerprint.ts'
import { type LotRequest, parseRequest } from './lot-request.ts'
import { partitionOf, positionKey, positionOf, wholeNumber } from './position-key.ts'

const PREFIX = 'millrace-parked-'
/** The first of ours, and how many stand before it. */
const HEADER_COUNT = `${PREFIX}original-headers`
const LAYOUT = 'layout:'
const OPENED = 'opened:'
const STARTED = 'started:'
const REQUEST = 'request:'
/** A topic name has 249 characters at most. */
const GROUP_NAME = /^[a-zA-Z0-9._-]{1,200}$/
const MAX_MESSAGE_CHARACTERS = 2000
const MAX_STACK_CHARACTERS = 8000
const REASONS: readonly string[] = [
  'failed',
  'undecodable',
  'invalid',
  'unknown',
  'crashed',
  'follows',
] satisfies ParkReason[]

/** Why an event is parked, and which one. */
export interface ParkedEvent {
  /** As it was read, byte for byte. */
  readonly record: IncomingRecord
  readonly reason: ParkReason
  readonly failure: Failure | undefined
  readonly holdsKey: boolean
  readonly group: string
  /** Of the application that parked it; empty when it told none. */
  readonly codeVersion: string
}

export type LotRecord =
  | {
      readonly kind: 'parked'
      readonly event: ParkedEvent
      readonly fingerprint: string
      readonly parkedMs: number
    }
  | { readonly kind: 'left'; readonly source: Position }
  | { readonly kind: 'started'; readonly source: Position; readonly starts: number }
  | {
      readonly kind: 'request'
      readonly source: TopicPartition
      readonly id: string
      /** Undefined: it has been done. */
      readonly request: LotRequest | undefined
    }
  | { readonly kind: 'opened'; readonly source: TopicPartition }
  | { readonly kind: 'layout'; readonly partitions: number }
  /** Written by somebody else. */
  | { readonly kind: 'foreign' }

/** @throws UnfitGroupNameError */
export function parkedTopic(group: string): string {
  if (!GROUP_NAME.test(group)) throw new UnfitGroupNameError(group)
  return `__millrace_parked.${group}`
}

export function eventTypeOf(headers: readonly Header[]): string {
  const value = headers.find(([name]) => name === 'ce_type')?.[1]
  return value === null || value === undefined ? 'unknown' : utf8(value)
}

/** @param nowMs becomes the record's time: when it was parked */
export function parkedRecord(event: ParkedEvent, nowMs: number): OutgoingRecord {
  const { record, reason, failure, holdsKey, group, codeVersion } = event
  const ours: [string, Uint8Array | null][] = [
    ['original-headers', bytes(String(record.headers.length))],
    ['original-key', record.key],
    ['original-time', bytes(String(record.timestampMs))],
    ['reason', bytes(reason)],
    ['holds-key', bytes(String(holdsKey))],
    ['group', bytes(group)],
    ['code-version', bytes(codeVersion)],
  ]
  if (record.value === null) ours.push(['original-value', null])
  if (failure !== undefined) ours.push(...failureHeaders(event, failure))
  return {
    key: bytes(positionKey(record)),
    value: record.value ?? new Uint8Array(),
    headers: [
      ...record.headers,
      ...ours.map(([name, value]): Header => [`${PREFIX}${name}`, value]),
    ],
    timestampMs: nowMs,
  }
}

/** The event has left the lot: it was handled, or discarded for a reason that the record keeps. */
export function leftRecord(source: Position, discardedFor?: string): OutgoingRecord {
  const headers: Header[] =
    discardedFor === undefined ? [] : [[`${PREFIX}discarded-for`, bytes(discardedFor)]]
  return { key: bytes(positionKey(source)), value: null, headers }
}

/** @param starts 0: nothing is under way */
export function startedRecord(source: Position, starts: number): OutgoingRecord {
  return jsonRecord(`${STARTED}${positionKey(source)}`, starts === 0 ? null : { starts })
}

export function requestRecord(
  source: TopicPartition,
  id: string,
  request: LotRequest | null,
): OutgoingRecord {
  return jsonRecord(`${REQUEST}${source.topic}/${source.partition}/${id}`, request)
}

export function openedRecord({ topic, partition }: TopicPartition): OutgoingRecord {
  return jsonRecord(`${OPENED}${topic}/${partition}`, {})
}

export function layoutRecord(partitions: number): OutgoingRecord {
  return jsonRecord(LAYOUT, { partitions })
}

/** @throws ParkedRecordError it has the key of a record of ours, and is none */
export function readLotRecord(record: IncomingRecord): LotRecord {
  const key = record.key === null ? '' : utf8(record.key)
  if (key === LAYOUT) return readLayout(record)
  if (key.startsWith(OPENED)) {
    const source = partitionOf(key.slice(OPENED.length).split('/'))
    return source === undefined ? { kind: 'foreign' } : { kind: 'opened', source }
  }
  if (key.startsWith(STARTED)) {
    const source = positionOf(key.slice(STARTED.length))
    if (source === undefined) return { kind: 'foreign' }
    const starts = record.value === null ? 0 : numberField(record, 'starts')
    return { kind: 'started', source, starts }
  }
  if (key.startsWith(REQUEST)) return readRequest(record, key.slice(REQUEST.length).split('/'))
  const source = positionOf(key)
  if (source === undefined) return { kind: 'foreign' }
  return record.value === null ? { kind: 'left', source } : readParked(record, source)
}

function failureHeaders(event: ParkedEvent, failure: Failure): [string, Uint8Array][] {
  const { errorName, errorMessage, errorCode, stack } = failure
  const headers: [string, Uint8Array][] = [
    ['attempts', bytes(String(failure.attempts))],
    ['first-failed', bytes(iso(failure.firstFailedMs))],
    ['last-failed', bytes(iso(failure.lastFailedMs))],
    ['error-name', bytes(errorName)],
    ['error-message', bytes(errorMessage.slice(0, MAX_MESSAGE_CHARACTERS))],
    ['fingerprint', bytes(fingerprintOf(event))],
  ]
  if (errorCode !== undefined) headers.push(['error-code', bytes(errorCode)])
  if (stack !== undefined)
    headers.push(['error-stack', bytes(stack.slice(0, MAX_STACK_CHARACTERS))])
  return headers
}

function fingerprintOf({ record, reason, failure }: ParkedEvent): string {
  return fingerprint({
    reason,
    eventType: eventTypeOf(record.headers),
    errorName: failure?.errorName ?? '',
    errorMessage: failure?.errorMessage ?? '',
  })
}

function readParked(record: IncomingRecord, source: Position): LotRecord {
  const headerCount = ownHeaderCount(record)
  const ours = new Map(
    record.headers.slice(headerCount).map(([name, value]) => [name.slice(PREFIX.length), value]),
  )
  const text = (name: string): string | undefined => {
    const value = ours.get(name)
    return value === undefined || value === null ? undefined : utf8(value)
  }
  const reason = text('reason')
  const timestampMs = Number.parseInt(text('original-time') ?? '', 10)
  if (!isReason(reason)) throw new ParkedRecordError(record, 'its reason is missing')
  if (Number.isNaN(timestampMs)) throw new ParkedRecordError(record, 'its time is missing')
  const event: ParkedEvent = {
    record: {
      ...source,
      key: ours.get('original-key') ?? null,
      value: ours.has('original-value') ? null : record.value,
      headers: record.headers.slice(0, headerCount),
      timestampMs,
    },
    reason,
    failure: readFailure(text),
    holdsKey: text('holds-key') === 'true',
    group: text('group') ?? '',
    codeVersion: text('code-version') ?? '',
  }
  const print = text('fingerprint') ?? fingerprintOf(event)
  return { kind: 'parked', event, fingerprint: print, parkedMs: record.timestampMs }
}

/** The event may have brought headers of our names along: ours are those behind its own. */
function ownHeaderCount(record: IncomingRecord): number {
  const at = record.headers.findLastIndex(([name]) => name === HEADER_COUNT)
  const count = wholeNumber(utf8(record.headers[at]?.[1] ?? new Uint8Array()))
  if (count !== undefined && count === at) return count
  throw new ParkedRecordError(record, 'where its own headers end is not told')
}

function readFailure(text: (name: string) => string | undefined): Failure | undefined {
  const attempts = wholeNumber(text('attempts'))
  if (attempts === undefined) return undefined
  return {
    attempts,
    firstFailedMs: Date.parse(text('first-failed') ?? ''),
    lastFailedMs: Date.parse(text('last-failed') ?? ''),
    errorName: text('error-name') ?? '',
    errorMessage: text('error-message') ?? '',
    errorCode: text('error-code'),
    stack: text('error-stack'),
  }
}

function readRequest(record: IncomingRecord, parts: readonly string[]): LotRecord {
  const source = partitionOf(parts.slice(0, 2))
  const id = parts[2]
  if (source === undefined || id === undefined) return { kind: 'foreign' }
  if (record.value === null) return { kind: 'request', source, id, request: undefined }
  const request = parseRequest(parseJson(record))
  if (request === undefined) throw new ParkedRecordError(record, 'it asks for nothing known')
  return { kind: 'request', source, id, request }
}

function readLayout(record: IncomingRecord): LotRecord {
  const partitions = numberField(record, 'partitions')
  if (partitions < 1) throw new ParkedRecordError(record, 'its number of partitions is 0')
  return { kind: 'layout', partitions }
}

function numberField(record: IncomingRecord, name: string): number {
  const parsed = parseJson(record)
  const value: unknown =
    typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, name) : undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new ParkedRecordError(record, `'${name}' is no number`)
}

function parseJson(record: IncomingRecord): unknown {
  try {
    return JSON.parse(utf8(record.value ?? new Uint8Array()))
  } catch {
    throw new ParkedRecordError(record, 'its value is no JSON')
  }
}

function jsonRecord(key: string, value: object | null): OutgoingRecord {
  const body = value === null ? null : bytes(JSON.stringify(value))
  return { key: bytes(key), value: body, headers: [] }
}

function isReason(text: string | undefined): text is ParkReason {
  return text !== undefined && REASONS.includes(text)
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}

function utf8(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
}
