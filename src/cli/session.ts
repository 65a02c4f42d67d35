// One run of the command, and what the module of a verb exports: its examples, and `define`, which
// adds arguments, options and the action to its Command. Only the module of the verb that was asked
// for is loaded.

import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

export interface Session {
  readonly terminal: Terminal
  /** What the process ends with when the action returns. */
  exitCode: ExitCode
}

/** A command line and what it does: help leads with them. */
export type Examples = readonly (readonly [line: string, meaning: string])[]

export interface VerbModule {
  readonly examples: Examples
  define(command: Command, session: Session): void
}
