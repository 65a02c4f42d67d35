import { pinned } from '../../../test/contract/pinned.ts'
import { transportContract } from '../../sdk/testing/transport-contract.ts'
import { embedded } from './embedded.ts'

const held = await holdOpen()

transportContract({
  ...pinned.embedded,
  engine: async () => held.engine,
  concurrency: 4,
  timing: { sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 1_000, deadlineMs: 15_000 },
  close: () => held.transport.close(),
})

/** The broker lives as long as somebody has it open: between two rules nobody else has. */
async function holdOpen() {
  const engine = embedded({
    memory: { maxBytes: 256 * 1024 * 1024 },
    listen: false,
    config: { 'group.consumer.assignment.interval.ms': '0' },
  })
  const transport = await engine.open({ service: 'holder', onWarning: () => undefined })
  return { engine, transport }
}
