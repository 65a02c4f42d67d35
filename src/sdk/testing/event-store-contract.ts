// The contract of event stores: what an engine with expected versions promises on top of the rest. Run
// as part of `transportContract`.

import { acrossRules } from './contract/across-rules.ts'
import { appendRules } from './contract/append-rules.ts'
import type { Rule } from './contract/rule.ts'
import { snapshotRules } from './contract/snapshot-rules.ts'
import { storeReadingRules } from './contract/store-reading-rules.ts'
import { streamEndRules } from './contract/stream-end-rules.ts'

export const eventStoreRules: Readonly<Record<string, readonly Rule[]>> = {
  'Event store: appending': appendRules,
  'Event store: appending over partitions': acrossRules,
  'Event store: reading': storeReadingRules,
  'Event store: deleted and truncated streams': streamEndRules,
  'Event store: snapshots': snapshotRules,
}
