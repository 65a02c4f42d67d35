// `millrace/testing`: an engine in memory, time and randomness that repeat, and the contract of transports.

export { type FaultKind, type FaultOptions, Faults } from '../sdk/testing/faults.ts'
export {
  type KillableTransport,
  type MemoryEngine,
  type MemoryOptions,
  memory,
} from '../sdk/testing/memory/memory.ts'
export { SeededRandom } from '../sdk/testing/seeded-random.ts'
export {
  type Pinned,
  type TransportContract,
  transportContract,
} from '../sdk/testing/transport-contract.ts'
export { VirtualTime } from '../sdk/testing/virtual-time.ts'
