// The features that this broker knows, with the levels that it can and does work at.
// Source: KIP-584; KIP-848 (`group.version`).

import { TRANSACTIONS_V2 } from '../coordinators/transactions/transaction.ts'

/** With it members may use the new protocol of consumer groups. */
const CONSUMER_GROUPS = 1

export interface Feature {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /** The finalized one. */
  readonly level: number
}

export const FEATURES: readonly Feature[] = [
  { name: 'group.version', minVersion: 0, maxVersion: 1, level: CONSUMER_GROUPS },
  { name: 'transaction.version', minVersion: 0, maxVersion: 2, level: TRANSACTIONS_V2 },
]

/** Levels never change at run time, so neither does this. */
export const FEATURES_EPOCH = 0
