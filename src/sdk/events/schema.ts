// A schema of any library that speaks Standard Schema 1.1 (zod, valibot, arktype). Its *input* is what
// stands on the wire, its *output* what a handler is given; JSON Schema is taken of the input when an
// event is defined, so that a schema which has none fails there and not in production.

import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import { DefinitionError, type Issue } from './errors.ts'

export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>
export type JsonSchema = Readonly<Record<string, unknown>>

export type Validation =
  | { readonly kind: 'valid'; readonly output: unknown }
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[]; readonly cause?: unknown }

/** Issues beyond this many tell nobody anything. */
const MAX_ISSUES = 100

/** Never throws: what the schema throws is an issue. Asynchronous schemas are refused. */
export function validate(schema: Schema, input: unknown): Validation {
  try {
    const result = schema['~standard'].validate(input)
    if (result instanceof Promise) return refuseAsynchronous(result)
    if (result.issues === undefined) return { kind: 'valid', output: result.value }
    return { kind: 'invalid', issues: result.issues.slice(0, MAX_ISSUES).map(toIssue) }
  } catch (error) {
    const message = `the schema threw ${error instanceof Error ? error.message : String(error)}`
    return { kind: 'invalid', issues: [{ path: '', message }], cause: error }
  }
}

// Events are decoded in the order of the log, by the hundred thousand: a look-up between two of them
// would either hold up all that follow or change their order. It belongs into the handler.
function refuseAsynchronous(result: Promise<unknown>): Validation {
  result.catch((error: unknown) => error)
  const message =
    'the schema is asynchronous (or something in it threw, which zod takes for the same), and events ' +
    'are validated in the order of the log: do asynchronous checks in the handler, or before publishing'
  return { kind: 'invalid', issues: [{ path: '', message }] }
}

function toIssue({ message, path = [] }: StandardSchemaV1.Issue): Issue {
  return {
    path: formatPath(path.map((part) => (typeof part === 'object' ? part.key : part))),
    message,
  }
}

/** `['items', 0, 'price']` is `items[0].price`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}

/**
 * JSON Schema 2020-12 of what the schema takes.
 * @throws DefinitionError when it has none, with what to write instead
 */
export function jsonSchemaOf(type: string, schema: Schema): JsonSchema {
  const standard = (schema as Partial<Schema>)['~standard']
  if (standard === undefined) {
    throw new DefinitionError(
      `The schema of ${type} is none: take one of zod, valibot, arktype or any other library of Standard Schema.`,
    )
  }
  if (!hasJsonSchema(standard)) {
    throw new DefinitionError(
      `The schema of ${type} (${standard.vendor}) gives no JSON Schema: ${adviceFor(standard.vendor)}.`,
    )
  }
  try {
    return standard.jsonSchema.input({
      target: 'draft-2020-12',
      libraryOptions: standard.vendor === 'arktype' ? ARKTYPE_OPTIONS : undefined,
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DefinitionError(
      `The schema of ${type} has no JSON Schema, so JSON cannot carry all that it takes: ${reason} ` +
        'Describe what stands on the wire and turn it into what you want: for a date z.iso.datetime(), ' +
        'or z.codec(z.iso.datetime(), z.date(), ...), in place of z.date() or z.coerce.date(); ' +
        'for a bigint a string of digits.',
      { cause: error },
    )
  }
}

/** By itself arktype leaves out of the JSON Schema what JSON has not, and says nothing. */
const ARKTYPE_OPTIONS = {
  fallback: Object.fromEntries(
    ['date', 'domain', 'proto', 'symbolKey', 'unit'].map((kind) => [kind, refuseArktype]),
  ),
}

function refuseArktype({ code }: { code: string }): never {
  throw new TypeError(`JSON cannot represent this ${code === 'date' ? 'Date' : code}.`)
}

function hasJsonSchema(
  standard: StandardSchemaV1.Props,
): standard is StandardSchemaV1.Props & StandardJSONSchemaV1.Props {
  return 'jsonSchema' in standard && standard.jsonSchema !== undefined
}

function adviceFor(vendor: string): string {
  switch (vendor) {
    case 'valibot':
      return 'wrap it in toStandardJsonSchema() of @valibot/to-json-schema'
    case 'zod':
      return 'zod has it from 4.2 on'
    case 'arktype':
      return 'arktype has it from 2.1.28 on'
    default:
      return 'the library must offer ~standard.jsonSchema (Standard Schema 1.1)'
  }
}
