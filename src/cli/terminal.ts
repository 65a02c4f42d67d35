// What a command is connected to: its streams, its environment and Ctrl-C. Commands get it as a
// value, so that a test can run one in the same process and read what it printed.

import { createInterface } from 'node:readline/promises'
import { type Readable, Writable } from 'node:stream'

export interface Sink {
  readonly isTty: boolean
  /** Characters in a line; 80 where unknown. */
  readonly columns: number
  /** Resolves when the reader keeps up: awaiting each write bounds what is held in memory. */
  write(content: string | Uint8Array): Promise<void>
}

export interface Source {
  readonly isTty: boolean
  /** The input as it comes; ends with it. */
  chunks(): AsyncIterable<Buffer>
  /** Shows the question and resolves with the line that is typed; only where `isTty`. */
  ask(question: string): Promise<string>
  /** The same, without showing what is typed. */
  askHidden(question: string): Promise<string>
}

export interface Terminal {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly stdin: Source
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts at the first Ctrl-C or SIGTERM, and when who reads us has gone; the reason is the name. */
  readonly interrupted: AbortSignal
}

/** NO_COLOR and FORCE_COLOR decide before the kind of stream does. */
export function wantsColour(sink: Sink, env: Terminal['env']): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false'
  const refused = env['NO_COLOR']
  if (refused !== undefined && refused !== '') return false
  return sink.isTty && env['TERM'] !== 'dumb'
}

/** The terminal of this process. @param onBrokenPipe called when the reader of stdout has gone */
export function processTerminal(interrupted: AbortSignal, onBrokenPipe: () => void): Terminal {
  return {
    stdout: sinkOf(process.stdout, onBrokenPipe),
    stderr: sinkOf(process.stderr, onBrokenPipe),
    stdin: {
      isTty: process.stdin.isTTY === true,
      chunks: () => process.stdin,
      ask: (question) => ask(process.stdin, process.stderr, question, interrupted),
      askHidden: (question) => askHidden(process.stdin, process.stderr, question, interrupted),
    },
    env: process.env,
    interrupted,
  }
}

function sinkOf(stream: NodeJS.WriteStream, onBrokenPipe: () => void): Sink {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') onBrokenPipe()
    else throw error
  })
  return {
    isTty: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80
    },
    write: (content) =>
      new Promise((resolve) => {
        // The callback comes with an error too; a broken pipe has ended the process by then.
        if (stream.write(content, () => resolve())) resolve()
      }),
  }
}

async function askHidden(
  input: Readable,
  output: Writable,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  output.write(question)
  // As a terminal, readline echoes by itself, into nothing here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: nowhere, terminal: true })
  try {
    return await lines.question('', { signal })
  } finally {
    lines.close()
    output.write('\n')
  }
}

async function ask(
  input: Readable,
  output: Writable,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input, output })
  try {
    return await lines.question(question, { signal })
  } finally {
    lines.close()
  }
}
