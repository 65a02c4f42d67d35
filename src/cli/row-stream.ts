// Rows that are printed as they come. In the JSON forms each is its JSON, with `--json` within one
// array; else it is the line that the caller makes of it.

import type { Output } from './output.ts'

export class RowStream<Row> {
  readonly #output: Output
  readonly #line: (row: Row) => string
  #rowCount = 0

  /** @param line of a row, with its line end; not asked for in the JSON forms */
  constructor(output: Output, line: (row: Row) => string) {
    this.#output = output
    this.#line = line
  }

  get rowCount(): number {
    return this.#rowCount
  }

  async write(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return
    const text = rows.map((row) => this.#text(row)).join('')
    await this.#output.data(text)
  }

  /** Completes the document. */
  async end(): Promise<void> {
    if (this.#output.format !== 'json') return
    await this.#output.data(this.#rowCount === 0 ? '[]\n' : '\n]\n')
  }

  #text(row: Row): string {
    const separator = this.#rowCount === 0 ? '[\n  ' : ',\n  '
    this.#rowCount++
    switch (this.#output.format) {
      case 'json':
        return separator + JSON.stringify(row)
      case 'jsonl':
        return `${JSON.stringify(row)}\n`
      default:
        return this.#line(row)
    }
  }
}
