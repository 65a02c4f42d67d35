// SQLite as Node has it: the only place that knows node:sqlite. A busy file is told at once; whoever
// can wait does so outside, for waiting inside would stop the event loop.

import type { DatabaseSync } from 'node:sqlite'

export type { DatabaseSync, StatementSync } from 'node:sqlite'

/** SQLite's result codes; an extended one has them in its lowest byte. */
export const SqliteCode = {
  BUSY: 5,
  FULL: 13,
  CONSTRAINT: 19,
  CONSTRAINT_PRIMARY_KEY: 1555,
  CONSTRAINT_UNIQUE: 2067,
} as const

/** Makes the file if it is missing, though not its folder. */
export function openSqlite(path: string): DatabaseSync {
  const { DatabaseSync } = loadSqlite()
  return new DatabaseSync(path, { timeout: 0 })
}

/** The extended result code; undefined when it is no error of SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}

export function isSqliteBusy(error: unknown): boolean {
  return ((sqliteCode(error) ?? 0) & 0xff) === SqliteCode.BUSY
}

/** Node before 24.15 or so warns on standard error that its SQLite is experimental: not our news. */
function loadSqlite() {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}
