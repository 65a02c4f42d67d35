// A program of others, as a process: what it says line by line, how it ends, and a kill.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from './broker.ts'

const KEPT_LINES = 4000
const STACKS_WITHIN_MS = 10_000

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Lines of standard output; what it says beside is kept for a failure to show. */
  readonly onLine?: (line: string) => void
}

export class Program {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #lines: string[] = []
  readonly #closed: Promise<unknown>

  constructor(command: readonly string[], options: ProgramOptions = {}) {
    const [program, ...args] = command
    this.#name = program!
    this.#child = spawn(program!, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
    })
    this.#child.stdin!.on('error', () => this.#keep('its input is closed'))
    const onLine = (line: string) => {
      this.#keep(line)
      options.onLine?.(line)
    }
    createInterface({ input: this.#child.stdout! }).on('line', onLine)
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.#keep(line))
    this.#closed = once(this.#child, 'close')
    const endWithUs = () => this.#child.kill('SIGKILL')
    process.once('exit', endWithUs)
    this.#child.once('close', () => process.off('exit', endWithUs))
  }

  get output(): string {
    return this.#lines.join('\n')
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  write(text: string): void {
    this.#child.stdin!.write(text)
  }

  endInput(): void {
    this.#child.stdin!.end()
  }

  /** @returns its exit code @throws Error when it still runs by then, and ends it */
  async exit(deadlineMs: number): Promise<number | null> {
    const timer = setTimeout(() => {
      this.#keep(`ended after ${deadlineMs} ms`)
      this.#child.kill('SIGKILL')
    }, deadlineMs)
    await this.#closed
    clearTimeout(timer)
    return this.#child.exitCode
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /**
   * As a person would end it; a program that doesn't listen is killed. Before that, a JVM says where each
   * of its threads stands.
   */
  async stop(deadlineMs = 120_000): Promise<void> {
    const isJvm = this.#name === 'java'
    const timers = [
      setTimeout(() => isJvm && this.#child.kill('SIGQUIT'), deadlineMs - STACKS_WITHIN_MS),
      setTimeout(() => {
        this.#keep(`killed: it still ran after ${deadlineMs} ms`)
        this.#child.kill('SIGKILL')
      }, deadlineMs),
    ]
    await this.#end('SIGTERM')
    for (const timer of timers) clearTimeout(timer)
  }

  /** The last words, for a failure to show. */
  lastWords(count = 15): string {
    return `${this.#name}: ${this.#lines.slice(-count).join('\n')}`
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded) return
    this.#child.kill(signal)
    await this.#closed
  }

  #keep(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > KEPT_LINES) this.#lines.shift()
  }
}

/** Runs a program to its end. @returns its standard output @throws Error with its last words when it ends with another code */
export async function runProgram(
  command: readonly string[],
  {
    deadlineMs = 120_000,
    code = 0,
    input = '',
    withErrors = false,
    ...options
  }: ProgramOptions & {
    readonly deadlineMs?: number
    readonly code?: number
    readonly input?: string
    /** Its standard error is part of what it says. */
    readonly withErrors?: boolean
  } = {},
): Promise<string> {
  const lines: string[] = []
  const program = new Program(command, { ...options, onLine: (line) => lines.push(line) })
  program.write(input)
  program.endInput()
  const ended = await program.exit(deadlineMs)
  if (ended !== code) throw new Error(`ended with ${ended}: ${program.lastWords()}`)
  return withErrors ? program.output : lines.join('\n')
}

const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Djava.awt.headless=true']

/** A JVM that starts quickly and stays small, on the libraries of a service or of Kafka's tools. */
export function java(libraries: string, main: string, ...args: readonly string[]): string[] {
  const quiet = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-Dlog4j2.level=OFF']
  return ['java', '-Xmx320m', ...flags, ...quiet, '-cp', `${libraries}/*`, main, ...args]
}

export const toolLibraries = join(root, '.cache/kafka-4.3.1/lib')

export function conformanceLibraries(service: string): string {
  return join(root, '.cache/conformance', service, 'lib')
}
