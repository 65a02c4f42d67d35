// `memory()`: an engine that holds everything in this process. It keeps no file and opens no socket;
// what is opened of one value shares its topics and groups, like applications on one broker.

import { nodeClock, nodeRandom, nodeTimers } from '../../../host/node-host.ts'
import type { Capabilities } from '../../transport/capabilities.ts'
import type { Engine, World } from '../../transport/transport.ts'
import { MemoryBroker } from './broker.ts'
import { MemoryTransport } from './transport.ts'

const MEMORY_CAPABILITIES: Capabilities = {
  order: 'partition',
  replay: true,
  atomicOutput: true,
  expectedVersion: false,
  idempotentProducer: true,
  compaction: false,
  positions: true,
}

export interface MemoryOptions {
  /** Undefined: real time and randomness. A test brings `new VirtualTime()` and `new SeededRandom(7)`. */
  readonly world?: World
  /** Of topics that don't say. */
  readonly defaultPartitions?: number
  /** Key, value and headers of a record together. */
  readonly maxRecordBytes?: number
  readonly transactionTimeoutMs?: number
}

export function memory(options: MemoryOptions = {}): Engine {
  const world = options.world ?? { clock: nodeClock, timers: nodeTimers, random: nodeRandom }
  const broker = new MemoryBroker(world, {
    defaultPartitions: options.defaultPartitions ?? 4,
    maxRecordBytes: options.maxRecordBytes ?? 1_048_576,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000,
  })
  return {
    name: 'memory',
    capabilities: MEMORY_CAPABILITIES,
    open: async () => new MemoryTransport(broker, MEMORY_CAPABILITIES),
  }
}
