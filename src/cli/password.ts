// A password for a new user: from a file, from a person who types it unseen, or from standard input.
// Never from the command line, which every user of the machine can read.

import { CliError, ExitCode, usageError } from './exit-code.ts'
import type { Terminal } from './terminal.ts'
import { readTextFile } from './text-file.ts'

const MAX_INPUT_BYTES = 64 * 1024

/** @throws CliError when there is none, or the person types two different ones */
export async function readPassword(
  terminal: Terminal,
  options: { passwordFile?: string },
  user: string,
): Promise<string> {
  const { passwordFile } = options
  if (passwordFile !== undefined) {
    return withoutLineEnd(await readTextFile(passwordFile), `The file ${passwordFile}`)
  }
  if (terminal.stdin.isTty) return askTwice(terminal, user)
  return withoutLineEnd(await readInput(terminal), 'Standard input')
}

async function askTwice({ stdin }: Terminal, user: string): Promise<string> {
  const password = await stdin.askHidden(`Password of ${user}: `)
  if (password === '') throw usageError('A password is not empty.')
  const again = await stdin.askHidden('Once more: ')
  if (again === password) return password
  throw new CliError(ExitCode.FAILURE, 'The two passwords differ: nothing was changed.')
}

async function readInput({ stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin.chunks()) {
    bytes += chunk.length
    if (bytes > MAX_INPUT_BYTES) throw usageError('Standard input is too long for a password.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** As an editor or `echo` leaves it. */
function withoutLineEnd(text: string, source: string): string {
  const password = text.replace(/\r?\n$/, '')
  if (password === '') throw usageError(`${source} holds no password.`)
  if (/[\r\n\0]/.test(password)) throw usageError(`${source} holds more than one line.`)
  return password
}
