// Where the log of a served broker goes. Off a terminal every entry is a line of JSON on stdout,
// `ready` before all others; on a terminal, warnings and errors are sentences on stderr.

import { nodeClock } from '../host/node-host.ts'
import { paint } from './output.ts'
import { type Terminal, wantsColour } from './terminal.ts'
import { printable } from './text.ts'

export class ServeLog {
  readonly #terminal: Terminal
  readonly #isVerbose: boolean
  /** Entries from before `ready`; undefined from then on. */
  #early: string[] | undefined = []

  constructor(terminal: Terminal, { isVerbose }: { isVerbose: boolean }) {
    this.#terminal = terminal
    this.#isVerbose = isVerbose
  }

  /** @param line an entry of the broker's log, without its line end */
  add(line: string): void {
    const { stdout, stderr } = this.#terminal
    if (stdout.isTty) void stderr.write(this.#sentence(line))
    else if (this.#early === undefined) void stdout.write(`${line}\n`)
    else this.#early.push(line)
  }

  /** The first line of all, and then what came before it. */
  async begin(entry: Readonly<Record<string, unknown>>): Promise<void> {
    const lines = [JSON.stringify(entry), ...(this.#early ?? [])]
    this.#early = undefined
    await this.#terminal.stdout.write(lines.map((line) => `${line}\n`).join(''))
  }

  async warn(event: string, sentence: string): Promise<void> {
    const { stdout, stderr } = this.#terminal
    if (stdout.isTty) await stderr.write(`${this.#label('yellow', 'warning')} ${sentence}\n`)
    else await this.#write({ event, level: 'warn', message: sentence })
  }

  /** A fact for a machine, a sentence for a person. */
  async tell(entry: { event: string; [name: string]: unknown }, sentence: string): Promise<void> {
    const { stdout, stderr } = this.#terminal
    if (stdout.isTty) await stderr.write(`${sentence}\n`)
    else await this.#write({ level: 'info', ...entry })
  }

  #write({ event, ...fields }: { event: string; [name: string]: unknown }): Promise<void> {
    const time = new Date(nodeClock.nowMs()).toISOString()
    return this.#terminal.stdout.write(`${JSON.stringify({ event, time, ...fields })}\n`)
  }

  /** Empty for what a person need not know. */
  #sentence(line: string): string {
    const { event, level, time: _, ...fields } = parseEntry(line)
    const isAlarming = level === 'warn' || level === 'error'
    if (!isAlarming && !this.#isVerbose) return ''
    const facts = Object.entries(fields).map(
      ([name, value]) => `${name}=${printable(String(value))}`,
    )
    const label = isAlarming
      ? this.#label(level === 'error' ? 'red' : 'yellow', level === 'error' ? 'error' : 'warning')
      : 'info:'
    return `${[label, String(event), ...facts].join(' ')}\n`
  }

  #label(style: 'red' | 'yellow', label: string): string {
    const { stderr, env } = this.#terminal
    return wantsColour(stderr, env) ? paint(style, `${label}:`) : `${label}:`
  }
}

function parseEntry(line: string): Readonly<Record<string, unknown>> {
  const entry: unknown = JSON.parse(line)
  return typeof entry === 'object' && entry !== null ? { ...entry } : { event: line }
}
