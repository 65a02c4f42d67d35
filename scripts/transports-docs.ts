// Writes docs/transports.md: which rule of the contract holds on which transport, from the rules and
// from what the tests pin. A test holds the file to it:
//
//   node scripts/transports-docs.ts

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Rule } from '../src/sdk/testing/contract/rule.ts'
import { blankOf, contractRules, type Pinned } from '../src/sdk/testing/transport-contract.ts'
import { pinned } from '../test/contract/pinned.ts'

export const transportsDocsPath = resolve(import.meta.dirname, '../docs/transports.md')

const transports: readonly Pinned[] = Object.values(pinned)

const capabilities: Readonly<Record<keyof Pinned['row'], string>> = {
  order: 'how far the order of records reaches',
  replay: 'a new group reads what was written before it existed',
  atomicOutput: 'outputs and progress become visible together or not at all',
  expectedVersion: 'appends with an expected version: the event store',
  idempotentProducer: "the broker drops a producer's repetition",
  compaction: 'of a key only the newest record need be kept',
  positions: 'a position in the log can be waited for',
}

export function renderTransportsDocs(): string {
  const reasons: string[] = []
  const chapters = Object.entries(contractRules).map(
    ([chapter, rules]) => `## ${chapter}

${renderHead('rule')}
${rules.map((rule) => renderRule(rule, reasons)).join('\n')}
`,
  )
  return `# Transports

The SDK speaks to engines through one port, and every engine keeps the same contract. Its rules are tests that run against each of them (\`transportContract\` in \`millrace/testing\`); what an engine must be able to do is pinned in the test, not asked of the engine. A rule that is not tried on a transport has a number, and its reason below. Written by \`node scripts/transports-docs.ts\`.

## What engines differ in

${renderHead('capability')}
${Object.entries(capabilities).map(renderCapability).join('\n')}

What an engine does not have it refuses with \`CapabilityMissingError\`; \`connect\` compares first, and says so in a sentence.

${chapters.join('\n')}
## Not tried, and why

${reasons.map((reason, index) => `${index + 1}. ${reason}`).join('\n')}
`
}

function renderHead(first: string): string {
  return `| ${[first, ...transports.map(({ name }) => name)].join(' | ')} |
|${' --- |'.repeat(transports.length + 1)}`
}

function renderCapability([capability, meaning]: [string, string]): string {
  const cells = transports.map(({ row }) => {
    const value = Object.entries(row).find(([name]) => name === capability)?.[1]
    if (typeof value === 'string') return `by ${value}`
    return value ? 'yes' : 'no'
  })
  return `| \`${capability}\`: ${meaning} | ${cells.join(' | ')} |`
}

function renderRule(rule: Rule, reasons: string[]): string {
  const cells = transports.map((transport) => {
    const reason = blankOf(rule, transport)
    if (reason === undefined) return 'holds'
    const line = `${reason[0]!.toUpperCase()}${reason.slice(1)}.`
    if (!reasons.includes(line)) reasons.push(line)
    return `(${reasons.indexOf(line) + 1})`
  })
  return `| \`${rule.id}\`: ${rule.title} | ${cells.join(' | ')} |`
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(transportsDocsPath, renderTransportsDocs())
}
