// What members are given is what they asked for: nobody gets a partition of a topic that it does not
// subscribe to, and in one generation of a classic group nobody gets what another one has.
// What a lost request asked for may count later: it may come late.
// A classic static member that restarts is given what its place had, whatever it asks for now (KIP-345).

import { topicOf, wants } from '../operations.ts'
import { type Anomaly, anomaly } from './anomaly.ts'
import type { Facts, Of } from './facts.ts'

export function checkSubscriptions(facts: Facts): Anomaly[] {
  const members = Map.groupBy(facts.of('heartbeat'), ({ action }) => action.member)
  return [
    ...[...members.values()].flatMap((heartbeats) => [...notSubscribed(heartbeats)]),
    ...facts.of('join').flatMap((join) => [...notAskedFor(join)]),
    ...ownedTwice(facts.of('join')),
  ]
}

/** @param heartbeats of one member */
function* notSubscribed(heartbeats: readonly Of<'heartbeat'>[]): Generator<Anomaly> {
  const maybe: Of<'heartbeat'>[] = []
  for (const heartbeat of heartbeats) {
    const { action, outcome } = heartbeat
    const { subscribed, member, group, assigned = [], memberEpoch } = action
    if (outcome === 'info') maybe.push(heartbeat)
    if (outcome !== 'ok' || subscribed === undefined || memberEpoch < 0) continue
    for (const partition of assigned) {
      const topic = topicOf(partition)
      const asked = [action, ...maybe.map((one) => one.action)]
      if (asked.some((one) => one.subscribed === undefined || wants(one.subscribed, topic)))
        continue
      const what = `${member} was given ${partition}, and does not subscribe to it`
      yield anomaly('not-subscribed', what, { group, partitions: [partition] })
    }
  }
}

function* notAskedFor({ action, outcome }: Of<'join'>): Generator<Anomaly> {
  const { subscribed, assigned = [], instance, member, group, generation } = action
  if (outcome !== 'ok' || subscribed === undefined || instance !== undefined) return
  for (const partition of assigned) {
    if (wants(subscribed, topicOf(partition))) continue
    const what = `${member} was given ${partition} in generation ${generation}, and had not asked for it`
    yield anomaly('not-subscribed', what, { group, partitions: [partition] })
  }
}

function* ownedTwice(joins: readonly Of<'join'>[]): Generator<Anomaly> {
  const owners = new Map<string, string>()
  for (const { action, outcome } of joins) {
    const { group, generation, instance, member, assigned = [] } = action
    if (outcome !== 'ok') continue
    const owner = instance ?? member
    for (const partition of assigned) {
      const key = `${group} ${generation} ${partition}`
      const other = owners.get(key) ?? owner
      owners.set(key, other)
      if (other === owner) continue
      const what = `${owner} was given ${partition} in generation ${generation}, in which ${other} has it`
      yield anomaly('owned-twice', what, { group, partitions: [partition] })
    }
  }
}
