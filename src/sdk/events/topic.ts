// A topic as an application declares it: its name, the events that belong to it and their key. A plain
// value; nothing exists or is registered until `connect` is given it.

import { DefinitionError } from './errors.ts'
import type { EventFacts, Events, MessageOf } from './event.ts'
import type { ForeignRecord } from './foreign-record.ts'

interface TopicFacts<E extends Events> {
  readonly name: string
  /** By the name that handlers use. */
  readonly events: E
}

/** One that Millrace applications write. */
export interface Topic<E extends Events = Events> extends TopicFacts<E> {
  readonly kind: 'topic'
  /** Made by `topic()` to take any of its messages. */
  readonly key: (message: never) => string
  /** Undefined: as many as the engine gives by default. */
  readonly partitions: number | undefined
  /** All records of one key are a stream: an event store. */
  readonly store: boolean
  readonly config: Readonly<Record<string, string>>
}

/** One that others write in their own form. It can be read, never published to. */
export interface ForeignTopic<E extends Events = Events> extends TopicFacts<E> {
  readonly kind: 'foreign-topic'
  readonly typeOf: (record: ForeignRecord) => unknown
  readonly decode: (record: ForeignRecord) => unknown
  /** Undefined: the key of the record. */
  readonly key: ((message: never) => string) | undefined
}

export type AnyTopic<E extends Events = Events> = Topic<E> | ForeignTopic<E>

export interface TopicOptions<E extends Events> {
  readonly events: E
  /** Events of one key keep their order; in a store the key names the stream. */
  readonly key: (message: MessageOf<E[keyof E]>) => string
  /** Undefined: as many as the engine gives, 1 for a store. */
  readonly partitions?: number
  /** Makes it an event store, which deciders can write to. */
  readonly store?: boolean
  /** Kafka's topic configuration. */
  readonly config?: Readonly<Record<string, string>>
}

export interface ForeignTopicOptions<E extends Events> {
  readonly events: E
  /** The type of a record's event, as one of `events` has it. */
  readonly typeOf: (record: ForeignRecord) => unknown
  /** The data of a record, still to be validated by the schema of its type. */
  readonly decode: (record: ForeignRecord) => unknown
  /** For records whose own key does not say what must stay in order. */
  readonly key?: (message: MessageOf<E[keyof E]>) => string
}

/** @throws DefinitionError */
export function topic<E extends Events>(
  name: string,
  options: ForeignTopicOptions<E>,
): ForeignTopic<E>
export function topic<E extends Events>(name: string, options: TopicOptions<E>): Topic<E>
export function topic<E extends Events>(
  name: string,
  options: TopicOptions<E> | ForeignTopicOptions<E>,
): AnyTopic<E> {
  checkName(name)
  checkEvents(name, options.events)
  const { events } = options
  if ('decode' in options) {
    const { typeOf, decode, key } = options
    return Object.freeze<ForeignTopic<E>>({
      kind: 'foreign-topic',
      name,
      events,
      typeOf,
      decode,
      key,
    })
  }
  const { key, partitions, store = false, config = {} } = options
  checkPartitions(name, partitions)
  if (store) checkStoreConfig(name, config)
  return Object.freeze<Topic<E>>({
    kind: 'topic',
    name,
    events,
    key,
    partitions: partitions ?? (store ? 1 : undefined),
    store,
    config: store ? { ...config, 'millrace.store': 'true' } : config,
  })
}

/** As Kafka checks a topic's name (org.apache.kafka.common.internals.Topic). */
const LEGAL_NAME = /^[a-zA-Z0-9._-]{1,249}$/

function checkName(name: string): void {
  if (!LEGAL_NAME.test(name) || name === '.' || name === '..') {
    throw new DefinitionError(
      `The topic name ${JSON.stringify(name)} is none that Kafka takes: 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'.`,
    )
  }
  if (name.startsWith('__') || name.startsWith('millrace.')) {
    throw new DefinitionError(
      `The topic name ${name} is reserved: names beginning with '__' or 'millrace.' are taken by brokers and by Millrace.`,
    )
  }
}

function checkEvents(name: string, events: Events): void {
  const seen = new Map<string, { as: string; event: EventFacts }>()
  for (const [as, event] of Object.entries(events)) {
    const first = seen.get(event.type)
    if (first !== undefined) {
      throw new DefinitionError(
        `Topic ${name} has the event type ${event.type} twice, as ${first.as} and as ${as}: ` +
          'new forms of one event are versions of it, versions(v1).next(v2, upcast).',
      )
    }
    seen.set(event.type, { as, event })
  }
  if (seen.size === 0) {
    throw new DefinitionError(`Topic ${name} has no events: list those that belong to it.`)
  }
}

function checkPartitions(name: string, partitions: number | undefined): void {
  if (partitions === undefined || (Number.isSafeInteger(partitions) && partitions > 0)) return
  throw new DefinitionError(
    `Topic ${name} cannot have ${partitions} partitions: give a whole number above 0.`,
  )
}

function checkStoreConfig(name: string, config: Readonly<Record<string, string>>): void {
  if (!config['cleanup.policy']?.includes('compact')) return
  throw new DefinitionError(
    `Topic ${name} cannot be both a store and compacted: a store keeps every event of a stream.`,
  )
}
