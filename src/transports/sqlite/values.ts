// Values on their way into SQLite and back. It knows integers, reals, texts, bytes and null: a truth
// value is stored as 0 or 1, a time as RFC 3339 text, which sorts.

import type { StatementSync } from '../../host/sqlite.ts'
import { SqlError } from '../../sdk/transport/errors.ts'
import type { SqlValue } from '../../sdk/transport/tables.ts'

type Stored = null | number | bigint | string | Uint8Array

export function toSqlite(value: SqlValue): Stored {
  if (typeof value === 'boolean') return value ? 1 : 0
  return value instanceof Date ? value.toISOString() : value
}

/** Integers become numbers as long as those are exact. */
export function fromSqlite(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, isExact(value) ? Number(value) : value]),
  )
}

/** SQLite prepares the first statement of a text and forgets the rest. @throws SqlError */
export function assertOneStatement(statement: StatementSync, source: string): void {
  const rest = source.slice(statement.sourceSQL.length).trim()
  if (rest === '') return
  const message = `One statement at a time: \`${rest}\` would not be executed.`
  throw new SqlError({ message, kind: 'statement' })
}

function isExact(value: unknown): value is bigint {
  if (typeof value !== 'bigint') return false
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
}
