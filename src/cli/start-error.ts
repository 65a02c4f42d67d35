// Why a broker did not start, in one line and with an exit code. What isn't known here is a bug and
// is shown as one.

import { UnknownFormatError } from '../broker/catalog/format-version.ts'
import { ConfigError } from '../broker/catalog/static-settings.ts'
import { DiskError } from '../host/disk.ts'
import { FolderInUseError } from '../host/folder-lock.ts'
import { NetError } from '../host/net.ts'
import { formatAddress } from './client/address.ts'
import { CliError, ExitCode } from './exit-code.ts'
import type { ServePlan } from './serve-plan.ts'

export function isPortTaken(error: unknown): boolean {
  return error instanceof NetError && error.code === 'address-in-use'
}

export function explainStartError(error: unknown, plan: ServePlan): unknown {
  const explain = (exitCode: ExitCode, message: string) => new CliError(exitCode, message, error)
  const { folder } = plan
  const where = formatAddress(plan.listen)
  if (error instanceof ConfigError) return explain(ExitCode.USAGE, error.message)
  if (error instanceof UnknownFormatError) return explain(ExitCode.FAILURE, error.message)
  if (error instanceof FolderInUseError) {
    const holder = error.pid === undefined ? 'another process' : `process ${error.pid}`
    const message = `The data folder ${folder} is in use by ${holder}: stop it, or choose another folder with --data DIR.`
    return explain(ExitCode.CONFLICT, message)
  }
  if (error instanceof NetError) {
    switch (error.code) {
      case 'address-in-use': {
        const message = `Port ${plan.listen.port} is taken on ${plan.listen.host}: stop what listens there, or choose another with --listen HOST:PORT (port 0 takes a free one).`
        return explain(ExitCode.CONFLICT, message)
      }
      case 'permission': {
        const message = `This user may not listen on ${where}: choose a port from 1024 on with --listen HOST:PORT.`
        return explain(ExitCode.DENIED, message)
      }
      default: {
        const message = `${plan.listen.host} is no address of this machine: choose another with --listen HOST:PORT.`
        return explain(ExitCode.FAILURE, message)
      }
    }
  }
  if (error instanceof DiskError) return explain(ExitCode.FAILURE, explainDiskError(error, folder))
  return error
}

function explainDiskError(error: DiskError, folder: string): string {
  switch (error.code) {
    case 'permission':
      return `This user may not write in the data folder ${folder}: give it the right, or choose another folder with --data DIR.`
    case 'no-space':
      return `No space is left for the data folder ${folder}: free some, or choose another folder with --data DIR.`
    case 'too-many-files':
      return 'Too many open files: raise the limit with ulimit -n.'
    default:
      return `The data folder ${folder} can't be used: ${error.message}.`
  }
}
