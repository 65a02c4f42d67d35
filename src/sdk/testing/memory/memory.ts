// `memory()`: an engine that holds everything in this process. It keeps no file and opens no socket;
// what is opened of one value shares its topics and groups, like applications on one broker.

import { nodeClock, nodeRandom, nodeTimers } from '../../../host/node-host.ts'
import type { Capabilities } from '../../transport/capabilities.ts'
import type { Engine, OpenOptions, Transport, World } from '../../transport/transport.ts'
import { type FaultOptions, Faults } from '../faults.ts'
import { MemoryBroker } from './broker.ts'
import { Connection } from './connection.ts'
import { MemoryTransport } from './transport.ts'

const MEMORY_CAPABILITIES: Capabilities = {
  order: 'partition',
  replay: true,
  atomicOutput: true,
  expectedVersion: true,
  idempotentProducer: true,
  compaction: true,
  positions: true,
}

export interface MemoryOptions {
  /** Undefined: real time and randomness. A test brings `new VirtualTime()` and `new SeededRandom(7)`. */
  readonly world?: World
  readonly faults?: FaultOptions
  /** Of topics that don't say. */
  readonly defaultPartitions?: number
  /** Key, value and headers of a record together. */
  readonly maxRecordBytes?: number
  readonly transactionTimeoutMs?: number
}

export interface MemoryEngine extends Engine {
  /** Undefined when none were asked for. */
  readonly faults: Faults | undefined
  open(options: OpenOptions): Promise<KillableTransport>
}

export interface KillableTransport extends Transport {
  /** As if the process had been killed: nothing is given up, nothing is answered any more. */
  kill(): void
}

export function memory(options: MemoryOptions = {}): MemoryEngine {
  const world = options.world ?? { clock: nodeClock, timers: nodeTimers, random: nodeRandom }
  const faults = options.faults === undefined ? undefined : new Faults(options.faults)
  const broker = new MemoryBroker(world, {
    defaultPartitions: options.defaultPartitions ?? 4,
    maxRecordBytes: options.maxRecordBytes ?? 1_048_576,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000,
  })
  return {
    name: 'memory',
    capabilities: MEMORY_CAPABILITIES,
    faults,
    open: async ({ service }) =>
      new MemoryTransport(new Connection(broker, service, faults), MEMORY_CAPABILITIES),
  }
}
