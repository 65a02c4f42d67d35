// What JSON would lose or change without a word: a Date becomes a string, a Map an empty object, NaN
// and a hole in an array null. A schema that takes anything lets such values through, and the reader
// would be given something else than was published; so they are refused, with their place.

import type { Issue } from './errors.ts'
import { formatPath } from './schema.ts'

const MAX_DEPTH = 200

/** The first place that JSON cannot carry as it is. A property that is undefined is left out, and may be. */
export function whatJsonCannotCarry(data: unknown): Issue | undefined {
  const path: PropertyKey[] = []
  const message = findLoss(data, path, 0)
  return message === undefined ? undefined : { path: formatPath(path.reverse()), message }
}

/** @param path filled on the way back, innermost first, when something is found */
function findLoss(value: unknown, path: PropertyKey[], depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `JSON has no ${value}`
    case 'object':
      if (value === null) return undefined
      if (depth === MAX_DEPTH) return `nested deeper than ${MAX_DEPTH}, or within itself`
      return Array.isArray(value)
        ? findLossInArray(value, path, depth + 1)
        : findLossInObject(value, path, depth + 1)
    case 'bigint':
      return 'JSON has no bigint: write it as a string of digits'
    default:
      return `JSON has no ${typeof value}`
  }
}

function findLossInArray(
  array: readonly unknown[],
  path: PropertyKey[],
  depth: number,
): string | undefined {
  for (let at = 0; at < array.length; at++) {
    const loss = findLoss(array[at], path, depth)
    if (loss === undefined) continue
    path.push(at)
    return loss
  }
  return undefined
}

function findLossInObject(object: object, path: PropertyKey[], depth: number): string | undefined {
  if (Object.getPrototypeOf(object) !== Object.prototype && !isCarried(object)) {
    return object instanceof Date
      ? 'JSON has no Date: write date.toISOString(), and let the schema take a string'
      : `JSON does not keep a ${object.constructor?.name ?? 'value of this kind'}`
  }
  const fields = object as Readonly<Record<string, unknown>>
  for (const name of Object.keys(fields)) {
    const field = fields[name]
    if (field === undefined) continue
    const loss = findLoss(field, path, depth)
    if (loss === undefined) continue
    path.push(name)
    return loss
  }
  return undefined
}

/** An instance of a class goes as its fields, unless it says otherwise. */
function isCarried(object: object): boolean {
  return Object.prototype.toString.call(object) === '[object Object]' && !('toJSON' in object)
}
