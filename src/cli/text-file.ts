// A file that the command line names.

import { basename, dirname, resolve } from 'node:path'
import { nodeDisk } from '../host/node-disk.ts'
import { CliError, ExitCode } from './exit-code.ts'

/** @throws CliError (not found) */
export async function readTextFile(path: string): Promise<string> {
  const absolute = resolve(path)
  const content = await nodeDisk(dirname(absolute)).readFile(basename(absolute))
  if (content !== undefined) return content.toString()
  throw new CliError(ExitCode.NOT_FOUND, `The file ${path} does not exist.`)
}
