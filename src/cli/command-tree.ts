// The commands as Commander knows them: the whole tree with its summaries, and what one verb's module
// adds to it. Also the tree as data, for completion, documentation and other programs.

import { Command } from 'commander'
import type { Examples, Session, VerbModule } from './session.ts'
import { nouns, type Verb, verbs } from './verbs.ts'
import { VERSION } from './version.ts'

const rootExamples: Examples = [
  ['millrace', 'run a broker, data in ./.millrace'],
  [`millrace produce orders '{"id":1}'`, 'write a record'],
  ['millrace consume orders --follow', 'read records as they come'],
  ['millrace topic describe orders', 'see partitions and offsets'],
]

/**
 * All commands with their summaries; what they take is added by `defineVerb`.
 * @param configure called first of all: a command inherits settings when it is made
 */
export function buildProgram(configure?: (program: Command) => void): Command {
  const program = new Command('millrace')
  configure?.(program)
  program
    .description('A Kafka-compatible broker on a durable log.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
  addExamples(program, rootExamples)
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

/** Adds to the verb's command what its module knows, and returns the command. */
export function defineVerb(
  program: Command,
  module: VerbModule,
  { verb, session }: { verb: Verb; session: Session },
): Command {
  let command = program
  for (const word of verb.path.split(' ')) command = child(command, word, '')
  module.define(command, session)
  addExamples(command, module.examples)
  if (verb.fields !== undefined) {
    command.addHelpText('after', `\nIn a pipe, between tabs: ${verb.fields.join(', ')}`)
  }
  return command
}

export interface CommandDescription {
  readonly command: string
  readonly summary: string
  readonly impact: 'read' | 'write'
  readonly examples: readonly { readonly line: string; readonly meaning: string }[]
  readonly arguments: readonly { readonly name: string; readonly meaning: string }[]
  readonly options: readonly {
    readonly flags: string
    readonly meaning: string
    /** Options of every verb that talks to a broker stand in a group of their own. */
    readonly group: string | null
  }[]
  /** What stands between the tabs of a line in a pipe. */
  readonly fields: readonly string[]
}

/** Every verb; loads all their modules. */
export async function describeCommands(session: Session): Promise<CommandDescription[]> {
  const program = buildProgram()
  return Promise.all(
    verbs.map(async (verb) => {
      const module = await verb.load()
      const command = defineVerb(program, module, { verb, session })
      return {
        command: `millrace ${verb.path}`,
        summary: verb.summary,
        impact: verb.impact,
        examples: module.examples.map(([line, meaning]) => ({ line, meaning })),
        arguments: command.registeredArguments.map((argument) => {
          const name = argument.name() + (argument.variadic ? '...' : '')
          const meaning = argument.description
          return { name: argument.required ? `<${name}>` : `[${name}]`, meaning }
        }),
        options: command.options.map(({ flags, description, defaultValue, helpGroupHeading }) => {
          const byDefault = typeof defaultValue === 'string' ? ` (default: ${defaultValue})` : ''
          return { flags, meaning: description + byDefault, group: helpGroupHeading ?? null }
        }),
        fields: verb.fields ?? [],
      }
    }),
  )
}

function child(parent: Command, name: string, description: string): Command {
  const existing = parent.commands.find((command) => command.name() === name)
  return existing ?? parent.command(name).description(description).helpCommand(false)
}

function addExamples(command: Command, examples: Examples): void {
  const width = Math.max(...examples.map(([line]) => line.length))
  const text = examples.map(([line, meaning]) => `  ${line.padEnd(width)}   ${meaning}`).join('\n')
  command.addHelpText('before', `Examples:\n${text}\n`)
}
