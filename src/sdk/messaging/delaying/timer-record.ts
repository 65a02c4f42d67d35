// What stands in the topic of timers, record by record. A delayed event waits with its exact bytes: value
// and headers as they will be published, then three headers of our own. Any Kafka client can read it.
//
//   key              value
//   <source> <id>    the event's own; null: it has been delivered
//   opened:          written by each new owner of the partition, which then reads up to it
//
// Invariant: the newest record of a key is the truth (the topic is compacted), so an event that is
// delayed again before it is due has its new time only. A source has no spaces: no key is ambiguous.
// Events of one key wait in one partition, that of their own key, so that one owner has their order. A
// topic that is given more partitions later loses nothing; what was there stays where it is.

import type { EncodedEvent } from '../../events/encode.ts'
import { HEADER, headerTextOf, textOf } from '../../events/headers.ts'
import type { Header, IncomingRecord, OutgoingRecord } from '../../events/record.ts'
import type { TopicSpec } from '../../transport/administration.ts'

export const TIMERS_TOPIC = '__millrace_timers'

/**
 * Records come and go: with Kafka's segments of 1 GiB nothing would be compacted for long. An event
 * that fits its own topic fits with the headers that say when.
 */
export const TIMERS_SPEC: TopicSpec = {
  name: TIMERS_TOPIC,
  partitions: 4,
  config: {
    'cleanup.policy': 'compact',
    'segment.bytes': String(16 * 1024 * 1024),
    'max.message.bytes': String(64 * 1024 * 1024),
  },
}

const OPENED = 'opened:'
const PREFIX = 'millrace-timer-'
const TOPIC = `${PREFIX}topic`
const KEY = `${PREFIX}key`
const DUE = `${PREFIX}due`
const OWN_HEADERS = 3

/** An event that waits. */
export interface Timer {
  /** `<source> <id>` */
  readonly name: string
  readonly topic: string
  /** Moment of the calendar, milliseconds since 1970. */
  readonly dueMs: number
  /** As it will be published. Without a time: that is the moment of publishing. */
  readonly record: OutgoingRecord
}

export type TimerRecord =
  | { readonly kind: 'timer'; readonly timer: Timer }
  | { readonly kind: 'delivered'; readonly name: string }
  | { readonly kind: 'opened' }
  /** Written by somebody else, or damaged. */
  | { readonly kind: 'foreign'; readonly reason: string }

/** The event as it waits until `dueMs`. */
export function delayed(event: EncodedEvent, dueMs: number): EncodedEvent {
  const { key, value, headers } = event.record
  const ours: readonly Header[] = [
    [TOPIC, Buffer.from(event.topic.name)],
    [KEY, key],
    [DUE, Buffer.from(String(dueMs))],
  ]
  const name = `${headerTextOf(headers, HEADER.source)} ${event.id}`
  // The time of the record is the moment of writing: brokers refuse times that lie ahead.
  const record = { key: Buffer.from(name), value, headers: [...headers, ...ours] }
  return { ...event, record, via: TIMERS_TOPIC }
}

export function deliveredRecord(name: string): OutgoingRecord {
  return { key: Buffer.from(name), value: null, headers: [] }
}

export function openedRecord(): OutgoingRecord {
  return { key: Buffer.from(OPENED), value: Buffer.from('{}'), headers: [] }
}

/** Which key decides about the partition that a timer waits in. */
export function placeKeyOf({ key, headers }: OutgoingRecord): Uint8Array | null {
  const [name, value] = headers.at(-2) ?? []
  return name === KEY && value !== undefined ? value : key
}

export function readTimerRecord({ key, value, headers }: IncomingRecord): TimerRecord {
  const name = key === null ? '' : textOf(key)
  if (name === OPENED) return { kind: 'opened' }
  if (!name.includes(' ')) return { kind: 'foreign', reason: 'its key names no event' }
  if (value === null) return { kind: 'delivered', name }
  const [topic, ownKey, due] = headers.slice(-OWN_HEADERS)
  const isOurs = topic?.[0] === TOPIC && ownKey?.[0] === KEY && due?.[0] === DUE
  if (!isOurs) return { kind: 'foreign', reason: 'it does not say what it waits for' }
  const dueText = due[1] === null ? '' : textOf(due[1])
  const dueMs = Number(dueText)
  const isSound = topic[1] !== null && dueText !== '' && Number.isSafeInteger(dueMs)
  if (!isSound) return { kind: 'foreign', reason: 'it does not say where to, or when' }
  const record = { key: ownKey[1], value, headers: headers.slice(0, -OWN_HEADERS) }
  return { kind: 'timer', timer: { name, topic: textOf(topic[1]!), dueMs, record } }
}
