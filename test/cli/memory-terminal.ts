// A terminal for tests: runs one command line in this process, feeds it and keeps what it prints.

import { run } from '../../src/cli/run.ts'
import type { Sink, Terminal } from '../../src/cli/terminal.ts'

// A command that ended the process would end the test file with it, as if all had passed.
process.exit = () => {
  throw new Error('a command ended the process instead of returning its exit code')
}

export interface RunOptions {
  /** What stdin holds; it ends after that. */
  input?: string | Buffer
  /** What a person types at prompts; stdin and stdout are a terminal then. */
  answers?: readonly string[]
  /** stdout is a terminal, without colour unless FORCE_COLOR is set. */
  isTty?: boolean
  env?: Readonly<Record<string, string>>
  interrupted?: AbortSignal
  /** Called with everything that stdout has got so far. */
  onOutput?: (stdout: string) => void
}

export interface RunResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export async function runCommand(
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const answers = [...(options.answers ?? [])]
  const isTty = options.isTty ?? options.answers !== undefined
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  const answer = async (question: string) => {
    stderr.push(Buffer.from(`${question}\n`))
    return answers.shift() ?? ''
  }
  const terminal: Terminal = {
    stdout: memorySink(stdout, isTty, options.onOutput),
    stderr: memorySink(stderr, isTty),
    stdin: {
      isTty: options.answers !== undefined,
      async *chunks() {
        if (options.input !== undefined) yield Buffer.from(options.input)
      },
      ask: answer,
      askHidden: answer,
    },
    env: { NO_COLOR: '1', ...options.env },
    interrupted: options.interrupted ?? new AbortController().signal,
  }
  const exitCode = await run(args, terminal)
  return {
    exitCode,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  }
}

function memorySink(chunks: Buffer[], isTty: boolean, onOutput?: (text: string) => void): Sink {
  return {
    isTty,
    columns: 80,
    write: async (content) => {
      chunks.push(Buffer.from(content))
      onOutput?.(Buffer.concat(chunks).toString())
    },
  }
}
