// What was sent, against what is stored: nothing lost, doubled, invented, overwritten or disordered.

import type { Isolation, PartitionName } from '../operations.ts'
import { type Anomaly, anomaly } from './anomaly.ts'
import type { Facts } from './facts.ts'

export function checkWrites(facts: Facts): Anomaly[] {
  return [
    ...inconsistentOffsets(facts),
    ...duplicates(facts),
    ...strangers(facts),
    ...losses(facts),
    ...disorder(facts),
    ...refusals(facts),
  ]
}

function* inconsistentOffsets({ places }: Facts): Generator<Anomaly> {
  for (const [partition, offsets] of places) {
    for (const [offset, values] of offsets) {
      if (values.size < 2) continue
      const all = [...values]
      const what = `${all.join(' and ')} both stand at ${partition}@${offset}`
      const concerns = { partitions: [partition], values: all, offsets: [offset] }
      yield anomaly('inconsistent-offsets', what, concerns)
    }
  }
}

/** Records that were deleted count: their producer is to be known, although the log says nothing of it. */
function* duplicates(facts: Facts): Generator<Anomaly> {
  for (const [value, partitions] of facts.placesOf) {
    const places = [...partitions].flatMap(([partition, offsets]) =>
      [...offsets].map((offset) => ({ partition, offset })),
    )
    if (places.length < 2) continue
    const all = places.map(({ partition, offset }) => `${partition}@${offset}`).join(' and ')
    yield anomaly('duplicate', `${value} stands at ${all}`, {
      partitions: [...partitions.keys()],
      values: [value],
      offsets: places.map(({ offset }) => offset),
    })
  }
}

/** Values that nobody sent, or that were sent and refused for good. */
function* strangers({ placesOf, sent }: Facts): Generator<Anomaly> {
  for (const [value, places] of placesOf) {
    const partitions = [...places.keys()]
    const send = sent.get(value)
    if (send === undefined) {
      yield anomaly('invented', `${value} in ${partitions}`, { partitions, values: [value] })
      continue
    }
    const { outcome, error, action } = send.operation
    if (outcome === 'fail') {
      const what = `${value} was refused (${error}) and stands in ${partitions}`
      yield anomaly('refused-write', what, { partitions, values: [value] })
    }
    const elsewhere = partitions.filter((partition) => partition !== action.partition)
    if (elsewhere.length > 0) {
      const what = `${value} was sent to ${action.partition} and stands in ${elsewhere}`
      yield anomaly('invented', what, { partitions, values: [value] })
    }
  }
}

function* losses(facts: Facts): Generator<Anomaly> {
  for (const partition of facts.finalPartitions()) {
    yield* lostIn(facts, partition)
    for (const isolation of ['read_uncommitted', 'read_committed'] as const) {
      yield* lostReads(facts, partition, isolation)
    }
  }
}

function* lostIn(facts: Facts, partition: PartitionName): Generator<Anomaly> {
  const all = facts.final(partition, 'read_uncommitted')
  const committed = facts.final(partition, 'read_committed')
  for (const { action, outcome } of facts.sends) {
    if (action.partition !== partition || outcome !== 'ok') continue
    for (const [index, value] of action.values.entries()) {
      const offset = action.baseOffset! + index
      const isIn = (reading = all) => reading?.values.get(offset) === value
      const isOver = (reading = all) =>
        reading === undefined || offset < reading.startOffset || facts.mayBeGone(value, offset)
      const concerns = {
        partitions: [partition],
        values: [value],
        offsets: [offset],
        transactions: action.transaction === undefined ? [] : [action.transaction.name],
      }
      const where = `${partition}@${offset}`
      if (!isIn() && !isOver()) {
        const what = `${value} was acknowledged at ${where} and is not there`
        yield anomaly('lost-write', what, concerns)
      } else if (facts.isVisible(value) === true && !isIn(committed) && !isOver(committed)) {
        const what = `${value} was committed at ${where} and readers of committed data do not get it`
        yield anomaly('lost-write', what, concerns)
      }
    }
  }
}

/** What a reader was shown is there for every later one: a read is durable. */
function* lostReads(
  facts: Facts,
  partition: PartitionName,
  isolation: Isolation,
): Generator<Anomaly> {
  const reading = facts.final(partition, isolation)
  if (reading === undefined) return
  for (const { action } of facts.polls) {
    if (action.partition !== partition || action.isolation !== isolation) continue
    for (const { offset, value } of action.records ?? []) {
      if (offset < reading.startOffset || reading.values.get(offset) === value) continue
      if (facts.mayBeGone(value, offset)) continue
      const what = `${value} was read at ${partition}@${offset} by ${action.reader} and is not there`
      const transaction = facts.sent.get(value)?.operation.action.transaction
      const concerns = {
        partitions: [partition],
        values: [value],
        offsets: [offset],
        transactions: transaction === undefined ? [] : [transaction.name],
      }
      yield anomaly('lost-read', what, concerns)
    }
  }
}

/** Of one stream, in one partition, a later number has a higher offset. */
function* disorder(facts: Facts): Generator<Anomaly> {
  const streams = new Map<string, { number: number; values: readonly string[] }[]>()
  for (const { action } of facts.sends) {
    const key = `${action.stream} ${action.partition}`
    const sends = streams.get(key) ?? []
    sends.push(action)
    streams.set(key, sends)
  }
  for (const [key, sends] of streams) {
    const partition = key.slice(key.indexOf(' ') + 1)
    let last: { value: string; offset: number } | undefined
    for (const { values } of sends.sort((a, b) => a.number - b.number)) {
      for (const value of values) {
        const offsets = facts.placesOf.get(value)?.get(partition)
        // A duplicate has been told already.
        if (offsets?.size !== 1) continue
        const [offset] = offsets
        if (last !== undefined && offset! <= last.offset) {
          const earlier = `${last.value} (@${last.offset})`
          const what = `${value} (@${offset}) was sent after ${earlier} to ${partition}`
          const concerns = { partitions: [partition], values: [last.value, value] }
          yield anomaly('order', what, concerns)
        }
        last = { value, offset: offset! }
      }
    }
  }
}

function* refusals(facts: Facts): Generator<Anomaly> {
  for (const { action, process } of facts.of('refused')) {
    const what = `${process} sent ${action.values} in order and was refused: ${action.error}`
    const { partition, values } = action
    yield anomaly('refused-in-order', what, { partitions: [partition], values })
  }
}
