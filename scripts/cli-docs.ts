// Writes docs/cli.md from the commands themselves. A test holds the file to it:
//
//   node scripts/cli-docs.ts

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { type CommandDescription, describeCommands } from '../src/cli/command-tree.ts'
import { ExitCode } from '../src/cli/exit-code.ts'
import type { Session } from '../src/cli/session.ts'
import type { Sink } from '../src/cli/terminal.ts'

export const cliDocsPath = resolve(import.meta.dirname, '../docs/cli.md')

const exitCodes: Readonly<Record<keyof typeof ExitCode, string>> = {
  OK: 'done',
  FAILURE: 'it failed: the message says why',
  USAGE: 'the command line, or a setting, makes no sense',
  NOT_FOUND: 'no such topic, group, partition, stream, file',
  DENIED: 'not allowed',
  UNREACHABLE: 'no broker answers, or not in time',
  CONFLICT:
    'something is in the way: an active group, a name or port that is taken, a folder in use',
  NOTHING_MATCHED: 'no record, with `--fail-empty`; no parked event to redrive or discard',
  WRONG_VERSION:
    '`stream append`: the stream is not as expected, or takes no events any more: read it and decide again',
  INTERRUPTED: 'Ctrl-C',
}

export async function renderCliDocs(): Promise<string> {
  const commands = await describeCommands(session)
  const shared = commands.find(({ command }) => command === 'millrace status')!.options
  return `# The command line

\`millrace\` runs a broker and talks to one: to Millrace, or to any Apache Kafka cluster (\`--broker\`). This page is written by \`node scripts/cli-docs.ts\` from the commands themselves; \`--help\` says the same, and \`--help --json\` says it all as data.

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
${shared.map(optionRow).join('\n')}

## Running a broker

\`millrace\`, which is \`millrace dev\`, and \`millrace start\` run a broker in the foreground, data in \`./.millrace\` unless told otherwise. \`dev\` on a terminal takes the next free port when 9092 is taken and nobody has chosen one; everything else about them is the same. [configuration.md](configuration.md) lists the settings.

Where stdout is no terminal it gets JSON lines. The first one comes when connections are accepted, and \`kafka\` is the address for clients:

\`\`\`json
{"event":"ready","kafka":"127.0.0.1:9092","ms":412,"version":"0.1.0","data":"./.millrace","pid":4711}
\`\`\`

The first Ctrl-C or SIGTERM drains: requests that have come are answered, everything is synced, and the next start has nothing to recover. The second one ends the process at once, which loses nothing that was acknowledged. After SIGTERM the exit code is 0, after Ctrl-C 130. A second process on the same data folder is refused and told the first one's process id.

A listener that other machines can reach is warned about in one sentence unless it speaks SSL or SASL_SSL.

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

${commands.map(section).join('\n')}`
}

function section({
  command,
  summary,
  impact,
  examples,
  fields,
  ...rest
}: CommandDescription): string {
  const rows = [
    ...rest.arguments.map(({ name, meaning }) => row(name, meaning)),
    ...rest.options.filter(({ group }) => group === null).map(optionRow),
  ]
  const table = ['| argument or option | meaning |', '| --- | --- |', ...rows, '']
  return [
    `### ${command}`,
    '',
    `${summary}${impact === 'write' ? '' : ' (changes nothing)'}.`,
    '',
    '```sh',
    ...examples.map(({ line, meaning }) => `${line}   # ${meaning}`),
    '```',
    '',
    ...(rows.length === 0 ? [] : table),
    ...(fields.length === 0 ? [] : [`In a pipe: ${fields.join(', ')}.`, '']),
  ].join('\n')
}

function optionRow({ flags, meaning }: { flags: string; meaning: string }): string {
  return row(flags, meaning)
}

function row(name: string, meaning: string): string {
  return `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} |`
}

function exitCodeRows(): string {
  return Object.entries(ExitCode)
    .map(
      ([name, code]) =>
        `| ${code} | ${Object.entries(exitCodes).find(([key]) => key === name)?.[1]} |`,
    )
    .join('\n')
}

const nowhere: Sink = { isTty: false, columns: 100, write: async () => undefined }
const session: Session = {
  exitCode: ExitCode.OK,
  terminal: {
    stdout: nowhere,
    stderr: nowhere,
    stdin: {
      isTty: false,
      chunks: () => Readable.from([]),
      ask: async () => '',
      askHidden: async () => '',
    },
    env: {},
    interrupted: new AbortController().signal,
  },
}

if (import.meta.main) writeFileSync(cliDocsPath, await renderCliDocs())
