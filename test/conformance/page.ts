// docs/conformance.md, made from the rows, their last results and the reasons of what fails.
import { join } from 'node:path'
import { root, type TargetName } from './broker.ts'
import { knownFailureOf, type Result, type Results } from './results.ts'
import type { Row } from './row.ts'
import { rows } from './rows.ts'

export const conformancePagePath = join(root, 'docs/conformance.md')

export function conformancePage(results: Results): string {
  const groups = [...new Set(rows.map(({ group }) => group))]
  return `# Conformance

Independent software, as released by the registry of its language, run unmodified against Millrace by
\`npm run conformance\`: each row on a broker of its own. Where something fails, the same was run against
Apache Kafka 4.3.1 (\`--target kafka\`), and the reason stands below. \`.ci/run\` runs a part of it in a
smaller form with every change; [clients](clients.md) has the clients themselves. This page is written
by \`npm run conformance -- --write\`.

${groups.map((group) => sectionOf(group, results)).join('\n')}
## Not run

${notRun.map((line) => `- ${line}`).join('\n')}
`
}

/** What one would look for here, and why it is not. */
const notRun = [
  'kafka-python: its source package has the integration tests, but not the module `test.service` that they import.',
  'kafkajs, @platformatic/kafka, confluent-kafka: their packages bring no test suite along.',
  'Sarama: its functional tests want five brokers in Docker, or behind a Toxiproxy.',
  'Karapace: it is not in the registry of its language.',
  'The `streams` and `share` group protocols: Millrace does not advertise them.',
]

function sectionOf(group: string, results: Results): string {
  const members = rows.filter((row) => row.group === group)
  const lines = members.map((row) => {
    const result = results.millrace[row.id]
    return `| ${row.software} | ${row.what}${seenIn(result)} | ${verdictOf(result)} |`
  })
  const failures = members.flatMap((row) => failuresOf(row, results))
  const list = failures.length === 0 ? '' : `\n${failures.join('\n')}\n`
  return `## ${group}

| Software | What it does | Result |
| --- | --- | --- |
${lines.join('\n')}
${list}`
}

function seenIn(result: Result | undefined): string {
  return result?.seen === undefined ? '' : `. ${result.seen}`
}

function verdictOf(result: Result | undefined): string {
  if (result === undefined) return 'not run yet'
  const parts = [`${result.passed} of ${result.passed + result.failed.length} checks pass`]
  if (result.skipped.length > 0) parts.push(`${result.skipped.length} skipped by the suite`)
  return `${parts.join(', ')}<br>${result.date}, ${result.seconds} s`
}

function failuresOf(row: Row, results: Results): string[] {
  const byReason = new Map<string, string[]>()
  for (const { name } of results.millrace[row.id]?.failed ?? []) {
    const known = knownFailureOf(row.id, name)
    const whose = known?.isAlsoKafkas ? ' Apache Kafka fails it too.' : ''
    const reason = `${known?.why ?? 'Not explained yet.'}${whose}`
    byReason.set(reason, [...(byReason.get(reason) ?? []), name])
  }
  const control = controlOf(row, results)
  return [...byReason].map(
    ([reason, names]) =>
      `- ${row.software}, ${names.map((name) => `\`${name}\``).join(', ')}: ${reason}${control}`,
  )
}

function controlOf(row: Row, results: Results): string {
  const kafka: TargetName = 'kafka'
  const result = results[kafka][row.id]
  if (result === undefined) return ''
  return ` (On Kafka ${result.passed} of ${result.passed + result.failed.length} pass.)`
}
