// `millrace/testing`: an engine in memory, time and randomness that repeat, for tests.

export { type FaultKind, type FaultOptions, Faults } from '../sdk/testing/faults.ts'
export { type MemoryEngine, type MemoryOptions, memory } from '../sdk/testing/memory/memory.ts'
export { SeededRandom } from '../sdk/testing/seeded-random.ts'
export { VirtualTime } from '../sdk/testing/virtual-time.ts'
