// How the data of an event changed over time. What was written under version n stays as it is on the
// log for ever; when it is read, it is validated by the schema of version n, and the output goes up
// step by step: upcast to the next version's input, validated there, until it is of the newest version.

import type { InputOf, OutputOf, Schema } from './schema.ts'

export interface Version {
  readonly schema: Schema
  /** Makes an input of this version of an output of the one before; the first version has none. */
  readonly upcast?: (old: unknown) => unknown
}

/** `Input` and `Output` are those of the newest version. */
export interface Versions<Input, Output> {
  /** Oldest first: the first one is version 1. */
  readonly list: readonly Version[]
  /** Only types: nothing stands here. */
  readonly types?: { readonly input: Input; readonly output: Output }
  /** @param upcast pure; takes what the version before gives, and returns what this one takes */
  next<S extends Schema>(
    schema: S,
    upcast: (old: Output) => InputOf<S>,
  ): Versions<InputOf<S>, OutputOf<S>>
}

export function versions<S extends Schema>(first: S): Versions<InputOf<S>, OutputOf<S>> {
  return listOf([{ schema: first }])
}

function listOf<Input, Output>(list: readonly Version[]): Versions<Input, Output> {
  return Object.freeze<Versions<Input, Output>>({
    list: Object.freeze(list),
    // Each step was checked against both its versions; in the list only their order is left.
    next: (schema, upcast) =>
      listOf([...list, { schema, upcast: upcast as Version['upcast'] & {} }]),
  })
}
