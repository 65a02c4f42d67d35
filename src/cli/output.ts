// How a command shows its result. Data goes to stdout in one of four forms: a table where a person
// looks, tab-separated lines in a pipe, one JSON document (`--json`), one JSON value per line
// (`--jsonl`). Everything else (notes, warnings, errors) goes to stderr.

import { styleText } from 'node:util'
import { type Sink, type Terminal, wantsColour } from './terminal.ts'
import { printable, tsvField } from './text.ts'

export type Format = 'table' | 'tsv' | 'json' | 'jsonl'

export interface OutputOptions {
  json?: boolean | undefined
  jsonl?: boolean | undefined
  quiet?: boolean | undefined
  verbose?: boolean | undefined
}

/** One column of a table over rows that are also what `--json` prints. */
export interface Column<Row> {
  readonly title: string
  /** As a script reads it; null is `\N` in a pipe and `-` in a table. */
  readonly value: (row: Row) => string | number | null
  /** As a person reads it, where that differs. */
  readonly show?: (row: Row) => string
  readonly align?: 'right'
}

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan'

export class Output {
  readonly format: Format
  readonly #stdout: Sink
  readonly #stderr: Sink
  readonly #isQuiet: boolean
  readonly #isVerbose: boolean
  readonly #hasColour: boolean
  readonly #hasErrorColour: boolean

  constructor(terminal: Terminal, options: OutputOptions) {
    this.#stdout = terminal.stdout
    this.#stderr = terminal.stderr
    this.#isQuiet = options.quiet === true
    this.#isVerbose = options.verbose === true
    this.#hasColour = wantsColour(terminal.stdout, terminal.env)
    this.#hasErrorColour = wantsColour(terminal.stderr, terminal.env)
    if (options.json === true) this.format = 'json'
    else if (options.jsonl === true) this.format = 'jsonl'
    else this.format = terminal.stdout.isTty ? 'table' : 'tsv'
  }

  /** A list: a table, lines of fields without a heading, an array, or one object per line. */
  async rows<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Promise<void> {
    switch (this.format) {
      case 'json':
        return this.#stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
      case 'jsonl':
        return this.#stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
      case 'tsv':
        return this.#stdout.write(rows.map((row) => tsvLine(columns, row)).join(''))
      case 'table':
        return this.#stdout.write(this.#table(columns, rows))
    }
  }

  /** Things too rich for one table: in a pipe, the rows of each; for a person, whatever `show` prints. */
  async documents<Document, Row>(
    documents: readonly Document[],
    form: {
      readonly columns: readonly Column<Row>[]
      readonly rows: (document: Document) => readonly Row[]
      readonly show: (document: Document) => Promise<void>
    },
  ): Promise<void> {
    switch (this.format) {
      case 'json':
        return this.json(documents)
      case 'jsonl':
        for (const document of documents) await this.json(document)
        return
      case 'tsv':
        return this.rows(form.columns, documents.flatMap(form.rows))
      case 'table':
        for (const [index, document] of documents.entries()) {
          if (index > 0) await this.data('\n')
          await form.show(document)
        }
    }
  }

  /** One JSON value, in the two JSON forms. */
  json(value: unknown): Promise<void> {
    const indent = this.format === 'json' ? 2 : undefined
    return this.#stdout.write(`${JSON.stringify(value, null, indent)}\n`)
  }

  /** Data as it is. */
  data(content: string | Uint8Array): Promise<void> {
    return this.#stdout.write(content)
  }

  /** A sentence for the person: left out with `-q`. */
  async note(text: string): Promise<void> {
    if (!this.#isQuiet) await this.#stderr.write(`${text}\n`)
  }

  /** A sentence that is only wanted with `-v`. */
  async detail(text: string): Promise<void> {
    if (this.#isVerbose) await this.#stderr.write(`${text}\n`)
  }

  async warning(text: string): Promise<void> {
    const label = this.#hasErrorColour ? paint('yellow', 'warning:') : 'warning:'
    await this.#stderr.write(`${label} ${text}\n`)
  }

  paint(style: Style, text: string): string {
    return this.#hasColour ? paint(style, text) : text
  }

  #table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
    const cells = rows.map((row) => columns.map((column) => cell(column, row)))
    const widths = columns.map((column, index) =>
      Math.max(column.title.length, ...cells.map((line) => [...line[index]!].length)),
    )
    const align = (text: string, index: number): string => {
      const gap = ' '.repeat(Math.max(0, widths[index]! - [...text].length))
      if (columns[index]!.align === 'right') return gap + text
      return index === columns.length - 1 ? text : text + gap
    }
    const heading = columns.map((column, index) => align(column.title, index)).join('  ')
    const lines = cells.map((line) => `${line.map(align).join('  ')}\n`)
    return `${this.paint('dim', heading)}\n${lines.join('')}`
  }
}

/** Colours regardless of the stream: the caller has asked `wantsColour`. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { validateStream: false })
}

function tsvLine<Row>(columns: readonly Column<Row>[], row: Row): string {
  const fields = columns.map((column) => {
    const value = column.value(row)
    return typeof value === 'number' ? String(value) : tsvField(value)
  })
  return `${fields.join('\t')}\n`
}

function cell<Row>(column: Column<Row>, row: Row): string {
  if (column.show !== undefined) return column.show(row)
  const value = column.value(row)
  if (value === null) return '-'
  return typeof value === 'number' ? String(value) : printable(value)
}
