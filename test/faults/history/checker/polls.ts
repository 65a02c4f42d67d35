// What readers were given: in order, nothing left out, nothing twice, and ends that never go back.

import type { Poll } from '../operations.ts'
import { type Anomaly, type AnomalyKind, anomaly } from './anomaly.ts'
import type { Facts, Of } from './facts.ts'

export function checkPolls(facts: Facts): Anomaly[] {
  return [
    ...facts.polls.flatMap((poll) => [...disorderIn(poll)]),
    ...goingBack(facts),
    ...skips(facts),
    ...endsGoingBack(facts),
    ...logStarts(facts),
  ]
}

function* disorderIn({ action }: Of<'poll'>): Generator<Anomaly> {
  const { partition, reader, records = [] } = action
  let last = action.fromOffset - 1
  for (const { offset, value } of records) {
    if (offset <= last) {
      const what = `${reader} was given ${value} (@${offset}) of ${partition} behind @${last}`
      const concerns = { partitions: [partition], values: [value], offsets: [offset] }
      yield anomaly('nonmonotonic-poll', what, concerns)
    }
    last = Math.max(last, offset)
  }
}

/** Within one assignment a reader never sees an offset again. */
function* goingBack({ polls }: Facts): Generator<Anomaly> {
  const ends = new Map<string, number>()
  for (const { action } of polls) {
    const { reader, partition, assignment, fromOffset, nextOffset = fromOffset } = action
    const key = `${reader} ${assignment} ${partition}`
    const end = ends.get(key) ?? 0
    const again = action.records?.find(({ offset }) => offset < end)
    if (again !== undefined) {
      const what = `${reader} was given ${again.value} (@${again.offset}) of ${partition} again`
      const concerns = { partitions: [partition], values: [again.value], offsets: [again.offset] }
      yield anomaly('nonmonotonic-poll', what, concerns)
    }
    ends.set(key, Math.max(end, nextOffset))
  }
}

/** Whatever a reader may see between where it began and where it goes on, it was given. */
function* skips(facts: Facts): Generator<Anomaly> {
  const known = sortedPlaces(facts)
  for (const { action, completedAt } of facts.polls) {
    const { partition, fromOffset, nextOffset = fromOffset, records = [], isolation } = action
    const given = new Set(records.map(({ offset }) => offset))
    const deletedBelow = facts.deletedBelow(partition, completedAt)
    for (const { offset, value } of between(known.get(partition) ?? [], fromOffset, nextOffset)) {
      if (given.has(offset) || offset < deletedBelow) continue
      if (facts.mayBeGone(value, offset, completedAt)) continue
      if (isolation === 'read_committed' && !isShown(facts, action, offset, value)) continue
      const what = `${action.reader} went from ${fromOffset} to ${nextOffset} of ${partition} past ${value} (@${offset})`
      const transaction = facts.sent.get(value)?.operation.action.transaction
      yield anomaly('poll-skip', what, {
        ...{ partitions: [partition], values: [value], offsets: [offset] },
        transactions: transaction === undefined ? [] : [transaction.name],
      })
    }
  }
}

/** Committed for sure: whoever went past it had to see it. */
function isShown(facts: Facts, { partition }: Poll, offset: number, value: string): boolean {
  const isVisible = facts.isVisible(value)
  if (isVisible !== undefined) return isVisible
  return facts.final(partition, 'read_committed')?.values.get(offset) === value
}

type Place = { readonly offset: number; readonly value: string }

function sortedPlaces({ places }: Facts): Map<string, Place[]> {
  const sorted = new Map<string, Place[]>()
  for (const [partition, offsets] of places) {
    const list = [...offsets].flatMap(([offset, values]) =>
      [...values].map((value) => ({ offset, value })),
    )
    sorted.set(
      partition,
      list.sort((a, b) => a.offset - b.offset),
    )
  }
  return sorted
}

function between(places: readonly Place[], fromOffset: number, endOffset: number): Place[] {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (places[middle]!.offset < fromOffset) low = middle + 1
    else high = middle
  }
  const found: Place[] = []
  for (let at = low; at < places.length && places[at]!.offset < endOffset; at++) {
    found.push(places[at]!)
  }
  return found
}

const ENDS: readonly (readonly [
  'highWatermark' | 'lastStableOffset' | 'logStartOffset',
  AnomalyKind,
])[] = [
  ['highWatermark', 'high-watermark-back'],
  ['lastStableOffset', 'last-stable-offset-back'],
  ['logStartOffset', 'log-start-back'],
]

/** Who asks after an answer hears no less than it said, restarts or not. */
function* endsGoingBack({ polls }: Facts): Generator<Anomaly> {
  const byBeginning = [...polls].sort((a, b) => a.invokedAt - b.invokedAt)
  const byEnd = [...polls].sort((a, b) => a.completedAt! - b.completedAt!)
  for (const [field, kind] of ENDS) {
    const floors = new Map<string, number>()
    let ended = 0
    for (const { action, invokedAt } of byBeginning) {
      for (; ended < byEnd.length && byEnd[ended]!.completedAt! < invokedAt; ended++) {
        const { partition, [field]: offset = 0 } = byEnd[ended]!.action
        floors.set(partition, Math.max(floors.get(partition) ?? 0, offset))
      }
      const offset = action[field]
      const floor = floors.get(action.partition) ?? 0
      if (offset === undefined || offset >= floor) continue
      const what = `the ${field} of ${action.partition} was ${floor}, and then ${offset}`
      const concerns = { partitions: [action.partition], offsets: [floor, offset] }
      yield anomaly(kind, what, concerns)
    }
  }
}

/** Records go only when somebody asked for it, and for good. */
function* logStarts(facts: Facts): Generator<Anomaly> {
  for (const { action, completedAt, invokedAt } of facts.polls) {
    const { partition, logStartOffset } = action
    if (logStartOffset === undefined) continue
    const asked = facts.deletedBelow(partition, completedAt)
    if (logStartOffset > asked) {
      const what = `${partition} begins at ${logStartOffset}, and nobody deleted more than up to ${asked}`
      yield anomaly('log-start-ahead', what, { partitions: [partition], offsets: [logStartOffset] })
    }
    const done = facts
      .of('delete-records')
      .filter(
        (one) =>
          one.action.partition === partition &&
          one.outcome === 'ok' &&
          one.completedAt! < invokedAt &&
          one.action.offset > logStartOffset,
      )
    for (const { action: deletion } of done) {
      const what = `${partition} was deleted up to ${deletion.offset} and begins at ${logStartOffset}`
      const concerns = { partitions: [partition], offsets: [deletion.offset] }
      yield anomaly('deleted-records-back', what, concerns)
    }
  }
}
