// What one cell of the matrix is: an ability, tried with a client against the broker.
import type { Client } from './clients.ts'
import type { Driver } from './contract.ts'
import type { LossyLink } from './lossy-link.ts'
import type { Probe } from './probe.ts'
import type { Secured, TargetName } from './target.ts'

/** What an ability is given to try itself with. */
export interface Bench {
  readonly client: Client
  /** The client's place in the table: its partition in shared topics. */
  readonly index: number
  readonly driver: Driver
  readonly probe: Probe
  readonly link: LossyLink
  /** Where the same broker asks who comes. */
  readonly secured: Secured
  /** All clients of this run that have written to a shared topic. */
  readonly writers: Writers
  /** A name for a topic or group that no other cell uses. */
  name(what: string): string
}

/** Who has written what to the topics that all clients read. */
export type Writers = Map<string, { readonly client: Client; readonly partition: number }[]>

/**
 * When an ability is tried. All clients have ended one step before the first begins the next:
 * - `first`: on its own
 * - `after-restart-of-client`: in a new process of the client; every client has written by now
 * - `after-restart-of-broker`: the client's process has lived through the restart
 */
export type Step = 'first' | 'after-restart-of-client' | 'after-restart-of-broker'

export interface Ability {
  readonly name: string
  readonly step: Step
  /** The other broker has no such thing. */
  readonly onlyOn?: TargetName
  /** @throws where the cell fails */
  readonly attempt: (bench: Bench) => Promise<void>
}
