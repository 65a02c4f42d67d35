// The values of configuration keys: Kafka's types, how their text is read, and what is allowed.
// A value is kept as the text that was given; it is parsed where it is needed. Longs beyond 2^53-1
// saturate, so that Long.MAX stays "for ever" in every comparison.
// Source: the types of org.apache.kafka.common.config.ConfigDef.

export type ConfigType =
  | 'boolean'
  | 'string'
  | 'int'
  | 'short'
  | 'long'
  | 'double'
  | 'list'
  | 'class'
  | 'password'

export type ConfigValue = boolean | number | string | readonly string[]

/** What a value must be beyond its type. `allowed` completes the sentence "must be ...". */
export interface ConfigCheck {
  readonly allowed: string
  accepts(value: ConfigValue): boolean
}

export type ReadConfig =
  | { readonly kind: 'value'; readonly value: ConfigValue }
  | { readonly kind: 'invalid'; readonly message: string }

const INTEGER = /^[+-]?[0-9]+$/
const DOUBLE = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i

/** Inclusive bounds of the integer types, as text without sign because a long does not fit a number. */
const INTEGER_LIMITS = {
  short: { negative: '32768', positive: '32767' },
  int: { negative: '2147483648', positive: '2147483647' },
  long: { negative: '9223372036854775808', positive: '9223372036854775807' },
}

const ALLOWED_BY_TYPE: Readonly<Record<ConfigType, string>> = {
  boolean: 'true or false',
  string: 'text',
  int: 'a whole number of 32 bits',
  short: 'a whole number of 16 bits',
  long: 'a whole number of 64 bits',
  double: 'a number',
  list: 'a list separated by commas',
  class: 'the name of a class',
  password: 'text',
}

/** Reads `text` as `type` and holds it against `check`; a message names key, value and what is allowed. */
export function readConfig(
  key: { readonly name: string; readonly type: ConfigType; readonly check?: ConfigCheck },
  text: string,
): ReadConfig {
  const value = parseConfigText(key.type, text)
  if (value === undefined) return invalid(key, text, ALLOWED_BY_TYPE[key.type])
  if (key.check !== undefined && !key.check.accepts(value)) {
    return invalid(key, text, key.check.allowed)
  }
  return { kind: 'value', value }
}

/** undefined when the text is not of the type. */
export function parseConfigText(type: ConfigType, text: string): ConfigValue | undefined {
  const trimmed = text.trim()
  switch (type) {
    case 'boolean':
      return parseBoolean(trimmed)
    case 'int':
    case 'short':
    case 'long':
      return parseInteger(trimmed, INTEGER_LIMITS[type])
    case 'double':
      return DOUBLE.test(trimmed) ? Number(trimmed) : undefined
    case 'list':
      return trimmed === '' ? [] : trimmed.split(',').map((entry) => entry.trim())
    default:
      return trimmed
  }
}

/** The text as Kafka's tools show it: lists without blanks, doubles as Java prints them. */
export function canonicalText(type: ConfigType, text: string): string {
  const value = parseConfigText(type, text)
  if (value === undefined) return text
  if (type === 'double' && typeof value === 'number') return javaDouble(value)
  if (type === 'int' || type === 'short' || type === 'long') return withoutLeadingZeros(text.trim())
  return Array.isArray(value) ? value.join(',') : String(value)
}

export function atLeast(minimum: number): ConfigCheck {
  return {
    allowed: `${minimum} or more`,
    accepts: (value) => typeof value === 'number' && value >= minimum,
  }
}

/** Both bounds inclusive. */
export function between(minimum: number, maximum: number): ConfigCheck {
  return {
    allowed: `from ${minimum} to ${maximum}`,
    accepts: (value) => typeof value === 'number' && value >= minimum && value <= maximum,
  }
}

export function oneOf(...allowed: readonly string[]): ConfigCheck {
  return {
    allowed: `one of ${allowed.join(', ')}`,
    accepts: (value) => typeof value === 'string' && allowed.includes(value),
  }
}

/** A list, possibly empty, of nothing but these entries. */
export function listOf(...allowed: readonly string[]): ConfigCheck {
  return {
    allowed: `a list of ${allowed.join(', ')}`,
    accepts: (value) => Array.isArray(value) && value.every((entry) => allowed.includes(entry)),
  }
}

export function either(one: ConfigCheck, other: ConfigCheck): ConfigCheck {
  return {
    allowed: `${one.allowed}, or ${other.allowed}`,
    accepts: (value) => one.accepts(value) || other.accepts(value),
  }
}

/** A list of one or more of these entries. */
export function someOf(...allowed: readonly string[]): ConfigCheck {
  const list = listOf(...allowed)
  return {
    allowed: `${list.allowed}, and not empty`,
    accepts: (value) => list.accepts(value) && Array.isArray(value) && value.length > 0,
  }
}

export function exactly(only: number): ConfigCheck {
  return { allowed: String(only), accepts: (value) => value === only }
}

/** A value as a message may show it: a secret is none of a message's. */
export function shownText(type: ConfigType, text: string): string {
  return type === 'password' ? 'what it was set to' : `'${text}'`
}

function invalid(
  { name, type }: { readonly name: string; readonly type: ConfigType },
  text: string,
  allowed: string,
): ReadConfig {
  const shown = shownText(type, text)
  return { kind: 'invalid', message: `${name} cannot be ${shown}: it must be ${allowed}.` }
}

function parseBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase()
  if (lower === 'true') return true
  return lower === 'false' ? false : undefined
}

function parseInteger(
  text: string,
  limits: { negative: string; positive: string },
): number | undefined {
  if (!INTEGER.test(text)) return undefined
  const plain = withoutLeadingZeros(text)
  const isNegative = plain.startsWith('-')
  const digits = isNegative ? plain.slice(1) : plain
  const limit = isNegative ? limits.negative : limits.positive
  const isBeyond =
    digits.length > limit.length || (digits.length === limit.length && digits > limit)
  if (isBeyond) return undefined
  const value = Number(plain)
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, value))
}

function withoutLeadingZeros(text: string): string {
  const plain = text.replace(/^([+-]?)0+(?=[0-9])/, '$1').replace(/^\+/, '')
  return plain === '-0' ? '0' : plain
}

/** As java.lang.Double prints: always a fraction; scientific from 10^7 and below 10^-3. */
function javaDouble(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) {
    const [mantissa = '', exponent = ''] = value.toExponential().split('e')
    return `${withFraction(mantissa)}E${exponent.replace('+', '')}`
  }
  return withFraction(String(value))
}

function withFraction(text: string): string {
  return text.includes('.') ? text : `${text}.0`
}
