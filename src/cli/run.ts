// Runs one command line: finds the verb, loads its module, parses, acts, and turns whatever
// happens into an exit code and at most one line on stderr.

import { type Command, CommanderError } from 'commander'
import { keepProcessAlive } from '../host/keep-alive.ts'
import { unlessAborted } from './client/unless-aborted.ts'
import { buildProgram, defineVerb, describeCommands } from './command-tree.ts'
import { describeError } from './describe-error.ts'
import { ExitCode } from './exit-code.ts'
import { paint } from './output.ts'
import type { Session } from './session.ts'
import { processTerminal, type Terminal, wantsColour } from './terminal.ts'
import { type Verb, verbs } from './verbs.ts'

/** What Ctrl-C ends a shell command with: 128 + the signal's number. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const
const BROKEN_PIPE = 'SIGPIPE'

/** Runs the command line of this process and ends it. */
export async function runProcess(): Promise<void> {
  keepProcessAlive()
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(SIGNAL_EXIT_CODES[signal])
      interrupt.abort(signal)
    })
  }
  // Who reads us may stop when it has enough (`| head`): that ends us, and is no failure.
  const terminal = processTerminal(interrupt.signal, () => interrupt.abort(BROKEN_PIPE))
  const exitCode = await run(process.argv.slice(2), terminal)
  process.exit(interrupt.signal.reason === BROKEN_PIPE ? ExitCode.OK : exitCode)
}

/** @param args the command line without node and script */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const words = withDefaultVerb(args)
  const session: Session = { terminal, exitCode: ExitCode.OK }
  const verb = findVerb(words)
  try {
    if (words.includes('--help') && words.includes('--json')) return await printTree(session)
    const program = buildProgram((root) => configure(root, terminal))
    if (verb !== undefined) defineVerb(program, await verb.load(), { verb, session })
    const action = program.parseAsync([...words], { from: 'user' })
    await (verb?.drains === true ? action : unlessAborted(action, terminal.interrupted))
    if (terminal.interrupted.aborted && verb?.drains !== true) return ExitCode.INTERRUPTED
    return session.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
    const { message, exitCode } = describeError(error)
    if (message !== undefined) {
      await terminal.stderr.write(`${errorLabel(terminal)} ${message}\n`)
    }
    return exitCode
  }
}

/** `millrace` alone, and with nothing but options, means `millrace dev`. */
function withDefaultVerb(args: readonly string[]): readonly string[] {
  const first = args[0]
  const isRootOption = first !== undefined && /^(-h|--help|-V|--version)$/.test(first)
  if (first === undefined || (first.startsWith('-') && !isRootOption)) return ['dev', ...args]
  return args
}

function findVerb(words: readonly string[]): Verb | undefined {
  return verbs.find((verb) => verb.path.split(' ').every((word, index) => words[index] === word))
}

/** `--help --json`: all commands as data. */
async function printTree(session: Session): Promise<ExitCode> {
  const commands = await describeCommands(session)
  await session.terminal.stdout.write(`${JSON.stringify(commands, null, 2)}\n`)
  return ExitCode.OK
}

function configure(program: Command, terminal: Terminal): void {
  const width = Math.min(terminal.stdout.columns, 100)
  program
    .exitOverride()
    .showHelpAfterError(false)
    .configureHelp({ helpWidth: width })
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      getOutHasColors: () => wantsColour(terminal.stdout, terminal.env),
      getErrHasColors: () => wantsColour(terminal.stderr, terminal.env),
      outputError: (text, write) => {
        const message = text
          .replace(/^error: /, '')
          .trim()
          .replaceAll('\n', ' ')
        write(`${errorLabel(terminal)} ${message} (see --help)\n`)
      },
    })
}

function errorLabel(terminal: Terminal): string {
  return wantsColour(terminal.stderr, terminal.env) ? paint('red', 'error:') : 'error:'
}
