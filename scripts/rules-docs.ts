// Writes docs/rules.md: what publishers and consumers promise, and the tests that hold them to it. A
// test belongs to a rule when its name, or that of the group it stands in, begins with `rule 7:`.
//
//   node scripts/rules-docs.ts

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
export const rulesDocsPath = join(root, 'docs/rules.md')

export const rules: ReadonlyMap<number, string> = new Map([
  [1, 'Committed is the lowest unfinished event, with what is finished above it'],
  [2, 'Nothing is committed before its handler is done'],
  [3, 'A rebalance loses and disorders nothing, and a late result does not count'],
  [4, 'Heartbeats do not depend on handlers, and a hung handler does not hold its partition'],
  [5, 'A retry keeps the order of its key'],
  [6, 'Parking and redrive keep the order of their key'],
  [7, 'An event is in the lot, with its exact bytes, before the offset passes it'],
  [8, 'What cannot be read, and what ends the process, blocks nobody and does not vanish'],
  [9, 'Attempts are counted by event; an outage or bad code does not fill the lot'],
  [10, 'A repetition is known in the transaction of its handler'],
  [11, 'Claiming an event promises nothing about effects elsewhere: its id is the key for those'],
  [14, 'What was not answered is not taken for failed'],
  [21, 'Outputs and progress become visible together'],
  [22, 'Closing takes bounded time, and says what was not sent'],
  [23, 'Back-pressure pauses, leaves no group, and is fair to partitions'],
  [25, 'The input of a schema is on the wire, its output in handlers, and both are validated'],
  [26, 'Headers from outside are not trusted'],
  [27, 'Spans link what is handled to what was sent'],
  [28, 'An event without data is {}, never a tombstone'],
])

/** Of outboxes, sagas, windows and read models, which are not there yet. */
export const rulesToCome: ReadonlySet<number> = new Set([12, 13, 15, 16, 17, 18, 19, 20, 24])

export interface RuleTest {
  readonly file: string
  readonly name: string
}

/** As they stand in the source, by rule. */
export function testsByRule(): ReadonlyMap<number, readonly RuleTest[]> {
  const found = new Map<number, RuleTest[]>()
  for (const file of globSync('{src,test}/**/*.test.ts', { cwd: root }).toSorted()) {
    if (file.includes('node_modules')) continue
    for (const { rule, name } of ruleTestsIn(readFileSync(join(root, file), 'utf8'))) {
      found.set(rule, [...(found.get(rule) ?? []), { file, name }])
    }
  }
  return found
}

function ruleTestsIn(source: string): { readonly rule: number; readonly name: string }[] {
  const found: { rule: number; name: string }[] = []
  let group: Title | undefined
  for (const line of source.split('\n')) {
    const [, indent, call, , text] = /^(\s*)(describe|it)\((['"`])(.*)\3, /.exec(line) ?? []
    if (text === undefined) continue
    const title = titleOf(text)
    if (call === 'describe' || indent === '') group = undefined
    const rule = title.rule ?? group?.rule
    if (call === 'it' && rule !== undefined) {
      found.push({ rule, name: group === undefined ? title.name : `${group.name}: ${title.name}` })
    }
    if (call === 'describe') group = title
  }
  return found
}

interface Title {
  readonly rule: number | undefined
  readonly name: string
}

function titleOf(text: string): Title {
  // What a template fills in differs from run to run.
  const title = text.replace(/\$\{[^}]*\}/g, 'many').replaceAll("\\'", "'")
  const [, rule, name] = /^rule (\d+): (.*)$/.exec(title) ?? []
  return { rule: rule === undefined ? undefined : Number(rule), name: name ?? title }
}

export function renderRulesDocs(): string {
  const tests = testsByRule()
  const chapters = [...rules].map(([rule, sentence]) => {
    const lines = (tests.get(rule) ?? []).map(
      ({ file, name }) => `- ${name} ([${basename(file)}](../${file}))`,
    )
    return `## ${rule}. ${sentence}\n\n${lines.join('\n')}\n`
  })
  return `# What publishers and consumers promise

Each rule with the tests that hold the SDK to it, on every engine alike; what engines themselves must do is in [transports](transports.md). Their numbers stay: those that are missing belong to outboxes, sagas, windows and read models. Written by \`node scripts/rules-docs.ts\` from the names of the tests.

${chapters.join('\n')}`
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(rulesDocsPath, renderRulesDocs())
}
