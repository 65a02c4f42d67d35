// Which topic an event type belongs to. Publishing goes by it, so it has one answer or the
// application does not start.

import { DefinitionError, TwoOwnersError, UnknownEventTypeError } from './errors.ts'
import type { EventFacts, Message } from './event.ts'
import type { AnyTopic, Topic } from './topic.ts'

export interface Owner {
  readonly topic: Topic
  readonly event: EventFacts
}

/**
 * By event type. Foreign topics own nothing: they are never published to.
 * @throws TwoOwnersError
 * @throws DefinitionError when two topics have one name
 */
export function ownersOf(topics: Iterable<AnyTopic>): ReadonlyMap<string, Owner> {
  const byName = new Map<string, AnyTopic>()
  const owners = new Map<string, Owner>()
  for (const topic of new Set(topics)) {
    if (byName.has(topic.name)) {
      throw new DefinitionError(
        `Topic ${topic.name} is declared twice: declare it once and share the value.`,
      )
    }
    byName.set(topic.name, topic)
    if (topic.kind === 'foreign-topic') continue
    for (const event of Object.values(topic.events)) {
      const owner = owners.get(event.type)
      if (owner !== undefined) throw new TwoOwnersError(event.type, [owner.topic.name, topic.name])
      owners.set(event.type, { topic, event })
    }
  }
  return owners
}

/** @throws UnknownEventTypeError */
export function ownerOf(owners: ReadonlyMap<string, Owner>, message: Message): Owner {
  const owner = owners.get(message.type)
  if (owner === undefined)
    throw new UnknownEventTypeError(message.type, 'among the topics given to connect()')
  return owner
}
