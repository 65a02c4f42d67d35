// Groups of the new protocol: nobody else has what a member was told it has before the member said that
// it gave it up, or was silent; what comes in the name of an older epoch is refused once somebody else
// has the partition; and an epoch that was answered is known afterwards.
// That a member held something is known for sure from when it was told up to the last heartbeat that was
// taken from it: so no clock is needed to say how long a session is.
// Source: KIP-848, KIP-1251.

import type { PartitionName } from '../operations.ts'
import { type Anomaly, anomaly } from './anomaly.ts'
import type { Facts, Of } from './facts.ts'
import { awaySpans, type Span } from './instances.ts'

export function checkMembers(facts: Facts): Anomaly[] {
  const members = Map.groupBy(facts.of('heartbeat'), ({ action }) => action.member)
  const spans = [...members.values()].flatMap((heartbeats) => spansOf(heartbeats))
  return [
    ...ownedTwice([...spans, ...awaySpans(facts)]),
    ...staleCommits(facts, spans),
    ...[...members.values()].flatMap((heartbeats) => [...fencedInOrder(heartbeats)]),
  ]
}

/** @param heartbeats of one member, in their order */
function spansOf(heartbeats: readonly Of<'heartbeat'>[]): Span[] {
  const spans: Span[] = []
  const open = new Map<PartitionName, Span>()
  let next = 0
  for (const { action, outcome, invokedAt, completedAt } of heartbeats) {
    const { group, member, memberEpoch, held, epoch = 0, assigned = [] } = action
    const owner = action.instance ?? member
    if (action.number !== next) open.clear() // who knows what it said in between
    next = action.number + 1
    for (const partition of [...open.keys()]) {
      if (memberEpoch <= 0 || !held.includes(partition)) open.delete(partition)
    }
    if (outcome === 'fail') open.clear()
    if (outcome !== 'ok' || memberEpoch < 0) continue
    for (const span of open.values()) span.to = invokedAt
    for (const partition of [...assigned, ...held]) {
      if (open.has(partition)) continue
      const times = { from: completedAt!, to: completedAt! }
      const span = { group, member, owner, partition, epoch, ...times }
      open.set(partition, span)
      spans.push(span)
    }
  }
  return spans
}

function* ownedTwice(spans: readonly Span[]): Generator<Anomaly> {
  for (const those of byPartition(spans).values()) {
    let last: Span | undefined
    for (const span of those.sort((a, b) => a.from - b.from)) {
      if (last !== undefined && last.owner !== span.owner && span.from < last.to) {
        const { group, partition } = span
        const what = `${span.member} was told that it has ${partition}, which was in the hands of ${last.member}`
        yield anomaly('owned-twice', what, { partitions: [partition], group })
      }
      if (last === undefined || span.to > last.to) last = span
    }
  }
}

/** Somebody else has the partition since a later epoch, and the old one still commits. */
function* staleCommits(facts: Facts, spans: readonly Span[]): Generator<Anomaly> {
  const told = byPartition(spans)
  const leaves = facts.of('heartbeat').filter(({ action }) => action.memberEpoch === -2)
  // Under the same id it may be given the same again, as if it had had that for ever.
  const away = new Set(leaves.map(({ action }) => action.member))
  for (const { action, outcome, invokedAt, process } of [
    ...facts.of('commit'),
    ...facts.of('stage'),
  ]) {
    const { group, partition, by, offset, kind } = action
    if (by === undefined || outcome !== 'ok' || away.has(by.member)) continue
    const successor = told.get(`${group} ${partition}`)?.find((span) => {
      return span.member !== by.member && span.epoch > by.epoch && span.from < invokedAt
    })
    if (successor === undefined) continue
    const since = `${successor.member} has it since epoch ${successor.epoch}`
    const what = `${process} could ${kind} ${offset} of ${partition} at epoch ${by.epoch}, and ${since}`
    const transactions = kind === 'stage' ? [action.transaction.name] : []
    yield anomaly('zombie', what, { partitions: [partition], group, transactions })
  }
}

/** No answer to it was lost, and what it was told last is not known any more. */
function* fencedInOrder(heartbeats: readonly Of<'heartbeat'>[]): Generator<Anomaly> {
  let isSure = true
  let last = 0
  let next = 0
  for (const { action, outcome, error } of heartbeats) {
    const { group, member, memberEpoch, epoch = 0 } = action
    const concerns = { group, partitions: [...(action.assigned ?? []), ...action.held] }
    if (outcome === 'info' || action.number !== next) isSure = false
    next = action.number + 1
    if (memberEpoch > 0 && isSure && error === 'FENCED_MEMBER_EPOCH') {
      const what = `${member} came with epoch ${memberEpoch}, as it was told, and was fenced`
      yield anomaly('fenced-in-order', what, concerns)
    } else if (outcome === 'ok' && memberEpoch > 0 && epoch < last) {
      const what = `${member} was at epoch ${last}, and then at ${epoch}`
      yield anomaly('member-epoch-back', what, concerns)
    }
    if (outcome === 'ok') last = memberEpoch < 0 ? 0 : epoch
    if (outcome === 'fail') last = 0
  }
}

function byPartition(spans: readonly Span[]): Map<string, Span[]> {
  return Map.groupBy(spans, ({ group, partition }) => `${group} ${partition}`)
}
