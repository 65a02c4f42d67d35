// The matrix as it is printed and as the page docs/clients.md, which is made from the tables of
// clients, abilities and limits. The suite checks the tables against a running broker.
import { join } from 'node:path'
import { refusals, type ShownRefusal } from './abilities/stores.ts'
import { abilities } from './abilities.ts'
import { type Client, clients } from './clients.ts'
import { type Limit, limitOf, limits } from './limits.ts'
import type { Matrix } from './matrix.ts'
import { root } from './target.ts'

export const matrixPagePath = join(root, 'docs/clients.md')

export function matrixPage(): string {
  const columns = clients.map(({ name, language }) => `${name}<br>${language}`)
  const rows = abilities.map((ability) => {
    const cells = clients.map((client) => {
      const limit = limitOf(client, ability)
      return limit === undefined ? 'yes' : `[${numberOf(limit)}]`
    })
    return `| ${[ability.name, ...cells].join(' | ')} |`
  })
  const reasons = limits.map((limit) => {
    const { name } = clients.find(({ id }) => id === limit.client)!
    return `- [${numberOf(limit)}] ${name}: ${limit.reason}.`
  })
  return `# Clients

Unmodified clients that are run against Millrace by \`npm run test:clients\`, each cell a pass or a
limit of the client itself, numbered below. The same holds against Apache Kafka 4.3.1, which has no
event stores, with \`npm run test:clients -- --target kafka\`. This page is written by \`npm run test:clients -- --write\`.

| | ${columns.join(' | ')} |
|${' --- |'.repeat(columns.length + 1)}
${rows.join('\n')}

## Limits of the clients

${reasons.join('\n')}

## What a client shows of a refused append

A record for an [event store](compatibility.md) whose \`millrace-expected-version\` does not hold is
refused with 87 INVALID_RECORD and a sentence: \`Stream account-7 of store accounts is at version 1,
expected 0: reload and decide again.\` No client tries again by itself. What its user is shown is up to
the client (\`SENTENCE\` stands for that sentence):

| client | the sentence | known by | what it says |
| --- | --- | --- | --- |
${refusals.map(refusalRow).join('\n')}
`
}

function refusalRow({ client: id, says, hasReason, about }: ShownRefusal): string {
  const { name } = clients.find((client) => client.id === id)!
  return `| ${name} | ${hasReason ? 'yes' : 'no'} | ${about} | \`${says}\` |`
}

/** The matrix with what came out, for a terminal. */
export async function printedMatrix(matrix: Matrix, present: readonly Client[]): Promise<string> {
  const { abilities } = matrix
  const width = Math.max(...abilities.map(({ name }) => name.length))
  const lines = present.map(({ name }, index) => `  ${index + 1} ${name}`)
  lines.push('', ' '.repeat(width) + present.map((_, index) => `${index + 1}`.padStart(6)).join(''))
  for (const ability of abilities) {
    const cells = []
    for (const client of present) {
      const outcome = await matrix.cell(client, ability)
      const limit = limitOf(client, ability)
      const isExpected = (outcome.kind === 'pass') === (limit === undefined)
      const text =
        limit === undefined ? `${(outcome.ms / 1000).toFixed(1)}s` : `[${numberOf(limit)}]`
      cells.push((isExpected ? text : 'FAIL').padStart(6))
    }
    lines.push(ability.name.padEnd(width) + cells.join(''))
  }
  return lines.join('\n')
}

function numberOf(limit: Limit): number {
  return limits.indexOf(limit) + 1
}
