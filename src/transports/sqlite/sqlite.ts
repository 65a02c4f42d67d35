// `sqlite({ file })`: tables in one SQLite file. Invariants: one transaction at a time, in the order
// in which they were begun, whatever they wait for; a transaction that cannot begin because another
// process writes waits without stopping the event loop; readers are never in the way (WAL).

import { AsyncLocalStorage } from 'node:async_hooks'
import { nodeClock, nodeTimers } from '../../host/node-host.ts'
import {
  type DatabaseSync,
  isSqliteBusy,
  openSqlite,
  type StatementSync,
} from '../../host/sqlite.ts'
import { SqlError } from '../../sdk/transport/errors.ts'
import type { SqlTransaction, SqlValue, Tables } from '../../sdk/transport/tables.ts'
import { toSqlError } from './sql-error.ts'
import { assertOneStatement, fromSqlite, toSqlite } from './values.ts'

const FIRST_WAIT_MS = 2
const MAX_WAIT_MS = 100

export interface SqliteOptions {
  /** Path; its folder must exist. `:memory:` keeps nothing. */
  readonly file: string
  /** How long a transaction waits for a writer in another process. */
  readonly busyTimeoutMs?: number
}

/** @throws SqlError the file cannot be opened */
export function sqlite(options: SqliteOptions): Tables {
  return new SqliteTables(options)
}

class SqliteTables implements Tables {
  readonly kind = 'sqlite'
  readonly #file: string
  readonly #busyTimeoutMs: number
  readonly #database: DatabaseSync
  /** By the template of the source code: as many as there are places that ask. */
  readonly #statements = new WeakMap<TemplateStringsArray, StatementSync>()
  readonly #inside = new AsyncLocalStorage<{ isOpen: boolean }>()
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor({ file, busyTimeoutMs = 10_000 }: SqliteOptions) {
    this.#file = file
    this.#busyTimeoutMs = busyTimeoutMs
    try {
      this.#database = openSqlite(file)
    } catch (error) {
      throw toSqlError(error, `SQLite cannot open ${file}`)
    }
  }

  begin<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) return Promise.reject(this.#refusal('is closed'))
    if (this.#inside.getStore()?.isOpen === true) {
      const detail = 'has a transaction of this very call: use that, a second would wait for it'
      return Promise.reject(this.#refusal(detail))
    }
    const done = this.#last.then(() => this.#run(work))
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Waits for what has been begun. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#last
    this.#database.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result> {
    await this.#take()
    const scope = { isOpen: true }
    const transaction: SqlTransaction = {
      sql: async <Row extends object>(text: TemplateStringsArray, ...values: SqlValue[]) => {
        if (!scope.isOpen) throw this.#refusal('has ended the transaction of this statement')
        return this.#execute<Row>(text, values)
      },
    }
    try {
      const result = await this.#inside.run(scope, () => work(transaction))
      this.#command('COMMIT')
      return result
    } catch (error) {
      // SQLite ends a transaction by itself after some errors, a full disk among them.
      if (this.#database.isTransaction) this.#command('ROLLBACK')
      throw error
    } finally {
      scope.isOpen = false
    }
  }

  /** Becomes the only writer of the file. @throws SqlError busy */
  async #take(): Promise<void> {
    const deadlineMs = nodeClock.monotonicMs() + this.#busyTimeoutMs
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      try {
        // The file remembers it. Asked here, for the change too may find the file busy.
        this.#database.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!isSqliteBusy(error) || nodeClock.monotonicMs() >= deadlineMs) {
          throw toSqlError(error, `A transaction on ${this.#file} could not begin`)
        }
      }
      await new Promise<void>((resolve) => nodeTimers.after(waitMs, resolve))
    }
  }

  #command(text: 'COMMIT' | 'ROLLBACK'): void {
    try {
      this.#database.exec(text)
    } catch (error) {
      throw toSqlError(error, `${text} on ${this.#file} failed`)
    }
  }

  #execute<Row extends object>(text: TemplateStringsArray, values: readonly SqlValue[]): Row[] {
    try {
      const rows = this.#statement(text).all(...values.map(toSqlite))
      return rows.map(fromSqlite) as Row[]
    } catch (error) {
      throw toSqlError(error, `SQLite refused \`${text.join('?').trim()}\``)
    }
  }

  #statement(text: TemplateStringsArray): StatementSync {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const source = text.join('?')
    const statement = this.#database.prepare(source)
    assertOneStatement(statement, source)
    // As numbers, integers beyond 2^53 would be refused.
    statement.setReadBigInts(true)
    this.#statements.set(text, statement)
    return statement
  }

  #refusal(detail: string): SqlError {
    return new SqlError({ message: `${this.#file} ${detail}.`, kind: 'statement' })
  }
}
