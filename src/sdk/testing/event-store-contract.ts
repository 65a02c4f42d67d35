// The contract of event stores: what an engine with expected versions promises on top of the rest. Run
// as part of `transportContract`.

import { appendRules } from './contract/append-rules.ts'
import type { Rule } from './contract/rule.ts'
import { storeReadingRules } from './contract/store-reading-rules.ts'
import { streamEndRules } from './contract/stream-end-rules.ts'

export const eventStoreRules: Readonly<Record<string, readonly Rule[]>> = {
  'Event store: appending': appendRules,
  'Event store: reading': storeReadingRules,
  'Event store: deleted and truncated streams': streamEndRules,
}
