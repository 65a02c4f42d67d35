// How values of a history stand in records. In a compacted topic each has a key, and some are tombstones:
// those have no value, and their name in a header.

import type { NewRecord } from '../../../../src/broker/batch/builder.ts'
import type { BatchRecord } from '../../../../src/broker/batch/records.ts'
import type { SeededRandom } from '../../../simulation/seeded-random.ts'
import { isTombstone, TOMBSTONE_SUFFIX } from '../operations.ts'

const NAME_HEADER = 'name'
const TOMBSTONE_CHANCE = 0.2

export function recordsOf(
  values: readonly string[],
  { timestamp, keys }: { timestamp: number; keys?: readonly string[] | undefined },
): NewRecord[] {
  return values.map((value, index) => {
    const key = keys === undefined ? null : Buffer.from(keys[index]!)
    const bytes = Buffer.from(value)
    if (!isTombstone(value)) return { timestamp, key, value: bytes }
    return { timestamp, key, value: null, headers: [[NAME_HEADER, bytes]] }
  })
}

export function nameOf({ value, headers }: BatchRecord): string {
  return String(value ?? headers.find(([name]) => name === NAME_HEADER)?.[1])
}

/** @param count of the keys there are; 0 = the topic has none */
export function chooseKeys(
  random: SeededRandom,
  values: readonly string[],
  count: number,
): { values: readonly string[]; keys: readonly string[] | undefined } {
  if (count === 0) return { values, keys: undefined }
  return {
    values: values.map((value) => {
      return random.chance(TOMBSTONE_CHANCE) ? `${value}${TOMBSTONE_SUFFIX}` : value
    }),
    keys: values.map(() => `k${random.below(count)}`),
  }
}
