// One run of the command: its terminal, the outside world, and what every verb needs to declare
// itself. A verb's module exports `define`, which adds arguments, options, examples and the action
// to its Command; only the module of the verb that was asked for is loaded.

import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

export interface Session {
  readonly terminal: Terminal
  /** What the process ends with when the action returns. */
  exitCode: ExitCode
}

export interface VerbModule {
  define(command: Command, session: Session): void
}

/** Help leads with these: a command line and what it does. */
export function examples(command: Command, lines: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...lines.map(([line]) => line.length))
  const text = lines.map(([line, meaning]) => `  ${line.padEnd(width)}   ${meaning}`).join('\n')
  return command.addHelpText('before', `Examples:\n${text}\n`)
}
