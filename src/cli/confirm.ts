// Before something that can't be taken back: show it, ask where a person sits, else want `--yes`.

import { usageError } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

export interface ConfirmOptions {
  yes?: boolean
  dryRun?: boolean
}

/** @returns false when nothing shall be done: a dry run, or the person said no */
export async function confirm(
  terminal: Terminal,
  options: ConfirmOptions,
  question: string,
): Promise<boolean> {
  if (options.dryRun === true) return false
  if (options.yes === true) return true
  if (!terminal.stdin.isTty) {
    throw usageError(`${question} Nobody to ask here: add --yes to do it, or --dry-run to see it.`)
  }
  const answer = await terminal.stdin.ask(`${question} [y/N] `)
  return /^y(es)?$/i.test(answer.trim())
}
