// What a snapshot is the work of: the version that its author gives, and all that turns stored events into
// what the fold is given. When any of it changes, snapshots from before are not believed any more:
// they hold what the older code made of the events, and no upcast can reach into that.

import { hash } from 'node:crypto'
import { DefinitionError } from '../events/errors.ts'
import type { Events } from '../events/event.ts'
import type { Topic } from '../events/topic.ts'

export interface SnapshotPolicy {
  /** Tells what is folded from the same streams apart. */
  readonly name: string
  /** After so many events the next snapshot is saved. */
  readonly every: number
  /** Raised when `initialState`, `evolve` or what the state looks like changes. */
  readonly version: number
}

const MAX_NAME_LENGTH = 255
const hashes = new WeakMap<object, string>()

/** @throws DefinitionError */
export function checkPolicy({ name, every, version }: SnapshotPolicy): void {
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_LENGTH) {
    throw new DefinitionError(
      `The snapshot name ${JSON.stringify(name)} is none: 1 to ${MAX_NAME_LENGTH} characters.`,
    )
  }
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new DefinitionError(
      `Snapshot ${name} is to be saved every ${every} events: take a whole number from 1 on.`,
    )
  }
  if (!Number.isSafeInteger(version) || version < 0) {
    throw new DefinitionError(
      `Snapshot ${name} has the version ${version}: take a whole number from 0 on.`,
    )
  }
}

/** Equal for equal versions, schemas and upcasts, in any process. */
export function definitionOf<E extends Events>(topic: Topic<E>, version: number): string {
  let schemas = hashes.get(topic)
  if (schemas === undefined) {
    schemas = hash('sha256', JSON.stringify(schemasOf(topic.events)), 'hex')
    hashes.set(topic, schemas)
  }
  return `${version}.${schemas}`
}

function schemasOf(events: Events): unknown {
  const all = Object.values(events).map(({ type, versions }) => ({
    type,
    versions: versions.map(({ jsonSchema, upcast }) => [jsonSchema, upcast?.toString() ?? null]),
  }))
  return all.sort((a, b) => (a.type < b.type ? -1 : 1))
}
