// Compacted topics: of each key the last value is there for ever, and older ones may go, each only when
// a newer one of its key is in the log. A tombstone may go as well, once its key is gone.
// Source: KIP-58, KIP-534.

import { isTombstone, type Operation } from '../operations.ts'
import { type Anomaly, anomaly } from './anomaly.ts'
import { Facts, type Of } from './facts.ts'

/** Behind a tombstone that is gone nobody is shown an older value of its key. */
export function* checkKeys(facts: Facts): Generator<Anomaly> {
  const keyed = new Set(facts.keyedPartitions())
  for (const poll of facts.polls) {
    if (keyed.has(poll.action.partition)) yield* keysBack(facts, poll)
  }
}

function* keysBack(facts: Facts, { action, invokedAt, completedAt }: Of<'poll'>) {
  const { reader, partition, fromOffset, nextOffset = fromOffset, records = [] } = action
  const given = new Set(records.map(({ value }) => value))
  const values = facts.valuesByKey(partition)
  for (const { offset, value } of records) {
    const key = facts.keyOf(value)
    if (key === undefined) continue
    const tombstone = values.get(key)?.findLast((other) => {
      const isBetween = other.offset! > offset && other.offset! < nextOffset
      return isBetween && isTombstone(other.value) && !given.has(other.value)
    })
    if (tombstone === undefined || !isKnown(facts, tombstone.value, invokedAt)) continue
    // What is newer than both may have made either of them go.
    if (facts.hasNewer(tombstone.value, tombstone.offset!, completedAt!)) continue
    const where = `${tombstone.value} (@${tombstone.offset})`
    const what = `${reader} was given ${value} (@${offset}) of ${key} again, after ${where} deleted it`
    const concerns = { partitions: [partition], offsets: [offset, tombstone.offset!] }
    yield anomaly('key-back', what, { ...concerns, values: [value, tombstone.value] })
  }
}

/** Readers of committed data were to see it by then. */
function isKnown(facts: Facts, value: string, before: number): boolean {
  if (facts.isVisible(value) !== true) return false
  const { operation } = facts.sent.get(value)!
  const { transaction } = operation.action
  const ends = transaction === undefined ? [operation] : facts.endsOf(transaction.name)
  return ends.some(({ outcome, completedAt }) => outcome === 'ok' && completedAt! < before)
}

/** How many values were acknowledged and have made way for newer ones: was anything compacted at all? */
export function compactedAway(operations: readonly Operation[]): number {
  const facts = new Facts(operations)
  let count = 0
  for (const partition of facts.keyedPartitions()) {
    const reading = facts.final(partition, 'read_uncommitted')
    if (reading === undefined) continue
    for (const values of facts.valuesByKey(partition).values()) {
      for (const { value, offset } of values) {
        if (offset !== undefined && reading.values.get(offset) !== value) count++
      }
    }
  }
  return count
}
