// The port to SQL tables that a handler writes in a transaction: read models, de-duplication and
// progress live beside each other and commit together.

export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array

export interface SqlTransaction {
  /** A tagged template: values travel as parameters, never as text. */
  sql<Row extends object = Record<string, unknown>>(
    text: TemplateStringsArray,
    ...values: readonly SqlValue[]
  ): Promise<readonly Row[]>
}

export interface Tables extends AsyncDisposable {
  /** `sqlite`, `postgres` ... */
  readonly kind: string
  /** Commits when `work` resolves, rolls back when it rejects. */
  begin<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}
