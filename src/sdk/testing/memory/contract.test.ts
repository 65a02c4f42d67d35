import { pinned } from '../../../../test/contract/pinned.ts'
import { transportContract } from '../transport-contract.ts'
import { memory } from './memory.ts'
import { MemoryTransport } from './transport.ts'

transportContract({
  ...pinned.memory,
  engine: async () => memory(),
  timing: { sessionTimeoutMs: 200, rebalanceTimeoutMs: 200, deadlineMs: 20_000 },
  concurrency: 4,
  disturb: {
    kill: (transport) => {
      if (transport instanceof MemoryTransport) transport.kill()
    },
  },
})
