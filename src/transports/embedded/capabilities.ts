// What the embedded engine is called, and what it can do.

import type { Capabilities } from '../../sdk/transport/capabilities.ts'

export const name = 'embedded'

export const capabilities: Capabilities = {
  order: 'partition',
  replay: true,
  atomicOutput: true,
  expectedVersion: true,
  idempotentProducer: true,
  compaction: true,
  positions: true,
}
