// The checker: a pure function from a history to what is wrong in it. It knows nothing of clients,
// faults or time; two worlds, the simulated and the real one, write histories for it.
// Source: the Kafka workload of Jepsen (jepsen.tests.kafka), whose list this is.

import type { Operation } from '../operations.ts'
import { type Anomaly, anomaly } from './anomaly.ts'
import { checkKeys } from './compaction.ts'
import { Facts } from './facts.ts'
import { checkInstances } from './instances.ts'
import { checkMembers } from './members.ts'
import { checkOffsets } from './offsets.ts'
import { checkPolls } from './polls.ts'
import { checkSubscriptions } from './subscriptions.ts'
import { checkTransactions } from './transactions.ts'
import { checkWrites } from './writes.ts'

export function check(operations: readonly Operation[]): Anomaly[] {
  const facts = new Facts(operations)
  return [
    ...checkWrites(facts),
    ...checkTransactions(facts),
    ...checkPolls(facts),
    ...checkOffsets(facts),
    ...checkMembers(facts),
    ...checkInstances(facts),
    ...checkSubscriptions(facts),
    ...checkKeys(facts),
    ...facts.of('stuck').map(({ action, process }) => {
      const partitions = action.partition === undefined ? [] : [action.partition]
      return anomaly('stuck', `${process}: ${action.what}`, { partitions })
    }),
  ]
}
