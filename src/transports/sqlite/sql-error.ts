// From SQLite's result codes to what a program may act on.

import { isSqliteBusy, SqliteCode, sqliteCode } from '../../host/sqlite.ts'
import { SqlError } from '../../sdk/transport/errors.ts'

/** @param what the beginning of the sentence: what failed */
export function toSqlError(error: unknown, what: string): SqlError {
  if (error instanceof SqlError) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new SqlError({ message: `${what}: ${detail}.`, kind: kindOf(error), cause: error })
}

function kindOf(error: unknown): SqlError['kind'] {
  const code = sqliteCode(error)
  if (isSqliteBusy(error)) return 'busy'
  if (code === SqliteCode.CONSTRAINT_PRIMARY_KEY || code === SqliteCode.CONSTRAINT_UNIQUE) {
    return 'unique'
  }
  if (((code ?? 0) & 0xff) === SqliteCode.CONSTRAINT) return 'constraint'
  return code === SqliteCode.FULL ? 'full' : 'statement'
}
