// Transactions: all or nothing, seen only when committed, and by nobody who was fenced.

import { type Anomaly, anomaly } from './anomaly.ts'
import type { Facts, Of, TransactionFacts } from './facts.ts'

export function checkTransactions(facts: Facts): Anomaly[] {
  return [...badReads(facts), ...torn(facts), ...zombies(facts), ...sources(facts)]
}

/** G1a, and reads of what nobody had asked to commit yet. */
function* badReads(facts: Facts): Generator<Anomaly> {
  for (const { action, completedAt } of facts.polls) {
    if (action.isolation !== 'read_committed') continue
    for (const { offset, value } of action.records ?? []) {
      const transaction = facts.sent.get(value)?.operation.action.transaction
      if (transaction === undefined) continue
      const { name } = transaction
      const concerns = {
        partitions: [action.partition],
        values: [value],
        offsets: [offset],
        transactions: [name],
      }
      const where = `${action.reader} read ${value} at ${action.partition}@${offset}`
      if (facts.outcomeOf(name) === 'not-committed') {
        yield anomaly('g1a', `${where}, of ${name}, which was not committed`, concerns)
        continue
      }
      if (!isAskedBefore(facts.transactions.get(name), completedAt!)) {
        const what = `${where} before the commit of ${name} was asked for`
        yield anomaly('precommitted-read', what, concerns)
      }
    }
  }
}

function isAskedBefore(transaction: TransactionFacts | undefined, order: number): boolean {
  return (
    transaction?.ends.some(({ action, invokedAt }) => action.isCommit && invokedAt < order) === true
  )
}

/** One value seen by readers of committed data, and another one of the same transaction not. */
function* torn(facts: Facts): Generator<Anomaly> {
  for (const { transaction, sends } of facts.transactions.values()) {
    const { name } = transaction
    const seen: Of<'send'>[] = []
    const missing: Of<'send'>[] = []
    for (const send of sends) {
      const reading = facts.final(send.action.partition, 'read_committed')
      const { values, baseOffset } = send.action
      if (reading === undefined || send.outcome !== 'ok') continue
      if (baseOffset! < reading.startOffset) continue
      const isThere = (value: string, i: number) => reading.values.get(baseOffset! + i) === value
      const isSeen = values.every(isThere)
      const mayBeGone = (value: string, i: number) => facts.mayBeGone(value, baseOffset! + i)
      if (!isSeen && values.every((value, i) => isThere(value, i) || mayBeGone(value, i))) continue
      ;(isSeen ? seen : missing).push(send)
    }
    if (seen.length === 0 || missing.length === 0) continue
    const valuesOf = (list: Of<'send'>[]) => list.flatMap(({ action }) => action.values)
    const what = `${name}: ${valuesOf(seen)} is there, ${valuesOf(missing)} is not`
    yield anomaly('torn-transaction', what, {
      partitions: [...new Set([...seen, ...missing].map(({ action }) => action.partition))],
      values: [...valuesOf(seen), ...valuesOf(missing)],
      transactions: [name],
    })
  }
}

/** Whoever holds the transactional id now has been told so; an older one still gets its way. */
function* zombies(facts: Facts): Generator<Anomaly> {
  const takeovers = new Map<string, Of<'init'>[]>()
  for (const init of facts.of('init')) {
    if (init.outcome !== 'ok') continue
    const { transactionalId } = init.action
    takeovers.set(transactionalId, [...(takeovers.get(transactionalId) ?? []), init])
  }
  const deeds = [
    ...facts.sends,
    ...facts.of('stage'),
    ...facts.of('end').filter(({ action }) => action.isCommit),
  ]
  for (const { action, outcome, invokedAt, process } of deeds) {
    const { transaction } = action
    if (transaction === undefined || outcome !== 'ok') continue
    const successor = takeovers
      .get(transaction.transactionalId)
      ?.find(
        (init) =>
          init.action.incarnation > transaction.incarnation && init.completedAt! < invokedAt,
      )
    if (successor === undefined) continue
    const deed = action.kind === 'send' ? `sent ${action.values}` : `did its ${action.kind}`
    const since = `${successor.process} had taken over ${transaction.transactionalId}`
    yield anomaly('zombie', `${process} ${deed} of ${transaction.name} after ${since}`, {
      transactions: [transaction.name],
      values: action.kind === 'send' ? action.values : [],
      partitions: action.kind === 'end' ? [] : [action.partition],
    })
  }
}

interface Made {
  readonly value: string
  readonly transaction: string
}

/** Read-process-write: each source whose offset is committed made exactly one committed value. */
function* sources(facts: Facts): Generator<Anomaly> {
  const made = committedBySource(facts)
  for (const { action } of facts.of('committed')) {
    if (action.isFinal !== true || action.offset === undefined) continue
    const { group, partition, offset: committed } = action
    const ofGroup = made.get(`${group} ${partition}`)
    if (ofGroup === undefined) continue
    for (const [offset, values] of ofGroup) {
      if (values.length < 2) continue
      const all = values.map(({ value }) => value)
      const what = `${partition}@${offset} was made into ${all.join(' and ')} by ${group}`
      const transactions = values.map(({ transaction }) => transaction)
      yield anomaly('processed-twice', what, {
        ...{ values: all, transactions, group },
        ...{ partitions: [partition], offsets: [offset] },
      })
    }
    const input = facts.final(partition, 'read_committed')
    for (const [offset, source] of input?.values ?? []) {
      const isMade = (ofGroup.get(offset)?.length ?? 0) > 0
      if (isMade === offset < committed) continue
      const state = `${group} has committed ${committed}`
      const what = isMade
        ? `${source} (${partition}@${offset}) was processed, and ${state}`
        : `${source} (${partition}@${offset}) was made into nothing, and ${state}`
      const concerns = { partitions: [partition], group, offsets: [offset] }
      const values = [source, ...(ofGroup.get(offset) ?? []).map(({ value }) => value)]
      const transactions = (ofGroup.get(offset) ?? []).map(({ transaction }) => transaction)
      const kind = isMade ? 'torn-transaction' : 'never-processed'
      yield anomaly(kind, what, { ...concerns, values, transactions })
    }
  }
}

/** By group and source partition, then by offset: what readers of committed data find of it. */
function committedBySource(facts: Facts): Map<string, Map<number, Made[]>> {
  const made = new Map<string, Map<number, Made[]>>()
  for (const { action } of facts.sends) {
    if (action.sources === undefined) continue
    const reading = facts.final(action.partition, 'read_committed')
    for (const [index, { group, partition, offset }] of action.sources.entries()) {
      const key = `${group} ${partition}`
      const offsets = made.get(key) ?? new Map<number, Made[]>()
      made.set(key, offsets)
      const value = action.values[index]!
      const places = facts.placesOf.get(value)?.get(action.partition)
      const isThere = [...(places ?? [])].some((place) => reading?.values.get(place) === value)
      if (!isThere) continue
      const transaction = action.transaction?.name ?? ''
      offsets.set(offset, [...(offsets.get(offset) ?? []), { value, transaction }])
    }
  }
  return made
}
