// What groups have committed: never behind what was acknowledged, never ahead of the data, never what
// an aborted transaction wanted, and nothing passed by that no member was given.
// A commit whose answer was lost may arrive late and take an offset back: that is Kafka's protocol.

import { type Anomaly, anomaly } from './anomaly.ts'
import type { Facts, Of } from './facts.ts'

export function checkOffsets(facts: Facts): Anomaly[] {
  return [...committedOffsets(facts), ...groupSkips(facts)]
}

interface Wish {
  readonly offset: number
  readonly invokedAt: number
  /** When it was acknowledged: from then on it counts. */
  readonly acknowledgedAt: number
  readonly isUnsure: boolean
  readonly stage: Of<'stage'> | undefined
}

function* committedOffsets(facts: Facts): Generator<Anomaly> {
  const wishes = wishesOf(facts)
  for (const look of facts.of('committed')) {
    const { group, partition, offset } = look.action
    if (look.outcome !== 'ok' || offset === undefined) continue
    const asked = wishes.get(`${group} ${partition}`) ?? []
    const where = `${group} has committed ${offset} of ${partition}`
    const concerns = { partitions: [partition], group, offsets: [offset] }
    const equal = asked.filter((wish) => wish.offset === offset)
    if (offset >= 0 && !equal.some(({ invokedAt }) => invokedAt < look.completedAt!)) {
      yield anomaly('commit-invented', `${where}, and nobody asked for that`, concerns)
      continue
    }
    const acknowledged = asked
      .filter(({ acknowledgedAt }) => acknowledgedAt < look.invokedAt)
      .reduce((highest, wish) => Math.max(highest, wish.offset), -1)
    const isLate = equal.some(
      ({ isUnsure, invokedAt }) => isUnsure && invokedAt < look.completedAt!,
    )
    if (offset < acknowledged && !isLate) {
      const what = `${where}, and ${acknowledged} was acknowledged before`
      yield anomaly('commit-lost', what, { ...concerns, offsets: [offset, acknowledged] })
    }
    if (offset >= 0) yield* transactionalOffset(facts, look, equal)
    const end = facts.final(partition, 'read_uncommitted')?.endOffset
    if (end !== undefined && offset > end) {
      yield anomaly('commit-ahead', `${where}, which ends at ${end}`, concerns)
    }
  }
}

/** Every wish for this offset belongs to a transaction that was not to count. */
function* transactionalOffset(
  facts: Facts,
  { action, completedAt }: Of<'committed'>,
  equal: readonly Wish[],
): Generator<Anomaly> {
  if (equal.some(({ stage }) => stage === undefined)) return
  const names = equal.map(({ stage }) => stage!.action.transaction.name)
  const where = `${action.group} has committed ${action.offset} of ${action.partition}`
  const concerns = {
    partitions: [action.partition],
    transactions: names,
    group: action.group,
    offsets: [action.offset!],
  }
  if (names.every((name) => facts.outcomeOf(name) === 'not-committed')) {
    yield anomaly('g1a-offset', `${where}, of ${names}, not committed`, concerns)
    return
  }
  const isAsked = names.some((name) =>
    facts.transactions
      .get(name)!
      .ends.some(({ action: end, invokedAt }) => end.isCommit && invokedAt < completedAt!),
  )
  if (!isAsked) {
    const what = `${where} before the commit of ${names} was asked for`
    yield anomaly('precommitted-offset', what, concerns)
  }
}

function wishesOf(facts: Facts): Map<string, Wish[]> {
  const wishes = new Map<string, Wish[]>()
  const add = (group: string, partition: string, wish: Wish) => {
    const key = `${group} ${partition}`
    const list = wishes.get(key) ?? []
    list.push(wish)
    wishes.set(key, list)
  }
  for (const { action, outcome, invokedAt, completedAt } of facts.of('commit')) {
    if (outcome === 'fail') continue
    add(action.group, action.partition, {
      ...{ offset: action.offset, invokedAt, stage: undefined },
      acknowledgedAt: outcome === 'ok' ? completedAt! : Number.POSITIVE_INFINITY,
      isUnsure: outcome === 'info',
    })
  }
  for (const stage of facts.of('stage')) {
    const { transaction, group, partition, offset } = stage.action
    const commit = facts.transactions
      .get(transaction.name)
      ?.ends.find(({ action, outcome }) => action.isCommit && outcome === 'ok')
    const counts = stage.outcome === 'ok' && commit !== undefined
    add(group, partition, {
      ...{ offset, invokedAt: stage.invokedAt, stage },
      acknowledgedAt: counts ? commit.completedAt! : Number.POSITIVE_INFINITY,
      isUnsure: false,
    })
  }
  return wishes
}

/** At least once: below the committed offset every visible record was given to some member. */
function* groupSkips(facts: Facts): Generator<Anomaly> {
  const given = new Map<string, Set<number>>()
  for (const { action } of facts.polls) {
    if (action.group === undefined) continue
    const key = `${action.group} ${action.partition}`
    const offsets = given.get(key) ?? new Set()
    given.set(key, offsets)
    for (const { offset } of action.records ?? []) offsets.add(offset)
  }
  for (const { action } of facts.of('committed')) {
    if (action.isFinal !== true || action.offset === undefined) continue
    const { group, partition } = action
    const offsets = given.get(`${group} ${partition}`)
    const reading = facts.final(partition, 'read_committed')
    if (offsets === undefined || reading === undefined) continue
    const deletedBelow = facts.deletedBelow(partition)
    for (const [offset, value] of reading.values) {
      if (offset >= action.offset || offset < deletedBelow || offsets.has(offset)) continue
      const what = `${group} has committed ${action.offset} of ${partition}, and no member was given ${value} (@${offset})`
      const concerns = { partitions: [partition], values: [value], group, offsets: [offset] }
      yield anomaly('group-skip', what, concerns)
    }
  }
}
