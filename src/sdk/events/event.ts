// An event is defined once, and the definition is the function that makes it: a plain `{ type, data }`.
// `data` is in the form that goes on the wire (the schema's input); handlers are given the output.

import { DefinitionError } from './errors.ts'
import {
  type InputOf,
  type JsonSchema,
  jsonSchemaOf,
  type OutputOf,
  type Schema,
} from './schema.ts'
import type { StoredEvent } from './stored-event.ts'
import { type Version, type Versions, versions } from './versions.ts'

/** What is published. */
export interface Message<Type extends string = string, Data = unknown> {
  readonly type: Type
  readonly data: Data
}

/** Data of an event that has nothing to say but that it happened. */
export type NoData = Record<string, never>

export interface EventVersion extends Version {
  /** Of the input: what stands on the wire. */
  readonly jsonSchema: JsonSchema
}

/** What is known of an event without making one. */
export interface EventFacts<Type extends string = string, Input = unknown, Output = unknown> {
  readonly type: Type
  /** Oldest first; none for an event without data. */
  readonly versions: readonly EventVersion[]
  /** Only types: nothing stands here. */
  readonly types?: { readonly input: Input; readonly output: Output }
}

export interface EventDefinition<Type extends string, Input, Output>
  extends EventFacts<Type, Input, Output> {
  (...data: DataArguments<Input>): Message<Type, Input>
}

type DataArguments<Input> = [Input] extends [NoData] ? [data?: Input] : [data: Input]

/** Events by the name that handlers use for them. */
export type Events = Readonly<Record<string, EventFacts>>

export type MessageOf<Event extends EventFacts> =
  Event extends EventFacts<infer Type, infer Input, unknown> ? Message<Type, Input> : never

export type StoredEventOf<Event extends EventFacts> =
  Event extends EventFacts<infer Type, unknown, infer Output> ? StoredEvent<Type, Output> : never

/**
 * @param type unique among all that publish; by convention `<area>.<PastTense>`, or an imperative for a command
 * @param schema what its data looks like, or `versions(...)` when that has changed; none: no data
 * @throws DefinitionError
 */
export function event<const Type extends string>(type: Type): EventDefinition<Type, NoData, NoData>
export function event<const Type extends string, Input, Output>(
  type: Type,
  schema: Versions<Input, Output>,
): EventDefinition<Type, Input, Output>
export function event<const Type extends string, S extends Schema>(
  type: Type,
  schema: S,
): EventDefinition<Type, InputOf<S>, OutputOf<S>>
export function event(
  type: string,
  ...given: [] | [schema: Schema | Versions<unknown, unknown>]
): EventFacts {
  checkType(type)
  const list = given.length === 0 ? [] : versionsOf(type, given[0])
  const make = (data: unknown = {}): Message => ({ type, data })
  Object.defineProperty(make, 'name', { value: type })
  const facts: EventFacts = { type, versions: Object.freeze(list) }
  return Object.freeze(Object.assign(make, facts))
}

function versionsOf(
  type: string,
  schema: Schema | Versions<unknown, unknown>,
): readonly EventVersion[] {
  // Of a module that is still being loaded: taken for none, it would make an event without data.
  if (schema === undefined || schema === null) {
    throw new DefinitionError(
      `The schema of ${type} is ${schema}: do two modules import each other?`,
    )
  }
  const { list } = isVersions(schema) ? schema : versions(schema)
  return list.map((version) =>
    Object.freeze({ ...version, jsonSchema: jsonSchemaOf(type, version.schema) }),
  )
}

function isVersions(
  schema: Schema | Versions<unknown, unknown>,
): schema is Versions<unknown, unknown> {
  return !('~standard' in schema) && 'list' in schema
}

const MAX_TYPE_LENGTH = 255

/** CloudEvents 1.0 asks of `type` only that it is not empty. */
function checkType(type: string): void {
  if (typeof type !== 'string' || !/^[^\s\p{Cc}]+$/u.test(type) || type.length > MAX_TYPE_LENGTH) {
    throw new DefinitionError(
      `The event type ${JSON.stringify(type)} is none: a type has 1 to ${MAX_TYPE_LENGTH} characters, no spaces among them.`,
    )
  }
  if (type === 'unknown' || type.startsWith('millrace.')) {
    throw new DefinitionError(
      `The event type ${type} is taken by Millrace itself: 'unknown' and 'millrace.*' are reserved.`,
    )
  }
}
