// The broker as a process of its own, started on one port again and again and killed in between.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')
const READY_DEADLINE_MS = 120_000

export class BrokerProcess {
  readonly #child: ChildProcess
  readonly #lines: string[]
  readonly port: number
  /** From spawning to the ready event. */
  readonly readyMs: number

  private constructor(child: ChildProcess, lines: string[], port: number, readyMs: number) {
    this.#child = child
    this.#lines = lines
    this.port = port
    this.readyMs = readyMs
  }

  /**
   * @param options.port 0 takes a free one
   * @param options.openFiles how many files and sockets the system lets it have, at most
   */
  static async start(options: {
    folder: string
    port: number
    configs?: Readonly<Record<string, string>>
    openFiles?: number
  }): Promise<BrokerProcess> {
    const configs = Object.entries(options.configs ?? {})
    const command = [
      ...[process.execPath, main, 'start'],
      ...['--data', options.folder, '--listen', `127.0.0.1:${options.port}`],
      ...configs.flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ]
    const [program, ...args] =
      options.openFiles === undefined ? command : withOpenFiles(options.openFiles, command)
    const child = spawn(program!, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: withoutSettings(process.env),
    })
    const startedAt = performance.now()
    const lines: string[] = []
    const ready = Promise.withResolvers<number>()
    const read = (line: string) => {
      lines.push(line)
      const event = parse(line)
      if (event?.['event'] === 'ready') ready.resolve(portOf(String(event['kafka'])))
    }
    createInterface(child.stdout!).on('line', read)
    createInterface(child.stderr!).on('line', (line) => lines.push(line))
    child.once('exit', (code) =>
      ready.reject(new Error(`the broker ended with ${code}:\n${lines.join('\n')}`)),
    )
    const deadline = setTimeout(
      () => ready.reject(new Error(`the broker is not ready:\n${lines.join('\n')}`)),
      READY_DEADLINE_MS,
    )
    try {
      const port = await ready.promise
      return new BrokerProcess(child, lines, port, performance.now() - startedAt)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      clearTimeout(deadline)
    }
  }

  /** What it wrote, for a failing test to show. */
  get output(): string {
    return this.#lines.join('\n')
  }

  get pid(): number {
    return this.#child.pid!
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Resolves with its exit code, null after a signal, or undefined when it still runs by then. */
  async exitWithin(deadlineMs: number): Promise<number | null | undefined> {
    if (this.hasEnded) return this.#child.exitCode
    try {
      await once(this.#child, 'exit', { signal: AbortSignal.timeout(deadlineMs) })
      return this.#child.exitCode
    } catch {
      return undefined
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.hasEnded) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}

/** The shell becomes the broker: signals reach the right process. */
function withOpenFiles(limit: number, command: readonly string[]): string[] {
  return ['sh', '-c', `ulimit -n ${limit} && exec "$@"`, 'sh', ...command]
}

/** A variable of the test's own (rounds, seed) would be taken for a setting that does not exist. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !name.startsWith('MILLRACE_'))
  return Object.fromEntries(own)
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // not a JSON line: kept in the output only
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
