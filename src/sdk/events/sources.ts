// Where a definition reads from: one topic, or several whose events it handles side by side. Handlers
// are found by the name of the event alone, so a name means one event in all of them.

import { type Decoded, EventDecoder } from './decode.ts'
import { DefinitionError } from './errors.ts'
import type { EventFacts, Events } from './event.ts'
import type { IncomingRecord } from './record.ts'
import type { AnyTopic } from './topic.ts'

export type Sources = AnyTopic | readonly AnyTopic[]

/** The events of all the topics, by name. */
export type EventsOf<S extends Sources> = Merged<
  EventsIn<S extends readonly AnyTopic[] ? S[number] : S>
>

type EventsIn<T> = T extends AnyTopic<infer E> ? E : never

/** Of a union of records of events, one record with the names of all. */
type Merged<E extends Events> = {
  readonly [Name in NamesOf<E>]: E extends { readonly [N in Name]: infer Event extends EventFacts }
    ? Event
    : never
}

type NamesOf<E> = E extends Events ? keyof E & string : never

/**
 * @param reader whose definition it is, for the sentence of a refusal: `Consumer "billing"`
 * @throws DefinitionError for no topic, one that is given twice, and a name that means two events
 */
export function topicsOf(reader: string, sources: Sources): readonly AnyTopic[] {
  const topics = isList(sources) ? [...sources] : [sources]
  if (topics.length === 0) throw new DefinitionError(`${reader} reads from no topic: name one.`)
  const names = new Set<string>()
  const owners = new Map<string, { readonly topic: string; readonly event: EventFacts }>()
  for (const topic of topics) {
    // Of a module that is still being loaded.
    if (topic === undefined) {
      throw new DefinitionError(`${reader} reads from undefined: do two modules import each other?`)
    }
    if (names.has(topic.name)) {
      throw new DefinitionError(`${reader} reads from topic ${topic.name} twice: name it once.`)
    }
    names.add(topic.name)
    for (const [name, event] of Object.entries(topic.events)) {
      const first = owners.get(name)
      if (first !== undefined && first.event !== event) {
        throw new DefinitionError(
          `${reader} cannot tell ${first.event.type} of topic ${first.topic} from ${event.type} of ` +
            `topic ${topic.name}: both are called ${name}. Give one of them another name in its topic.`,
        )
      }
      owners.set(name, { topic: topic.name, event })
    }
  }
  return topics
}

function isList(sources: Sources): sources is readonly AnyTopic[] {
  return Array.isArray(sources)
}

/** Reads each record as the topic that it is from has it. */
export class SourcesDecoder {
  /** Names of those that make the keys of their events. */
  readonly #keyed: ReadonlySet<string>
  readonly #decoders: ReadonlyMap<string, EventDecoder<Events>>
  readonly #first: EventDecoder<Events>

  /** @param topics at least one: see `topicsOf` */
  constructor(topics: readonly AnyTopic[]) {
    const keyed = topics.filter(
      (topic) => topic.kind === 'foreign-topic' && topic.key !== undefined,
    )
    this.#keyed = new Set(keyed.map(({ name }) => name))
    this.#decoders = new Map(topics.map((topic) => [topic.name, new EventDecoder(topic)]))
    this.#first = this.#decoders.values().next().value as EventDecoder<Events>
  }

  /** A record of none of the topics is read as one of the first. */
  decode(record: IncomingRecord): Decoded {
    if (this.#decoders.size === 1) return this.#first.decode(record)
    return (this.#decoders.get(record.topic) ?? this.#first).decode(record)
  }

  /** Whether what must stay in order is said by the event rather than by the record's key. */
  makesKeys({ topic }: IncomingRecord): boolean {
    return this.#keyed.size > 0 && this.#keyed.has(topic)
  }
}
