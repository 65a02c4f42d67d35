// Static members: once somebody else was given the place of an instance id, whoever had it before is
// obeyed no longer, in heartbeats, commits and transactions; nobody is fenced while nobody else came; a
// place that was given back is free; and what a member leaves for a while nobody else is given.
// That a member came back to the place that was kept for it is known by its epoch: the group has not
// moved meanwhile. So no clock is needed to say how long it was away.
// Source: KIP-345, KIP-848 (epoch -2).

import type { PartitionName } from '../operations.ts'
import { type Anomaly, anomaly } from './anomaly.ts'
import type { Facts, Of } from './facts.ts'

/** A partition in the hands of a member. */
export interface Span {
  readonly group: string
  readonly member: string
  /** Its instance id, if it has one: a static member stays who it is when it comes back. */
  readonly owner: string
  readonly partition: PartitionName
  /** With which it was told. */
  readonly epoch: number
  readonly from: number
  /** Proven up to here; at first only told. */
  to: number
}

/** Of one instance id in one group. */
interface Instance {
  readonly group: string
  readonly instance: string
  /** In the order of their beginnings, as all below. */
  readonly heartbeats: Of<'heartbeat'>[]
  /** By either protocol. */
  readonly joins: Coming[]
}

interface Coming {
  /** '' when that was not heard. */
  readonly member: string
  readonly outcome: 'ok' | 'fail' | 'info'
  readonly invokedAt: number
  readonly completedAt: number
}

export function checkInstances(facts: Facts): Anomaly[] {
  const instances = instancesOf(facts)
  return [
    ...zombies(facts, instances),
    ...[...instances.values()].flatMap((one) => [
      ...fencedByNobody(one),
      ...unreleased(one.heartbeats, one),
    ]),
  ]
}

/** While a static member was away for a while, what it was given again had been its own. */
export function awaySpans(facts: Facts): Span[] {
  return [...instancesOf(facts).values()].flatMap(({ heartbeats, instance, group }) => {
    const spans: Span[] = []
    let last: Of<'heartbeat'> | undefined
    let left: Of<'heartbeat'> | undefined
    for (const heartbeat of heartbeats) {
      const { action, outcome, invokedAt } = heartbeat
      const isBack = left !== undefined && action.memberEpoch === 0 && outcome === 'ok'
      if (isBack && last !== undefined && last.action.epoch === action.epoch) {
        const { member, assigned: had = [] } = last.action
        const { invokedAt: from } = left!
        for (const partition of kept(had, action.assigned ?? [])) {
          const span = { group, member, owner: instance, partition, epoch: action.epoch! }
          spans.push({ ...span, from, to: invokedAt })
        }
      }
      const isLeave = action.memberEpoch === -2 && outcome === 'ok'
      left = isLeave && action.member === last?.action.member ? heartbeat : undefined
      if (!isLeave) last = outcome === 'ok' && action.memberEpoch >= 0 ? heartbeat : undefined
    }
    return spans
  })
}

function kept(before: readonly PartitionName[], after: readonly PartitionName[]): PartitionName[] {
  return before.filter((partition) => after.includes(partition))
}

function* zombies(facts: Facts, instances: ReadonlyMap<string, Instance>): Generator<Anomaly> {
  for (const { action, outcome, invokedAt, process } of [
    ...facts.of('commit'),
    ...facts.of('stage'),
  ]) {
    const { group, by, kind, partition, offset } = action
    if (by?.instance === undefined || outcome !== 'ok') continue
    const one = instances.get(keyOf(group, by.instance))
    const other = one && takenBy(one, by.member, invokedAt)
    if (other === undefined) continue
    const what = `${process} could ${kind} ${offset} of ${partition} as ${by.member}, and ${other} had the place of ${by.instance}`
    const transactions = kind === 'stage' ? [action.transaction.name] : []
    yield anomaly('zombie', what, { partitions: [partition], group, transactions })
  }
  for (const one of instances.values()) {
    for (const { action, outcome, invokedAt } of one.heartbeats) {
      if (outcome !== 'ok' || action.memberEpoch <= 0) continue
      const other = takenBy(one, action.member, invokedAt)
      if (other === undefined) continue
      const what = `a heartbeat of ${action.member} was taken, and ${other} had the place of ${one.instance}`
      yield anomaly('zombie', what, { group: one.group, partitions: action.held })
    }
  }
}

/** Who had come into the place of this member by then, for sure. */
function takenBy({ joins }: Instance, member: string, at: number): string | undefined {
  const own = joins.filter((one) => one.member === member && one.invokedAt < at)
  const last = own.findLast(({ outcome, completedAt }) => outcome === 'ok' && completedAt < at)
  // One that nobody heard of may come late.
  if (last === undefined || own.some((one) => one.outcome === 'info')) return undefined
  return joins.find(({ member: other, outcome, invokedAt, completedAt }) => {
    const isBetween = invokedAt > last.completedAt && completedAt < at
    return other !== member && outcome === 'ok' && isBetween
  })?.member
}

/** Of the new protocol: who comes is known by the id that it made for itself. */
function* fencedByNobody({ heartbeats, group, instance }: Instance): Generator<Anomaly> {
  for (const { action, error, completedAt } of heartbeats) {
    if (error !== 'FENCED_INSTANCE_ID') continue
    const isOther = ({ action: other, invokedAt }: Of<'heartbeat'>) =>
      other.member !== action.member && invokedAt < completedAt!
    if (heartbeats.some(isOther)) continue
    const what = `${action.member} was fenced, and nobody else ever came as ${instance}`
    yield anomaly('fenced-in-order', what, { group, partitions: action.held })
  }
}

/** Its holder had left, for a while or for good, and was told so; and nobody has come since. */
function* unreleased(
  heartbeats: readonly Of<'heartbeat'>[],
  { group, instance }: Instance,
): Generator<Anomaly> {
  let isFree = false
  for (const { action, outcome, error } of heartbeats) {
    const { memberEpoch, member } = action
    if (memberEpoch === 0) {
      // It may still come.
      if (outcome === 'info') return
      if (isFree && error === 'UNRELEASED_INSTANCE_ID') {
        const what = `${member} was refused, and whoever was ${instance} had left`
        yield anomaly('fenced-in-order', what, { group, partitions: [] })
      }
      if (outcome === 'ok') isFree = false
    } else if (memberEpoch < 0) isFree = outcome === 'ok'
  }
}

function instancesOf(facts: Facts): Map<string, Instance> {
  const instances = new Map<string, Instance>()
  const of = (group: string, instance: string): Instance => {
    const key = keyOf(group, instance)
    const known = instances.get(key) ?? { group, instance, heartbeats: [], joins: [] }
    instances.set(key, known)
    return known
  }
  for (const heartbeat of facts.of('heartbeat')) {
    const { group, instance, member, memberEpoch } = heartbeat.action
    if (instance === undefined) continue
    const one = of(group, instance)
    one.heartbeats.push(heartbeat)
    if (memberEpoch === 0) one.joins.push(comingOf(member, heartbeat))
  }
  for (const join of facts.of('join')) {
    const { group, instance, member } = join.action
    if (instance !== undefined) of(group, instance).joins.push(comingOf(member, join))
  }
  return instances
}

function comingOf(
  member: string,
  { outcome, invokedAt, completedAt = Number.POSITIVE_INFINITY }: Of<'heartbeat' | 'join'>,
): Coming {
  return { member, outcome, invokedAt, completedAt }
}

function keyOf(group: string, instance: string): string {
  return `${group}\n${instance}`
}
