// What applications are made of, for all of them to see: which service declares which event in which
// topic, with its schemas, and which service runs what. A compacted topic, written only when something
// is new. From it the catalogue is drawn, and an event type keeps its one topic across services.
// Invariant: of two services that declare an event in different topics at once, at least one is refused.

import { TwoOwnersError } from '../events/errors.ts'
import type { EventFacts } from '../events/event.ts'
import type { AnyTopic } from '../events/topic.ts'
import type { Consumer } from '../messaging/consumer.ts'
import type { Transport } from '../transport/transport.ts'

export const DEFINITIONS_TOPIC = '__millrace_definitions'

export interface DeclaredEvent {
  readonly kind: 'event'
  readonly service: string
  readonly type: string
  readonly topic: string
  /** JSON Schema of what stands on the wire, oldest version first. */
  readonly schemas: readonly object[]
}

export interface DeclaredConsumer {
  readonly kind: 'consumer'
  readonly service: string
  readonly group: string
  readonly topics: readonly string[]
  /** Types of the events that have a handler. */
  readonly handles: readonly string[]
  readonly order: string
}

export type Declared = DeclaredEvent | DeclaredConsumer

const PLACE = { topic: DEFINITIONS_TOPIC, partition: 0 }
const READ_BYTES = 1024 * 1024

export function declarationsOf(
  service: string,
  { topics, consumers }: { topics: readonly AnyTopic[]; consumers: readonly Consumer[] },
): readonly Declared[] {
  const events = topics.flatMap((topic) => {
    if (topic.kind === 'foreign-topic') return []
    return Object.values(topic.events).map((event) => declaredEvent(service, topic.name, event))
  })
  return [...events, ...consumers.map((one) => declaredConsumer(service, one))]
}

/** @throws TwoOwnersError when another service has one of the events in another topic */
export async function declare(transport: Transport, own: readonly Declared[]): Promise<void> {
  if (own.length === 0) return
  const config = transport.capabilities.compaction ? { 'cleanup.policy': 'compact' } : {}
  await transport.administration.ensureTopics([{ name: DEFINITIONS_TOPIC, partitions: 1, config }])
  const before = await readAll(transport)
  checkOwners(own, before)
  const news = own.filter((one) => before.get(keyOf(one)) !== JSON.stringify(one))
  if (news.length === 0) return
  await write(transport, news, (one) => Buffer.from(JSON.stringify(one)))
  try {
    // Another service may have done the same meanwhile.
    checkOwners(own, await readAll(transport))
  } catch (error) {
    await write(transport, news, () => null)
    throw error
  }
}

async function write(
  transport: Transport,
  declared: readonly Declared[],
  toValue: (one: Declared) => Buffer | null,
): Promise<void> {
  await using producer = await transport.producer()
  const records = declared.map((one) => {
    return { key: Buffer.from(keyOf(one)), value: toValue(one), headers: [] }
  })
  await producer.send({ ...PLACE, records })
}

/** The newest value by key. */
async function readAll({ reader }: Transport): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>()
  const [bounds] = await reader.bounds([PLACE])
  const { startOffset, endOffset } = bounds!
  for (let fromOffset = startOffset; fromOffset < endOffset; ) {
    const { records, nextOffset } = await reader.read({
      ...{ ...PLACE, fromOffset, maxBytes: READ_BYTES },
    })
    for (const { key, value } of records) {
      if (key === null) continue
      if (value === null) values.delete(Buffer.from(key).toString())
      else values.set(Buffer.from(key).toString(), Buffer.from(value).toString())
    }
    if (nextOffset === fromOffset) break
    fromOffset = nextOffset
  }
  return values
}

function checkOwners(own: readonly Declared[], all: ReadonlyMap<string, string>): void {
  const mine = new Map(own.flatMap((one) => (one.kind === 'event' ? [[one.type, one]] : [])))
  for (const text of all.values()) {
    const other = parse(text)
    if (other?.kind !== 'event') continue
    const same = mine.get(other.type)
    if (same === undefined || same.service === other.service) continue
    if (same.topic !== other.topic) {
      throw new TwoOwnersError(other.type, [`${other.topic} (of ${other.service})`, same.topic])
    }
  }
}

/** Undefined for what a later version may have written. */
function parse(text: string): Declared | undefined {
  try {
    const value = JSON.parse(text) as Partial<Declared> | null
    const isEvent = value?.kind === 'event' && typeof value.type === 'string'
    return isEvent && typeof value.topic === 'string' ? (value as DeclaredEvent) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function keyOf(one: Declared): string {
  return `${one.kind} ${one.service} ${one.kind === 'event' ? one.type : one.group}`
}

function declaredEvent(service: string, topic: string, event: EventFacts): DeclaredEvent {
  const { type, versions } = event
  const schemas = versions.map(({ jsonSchema }) => jsonSchema)
  return { kind: 'event', service, type, topic, schemas }
}

function declaredConsumer(service: string, consumer: Consumer): DeclaredConsumer {
  const { group, from, order, handlers, batch } = consumer
  const topics = from.map(({ name }) => name)
  const types = from.flatMap(({ events }) => {
    const handled = Object.entries(events).filter(
      ([name]) => batch !== undefined || handlers.has(name),
    )
    return handled.map(([, { type }]) => type)
  })
  return { kind: 'consumer', service, group, topics, handles: [...new Set(types)], order }
}
