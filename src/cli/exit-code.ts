// How a command ends: the exit codes that scripts rely on, and the error that carries one.
// A message says what, which, and what to do, in one line.

export const ExitCode = {
  OK: 0,
  FAILURE: 1,
  USAGE: 2,
  NOT_FOUND: 3,
  DENIED: 4,
  UNREACHABLE: 5,
  CONFLICT: 6,
  NOTHING_MATCHED: 7,
  WRONG_VERSION: 8,
  INTERRUPTED: 130,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.exitCode = exitCode
  }
}

export function usageError(message: string): CliError {
  return new CliError(ExitCode.USAGE, message)
}
