// The notation in which messages are declared: a field is a type, the versions that carry it and,
// where they matter, the versions in which it may be null, its tag, its default. Property order is
// wire order (tagged fields aside). The types of decoded and encoded messages follow from it.
// Source: the protocol guide, KIP-482 (flexible versions and tagged fields), KIP-893 (null structs).

/** Versions that have something: `'3+'` and later, `'0-8'` inclusive, or one. */
export type Versions = `${number}+` | `${number}-${number}` | `${number}`

/** What a type is on our side of the wire. */
export interface ScalarValues {
  bool: boolean
  int8: number
  int16: number
  uint16: number
  int32: number
  /** Beyond 2^53-1 is refused. */
  int64: number
  /** For values that are only compared: beyond 2^53-1 becomes 2^53-1, which is written as 2^63-1. */
  saturatingInt64: number
  float64: number
  string: string
  /** 22 characters of base64url. */
  uuid: string
  /** A view of the frame it came in. */
  bytes: Buffer
  /** Record batches: bytes that this room never looks into. */
  records: Buffer
}

export type ScalarKind = keyof ScalarValues

export interface FieldOptions<Value> {
  /** Versions in which null is allowed. */
  readonly nullable?: Versions
  /** Kafka's default where it is not the type's zero; makes the field optional when encoding. */
  readonly default?: Value
  /** The field travels in the tagged section, and only when it is not its default (KIP-482). */
  readonly tag?: number
}

declare const types: unique symbol

/**
 * One declared field. `Value` is what decoding yields, `Input` what encoding takes, `Optional`
 * whether encoding may leave it out.
 */
export interface Field<out Value, out Input, out Optional extends boolean> {
  readonly kind: ScalarKind | 'array' | 'struct'
  readonly versions: Versions
  readonly nullable: Versions | undefined
  readonly tag: number | undefined
  /** `undefined` stands for the type's zero: 0, false, '', no bytes, no elements. */
  readonly default: unknown
  /** Of an array: a scalar or the fields of a struct. Of a struct: its fields. */
  readonly element: ScalarKind | Fields | undefined
  readonly [types]?: { value: Value; input: Input; optional: Optional }
}

export interface Fields {
  readonly [name: string]: Field<unknown, unknown, boolean>
}

/** What decoding yields: every field, those of other versions with their defaults. */
export type Infer<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Value, unknown, boolean> ? Value : never
}

type OptionalNames<F extends Fields> = {
  [Name in keyof F]: F[Name] extends Field<unknown, unknown, infer Optional>
    ? Optional extends true
      ? Name
      : never
    : never
}[keyof F]

type InputOf<F> = F extends Field<unknown, infer Input, boolean> ? Input : never

/** What encoding takes: fields with a default may be left out; fields of other versions are ignored. */
export type InferInput<F extends Fields> = {
  readonly [Name in Exclude<keyof F, OptionalNames<F>>]: InputOf<F[Name]>
} & {
  readonly [Name in OptionalNames<F>]?: InputOf<F[Name]> | undefined
}

type NullOf<Options> = Options extends { readonly nullable: Versions } ? null : never
type IsOptional<Options> = Options extends { readonly default: unknown } | { readonly tag: number }
  ? true
  : false
type None = Record<never, never>

type ScalarField<Kind extends ScalarKind, Options> = Field<
  ScalarValues[Kind] | NullOf<Options>,
  ScalarValues[Kind] | NullOf<Options>,
  IsOptional<Options>
>

/** Makes the constructor of one scalar type: `int32('1+', { default: -1 })`. */
function scalar<Kind extends ScalarKind>(kind: Kind) {
  return <Options extends FieldOptions<ScalarValues[Kind] | null> = None>(
    versions: Versions,
    options?: Options,
  ): ScalarField<Kind, Options> => field(kind, versions, options ?? {}, undefined)
}

export const bool = scalar('bool')
export const int8 = scalar('int8')
export const int16 = scalar('int16')
export const uint16 = scalar('uint16')
export const int32 = scalar('int32')
export const int64 = scalar('int64')
export const saturatingInt64 = scalar('saturatingInt64')
export const float64 = scalar('float64')
export const string = scalar('string')
export const uuid = scalar('uuid')
export const bytes = scalar('bytes')
export const records = scalar('records')

type Element = ScalarKind | Fields
type ElementValue<E> = E extends ScalarKind ? ScalarValues[E] : E extends Fields ? Infer<E> : never
type ElementInput<E> = E extends ScalarKind
  ? ScalarValues[E]
  : E extends Fields
    ? InferInput<E>
    : never

type ArrayField<E, Options> = Field<
  readonly ElementValue<E>[] | NullOf<Options>,
  readonly ElementInput<E>[] | NullOf<Options>,
  IsOptional<Options>
>

/** An array of scalars, `array('0+', 'int32')`, or of structs, `array('0+', { topic: ... })`. */
export function array<E extends Element>(versions: Versions, of: E): ArrayField<E, None>
export function array<E extends Element, Options extends FieldOptions<null>>(
  versions: Versions,
  options: Options,
  of: E,
): ArrayField<E, Options>
export function array(versions: Versions, ...rest: OptionsThen<Element>): UntypedField {
  const [options, element] = rest.length === 1 ? [{}, rest[0]] : rest
  return field('array', versions, options, element)
}

type StructField<F extends Fields, Options> = Field<
  Infer<F> | NullOf<Options>,
  InferInput<F> | NullOf<Options>,
  IsOptional<Options>
>

/** A struct within a message. Nullable ones are preceded by a byte: 1 present, -1 null (KIP-893). */
export function struct<F extends Fields>(versions: Versions, fields: F): StructField<F, None>
export function struct<F extends Fields, Options extends FieldOptions<null>>(
  versions: Versions,
  options: Options,
  fields: F,
): StructField<F, Options>
export function struct(versions: Versions, ...rest: OptionsThen<Fields>): UntypedField {
  const [options, fields] = rest.length === 1 ? [{}, rest[0]] : rest
  return field('struct', versions, options, fields)
}

type OptionsThen<Nested> = [Nested] | [FieldOptions<null>, Nested]
/** Assignable to every field type: types are facts about declarations, not about objects. */
type UntypedField = Field<never, never, never>

function field(
  kind: ScalarKind | 'array' | 'struct',
  versions: Versions,
  options: FieldOptions<unknown>,
  element: Element | undefined,
): UntypedField {
  const { nullable, tag, default: defaultValue } = options
  return { kind, versions, nullable, tag, default: defaultValue, element }
}

/** Is `version` within `versions`? */
export function includes(versions: Versions | undefined, version: number): boolean {
  if (versions === undefined) return false
  const { first, last } = versionRange(versions)
  return version >= first && version <= last
}

/** Inclusive at both ends; `'3+'` ends at Infinity. */
function versionRange(versions: Versions): { first: number; last: number } {
  if (versions.endsWith('+')) return { first: Number(versions.slice(0, -1)), last: Infinity }
  const [first, last] = versions.split('-').map(Number)
  return { first: first!, last: last ?? first! }
}
