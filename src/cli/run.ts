// Runs one command line: finds the verb, loads its module, parses, acts, and turns whatever
// happens into an exit code and at most one line on stderr.

import { Command, CommanderError } from 'commander'
import { keepProcessAlive } from '../host/keep-alive.ts'
import { describeError } from './describe-error.ts'
import { ExitCode } from './exit-code.ts'
import { paint } from './output.ts'
import { examples, type Session, type VerbModule } from './session.ts'
import { processTerminal, type Terminal, wantsColour } from './terminal.ts'
import { nouns, type Verb, verbs } from './verbs.ts'
import { VERSION } from './version.ts'

/** What Ctrl-C ends a shell command with: 128 + the signal's number. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

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
  // Who reads us may stop when it has enough (`| head`): that is no failure.
  const terminal = processTerminal(interrupt.signal, () => process.exit(ExitCode.OK))
  process.exit(await run(process.argv.slice(2), terminal))
}

/** @param args the command line without node and script */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const words = withDefaultVerb(args)
  const session: Session = { terminal, exitCode: ExitCode.OK }
  const verb = findVerb(words)
  try {
    const program = buildProgram(terminal)
    if (verb !== undefined) {
      const module = await verb.load()
      defineVerb(commandAt(program, verb.path), module, { verb, session })
    }
    const action = program.parseAsync([...words], { from: 'user' })
    if (verb?.drains === true) await action
    else await unlessInterrupted(action, terminal.interrupted)
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

/** The tree of all commands with their summaries; what they take is added by their modules. */
export function buildProgram(terminal: Terminal): Command {
  const program = new Command('millrace')
    .description('A Kafka-compatible broker on a durable log.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
  configure(program, terminal)
  examples(program, [
    ['millrace', 'run a broker, data in ./.millrace'],
    [`millrace produce orders '{"id":1}'`, 'write a record'],
    ['millrace consume orders --follow', 'read records as they come'],
    ['millrace topic describe orders', 'see partitions and offsets'],
  ])
  for (const verb of verbs) {
    const words = verb.path.split(' ')
    let parent = program
    for (let depth = 1; depth < words.length; depth++) {
      parent = child(parent, words[depth - 1]!, nouns[words.slice(0, depth).join(' ')]!)
    }
    child(parent, words.at(-1)!, verb.summary)
  }
  return program
}

export function commandAt(program: Command, path: string): Command {
  let command = program
  for (const word of path.split(' ')) command = child(command, word, '')
  return command
}

export function defineVerb(
  command: Command,
  module: VerbModule,
  { verb, session }: { verb: Verb; session: Session },
): void {
  module.define(command, session)
  if (verb.fields === undefined) return
  command.addHelpText('after', `\nIn a pipe, between tabs: ${verb.fields.join(', ')}`)
}

function child(parent: Command, name: string, description: string): Command {
  const existing = parent.commands.find((command) => command.name() === name)
  return existing ?? parent.command(name).description(description).helpCommand(false)
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

async function unlessInterrupted(
  action: Promise<unknown>,
  interrupted: AbortSignal,
): Promise<void> {
  const { promise: interruption, reject } = Promise.withResolvers<never>()
  const interrupt = (): void => reject(interrupted.reason)
  interrupted.addEventListener('abort', interrupt, { once: true })
  try {
    await Promise.race([action, interruption])
  } finally {
    interrupted.removeEventListener('abort', interrupt)
  }
}
