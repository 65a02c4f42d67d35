// What becomes of the event store as it grows: how long it takes to start, to learn its index again, to
// catch up, to read a stream of ten, and how much memory it has. Ours alone, in process.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { INDEX_FOLDER } from '../../src/broker/streams/index-files.ts'
import { median } from '../percentile.ts'
import { runLoad } from '../processes.ts'
import { undisturbed } from '../quiet.ts'
import type { GrowthTask } from '../store/growth.ts'
import { type Bench, figure, printForeign, printTable, ratio } from './bench.ts'

const sizes = [
  { name: '100 k events', events: 100_000, isLarge: false },
  { name: '1 M events', events: 1_000_000, isLarge: false },
  { name: '10 M events', events: 10_000_000, isLarge: true }, // more than 1 GB: see bench/run.ts
]

const columns = [
  { value: 'startMs', title: 'start', unit: 'ms' },
  { value: 'reindexPerSecond', title: 'reindex', unit: 'events/s' },
  { value: 'catchUpPerSecond', title: 'catch-up', unit: 'events/s' },
  { value: 'readsPerSecond', title: 'read of 10', unit: '/s' },
  { value: 'readP50Ms', title: 'read of 10, p50', unit: 'ms' },
  { value: 'memoryMb', title: 'memory after the start', unit: 'MB' },
  { value: 'peakMemoryMb', title: 'most memory', unit: 'MB' },
] as const

export async function storeGrowthSuite(bench: Bench): Promise<void> {
  const folder = join(bench.folder, 'growth')
  const foreign: number[] = []
  const lines: string[][] = []
  let eventsBefore = 0
  let firstP50: number | undefined
  for (const { name, events, isLarge } of sizes) {
    if (isLarge && !bench.isLarge) continue
    const task = { folder, events, eventsBefore, seconds: bench.seconds }
    await step({ ...task, kind: 'fill' }, bench)
    eventsBefore = events
    const samples: Record<string, number>[] = []
    for (let round = 0; round < bench.rounds; round++) {
      const opened = await undisturbed([], () => step({ ...task, kind: 'open' }, bench))
      const learnt = await undisturbed([], () => {
        rmSync(join(folder, INDEX_FOLDER), { recursive: true })
        return step({ ...task, kind: 'reindex' }, bench)
      })
      samples.push({ ...learnt.result, ...opened.result })
      foreign.push(opened.foreignCores, learnt.foreignCores)
      const values = samples.at(-1)!
      const foreignCores = Math.max(opened.foreignCores, learnt.foreignCores)
      bench.results.push({
        suite: 'store-growth',
        row: name,
        peer: 'Millrace',
        values,
        foreignCores,
      })
    }
    const of = (value: string) => median(samples.map((sample) => sample[value]!))
    firstP50 ??= of('readP50Ms')
    lines.push([
      name,
      ...columns.map(({ value, unit }) => `${figure(of(value))} ${unit}`),
      ratio(of('readP50Ms'), firstP50),
    ])
  }
  rmSync(folder, { recursive: true, force: true })
  const titles = columns.map(({ title }) => title)
  printTable(['store-growth', ...titles, `read p50 / at ${sizes[0]!.name}`], lines)
  printForeign(foreign)
}

function step(task: GrowthTask, bench: Bench): Promise<Record<string, number>> {
  return runLoad<Record<string, number>>('store/growth.ts', task, bench.loadCpus)
}
