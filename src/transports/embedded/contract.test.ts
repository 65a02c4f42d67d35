import { pinned } from '../../../test/contract/pinned.ts'
import { transportContract } from '../../sdk/testing/transport-contract.ts'
import { embedded } from './embedded.ts'

transportContract({
  ...pinned.embedded,
  engine: async () =>
    embedded({
      memory: true,
      listen: false,
      config: { 'group.consumer.assignment.interval.ms': '0' },
    }),
  timing: { sessionTimeoutMs: 500, rebalanceTimeoutMs: 500 },
  concurrency: 4,
})
