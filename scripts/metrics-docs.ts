// Writes docs/metrics.md from the table of metrics. A test holds the file to it:
//
//   node scripts/metrics-docs.ts

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { metricTable } from '../src/broker/server/metrics/metric-table.ts'

export const metricsDocsPath = resolve(import.meta.dirname, '../docs/metrics.md')

export function renderMetricsDocs(): string {
  return `# Metrics

What a running broker counts. In process, \`broker.inspect.metrics()\` gives typed readings and \`broker.inspect.metricsText()\` the same as Prometheus text. Outside, \`millrace.metrics.file\` names a file that gets that text every \`millrace.metrics.interval.ms\`, replaced as a whole: put it where node_exporter's textfile collector looks (a name that ends in \`.prom\`). Written by \`node scripts/metrics-docs.ts\` from the table that the broker itself reads.

Times are in seconds, sizes in bytes. What ends in \`_total\` only grows, from 0 at each start. Topics beyond \`millrace.metrics.max.topics\` are counted together as \`(others)\`.

| metric | type | labels | what it says |
| --- | --- | --- | --- |
${Object.entries(metricTable).map(renderRow).join('\n')}
`
}

function renderRow([name, row]: [string, (typeof metricTable)[keyof typeof metricTable]]): string {
  const labels = 'labels' in row ? row.labels.map((label) => `\`${label}\``).join(', ') : ''
  return `| \`${name}\` | ${row.type} | ${labels} | ${row.help} |`
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(metricsDocsPath, renderMetricsDocs())
}
