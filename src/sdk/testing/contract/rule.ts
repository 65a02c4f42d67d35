// What the contract of transports is made of: rules, each with an id under which the table of
// docs/transports.md shows it, and what a rule is given to try an engine with.

import type { Capabilities, Capability } from '../../transport/capabilities.ts'
import type { Engine, Transport } from '../../transport/transport.ts'

export interface Rule {
  /** Stable: tables and blanks name it. */
  readonly id: string
  /** A sentence of the contract. */
  readonly title: string
  /** What an engine must have for the rule to mean anything. */
  readonly needs?: readonly Capability[]
  /** What must be done to the engine from outside for the rule to be tried. */
  readonly uses?: keyof Disturbances
  try(run: ContractRun): Promise<void>
}

/** What only whoever sets an engine up can do to it. */
export interface Disturbances {
  /** As if the transport's process had been killed: it is heard of no more, and told nothing. */
  kill(transport: Transport): void | Promise<void>
  /** All connections to the broker break at once, in the middle of what they carry. */
  breakConnections(): void | Promise<void>
}

export interface Timing {
  /** A member unheard of for so long has left. Brokers have a least one: Kafka's is 6 s. */
  readonly sessionTimeoutMs: number
  /** What a hanging `onRevoked` is given. */
  readonly rebalanceTimeoutMs: number
  /** What is waited for has failed to come after so long. */
  readonly deadlineMs: number
}

export interface ContractRun {
  readonly engine: Engine
  readonly row: Capabilities
  readonly timing: Timing
  readonly disturb: Partial<Disturbances>
  /** Aborted when the rule is over, or has taken too long. */
  readonly signal: AbortSignal
  /** Closed when the rule is over. */
  open(): Promise<Transport>
  /** Makes a topic of its own name. */
  topic(transport: Transport, partitions?: number): Promise<string>
  uniqueName(): string
  /** @throws Error when the condition has not come true in time */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>
  /** Lets time pass where that nothing happens is what is to be shown. */
  pass(durationMs: number): Promise<void>
}

/** Of the capabilities that rules need, those that an engine has not. */
export function missing(row: Capabilities, needs: readonly Capability[] = []): Capability[] {
  return needs.filter((need) =>
    need === 'partition-order' ? row.order !== 'partition' : !row[need],
  )
}
