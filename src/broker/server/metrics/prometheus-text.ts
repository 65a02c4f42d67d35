// Readings as text that Prometheus and its exporters take. Source: the text exposition format 0.0.4.

import { type MetricName, metricTable } from './metric-table.ts'
import type { MetricReading } from './readings.ts'

export function prometheusText(readings: Iterable<MetricReading>): string {
  const byName = new Map<MetricName, MetricReading[]>()
  for (const reading of readings) {
    const group = byName.get(reading.name)
    if (group === undefined) byName.set(reading.name, [reading])
    else group.push(reading)
  }
  const lines: string[] = []
  for (const [name, group] of byName) {
    const { help, type } = metricTable[name]
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const reading of group) lines.push(...linesOf(reading))
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function linesOf({ name, labels, value }: MetricReading): string[] {
  if (typeof value === 'number') return [`${name}${labelText(labels)} ${numberText(value)}`]
  return [
    ...value.buckets.map(({ upTo, count }) => {
      return `${name}_bucket${labelText({ ...labels, le: numberText(upTo) })} ${count}`
    }),
    `${name}_sum${labelText(labels)} ${numberText(value.sum)}`,
    `${name}_count${labelText(labels)} ${value.count}`,
  ]
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return String(value)
}
