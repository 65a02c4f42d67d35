// Writes docs/cli.md from the commands themselves. A test holds the file to it:
//
//   node scripts/cli-docs.ts

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { Command, type Option } from 'commander'
import { addBrokerOptions } from '../src/cli/broker-options.ts'
import { ExitCode } from '../src/cli/exit-code.ts'
import { buildProgram, commandAt, defineVerb } from '../src/cli/run.ts'
import type { Session } from '../src/cli/session.ts'
import type { Sink, Terminal } from '../src/cli/terminal.ts'
import { type Verb, verbs } from '../src/cli/verbs.ts'

export const cliDocsPath = resolve(import.meta.dirname, '../docs/cli.md')

const exitCodes: Readonly<Record<keyof typeof ExitCode, string>> = {
  OK: 'done',
  FAILURE: 'it failed: the message says why',
  USAGE: 'the command line, or a setting, makes no sense',
  NOT_FOUND: 'no such topic, group, partition, file',
  DENIED: 'not allowed',
  UNREACHABLE: 'no broker answers, or not in time',
  CONFLICT:
    'something is in the way: an active group, a name or port that is taken, a folder in use',
  NOTHING_MATCHED: 'no record, with `--fail-empty`',
  INTERRUPTED: 'Ctrl-C',
}

export async function renderCliDocs(): Promise<string> {
  const sections: string[] = []
  for (const verb of verbs) sections.push(await section(verb))
  return `# The command line

\`millrace\` talks to a broker: to Millrace, or to any Apache Kafka cluster (\`--broker\`). This page is written by \`node scripts/cli-docs.ts\` from the commands themselves; \`--help\` says the same.

## Conventions

- **Data goes to stdout, everything else to stderr.** On a terminal data is a table or lines to read, with times as an age. In a pipe it is one line per row, fields between tabs, without a heading and without colour; a tab, line end or backslash within a field is \`\\t\`, \`\\n\`, \`\\r\`, \`\\\\\`, no value is \`\\N\`, bytes that are no UTF-8 are \`base64:...\`.
- **\`--json\`** prints one document, **\`--jsonl\`** one JSON value per line. Times are RFC 3339 in UTC, offsets are numbers.
- **Errors** are one line that says what, which, and what to do. A script goes by the exit code.
- **What can't be taken back** is shown first. A person is asked; without a terminal it wants \`--yes\`. \`--dry-run\` shows it and does nothing.
- **Nothing hangs.** \`consume\` stops at the end as it was at the start, unless it is told to \`--follow\`; every request has a time limit (\`--timeout\`).
- **Colour** follows \`FORCE_COLOR\`, then \`NO_COLOR\`, then the terminal. A pipe that is closed early (\`| head\`) is no error.

| exit code | meaning |
| --- | --- |
${exitCodeRows()}

Verbs that talk to a broker take these too:

| option | meaning |
| --- | --- |
${optionRows(sharedOptions)}

## Positions

\`consume --offset\`, \`group seek --to\` and \`topic trim --before\` take a position in each partition:

| position | meaning |
| --- | --- |
| \`start\` | the first record that is still there |
| \`end\` | behind the last one |
| \`-N\` | N offsets before the end |
| \`OFFSET\` | that offset |
| \`@TIME\` | the first record of that time or later: RFC 3339 with its zone (\`@2026-11-23T10:00:00Z\`), a date, milliseconds since 1970, or an age (\`@-90s\`, \`@-15m\`, \`@-2h\`, \`@-7d\`) |

## A record in JSON

What \`consume --jsonl\` prints, \`produce --input jsonl\` takes (\`topic\`, \`partition\` and \`offset\` are left to the command line and the broker):

\`\`\`json
{"topic":"orders","partition":0,"offset":42,"timestamp":"2026-11-23T10:00:00.000Z","key":"user1","value":"{\\"id\\":1}","headers":[["type","created"]]}
\`\`\`

Keys, values and header values are text where their bytes are UTF-8, else \`{"base64":"..."}\`; \`null\` is no key, and as a value a tombstone.

## Commands

${sections.join('\n')}`
}

async function section(verb: Verb): Promise<string> {
  const command = commandAt(program(), verb.path)
  const help: string[] = []
  command.configureOutput({ writeOut: (text) => void help.push(text) })
  defineVerb(command, await verb.load(), { verb, session })
  command.outputHelp()
  const own = command.options.filter(({ long }) => !isShared(long, command))
  const rows = [...argumentRows(command), optionRows(own)].filter((row) => row !== '')
  const table =
    rows.length === 0 ? [] : ['| argument or option | meaning |', '| --- | --- |', ...rows]
  return [
    `### millrace ${verb.path}`,
    '',
    `${verb.summary}${verb.impact === 'write' ? '' : ' (changes nothing)'}.`,
    '',
    '```sh',
    ...examplesIn(help.join('')),
    '```',
    '',
    ...(table.length === 0 ? [] : [...table, '']),
    ...(verb.fields === undefined ? [] : [`In a pipe: ${verb.fields.join(', ')}.`, '']),
  ].join('\n')
}

/** Help leads with them, up to the first empty line. */
function examplesIn(help: string): string[] {
  const [block] = help.split('\n\n')
  const lines = block!.split('\n').slice(1)
  return lines.map((line) =>
    line
      .trim()
      .replace(/ {3}(?=\S)/, '   # ')
      .replace(/ +# /, '   # '),
  )
}

function argumentRows(command: Command): string[] {
  return command.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? '...' : '')
    return row(argument.required ? `<${name}>` : `[${name}]`, argument.description)
  })
}

const sharedOptions = addBrokerOptions(new Command()).options

/** `dev` and `start` talk to no broker: an option of the same name is their own. */
function isShared(long: string | undefined, command: Command): boolean {
  const talksToBroker = command.options.some((option) => option.long === '--broker')
  return talksToBroker && sharedOptions.some((option) => option.long === long)
}

function optionRows(options: readonly Option[]): string {
  return options
    .map(({ flags, description, defaultValue }) => {
      const byDefault = typeof defaultValue === 'string' ? ` (default: ${defaultValue})` : ''
      return row(flags, description + byDefault)
    })
    .join('\n')
}

function row(name: string, meaning: string): string {
  return `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} |`
}

function exitCodeRows(): string {
  return Object.entries(exitCodes)
    .map(
      ([name, meaning]) =>
        `| ${Object.entries(ExitCode).find(([key]) => key === name)?.[1]} | ${meaning} |`,
    )
    .join('\n')
}

const nowhere: Sink = { isTty: false, columns: 100, write: async () => undefined }
const terminal: Terminal = {
  stdout: nowhere,
  stderr: nowhere,
  stdin: { isTty: false, chunks: () => Readable.from([]), ask: async () => '' },
  env: {},
  interrupted: new AbortController().signal,
}
const session: Session = { terminal, exitCode: ExitCode.OK }

function program(): Command {
  return buildProgram(terminal)
}

if (import.meta.main) writeFileSync(cliDocsPath, await renderCliDocs())
