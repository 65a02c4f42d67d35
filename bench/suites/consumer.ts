// What the consumer runtime costs beside a bare loop over @platformatic/kafka that parses and validates
// with the same schema, in processor time of the consuming process; and publish() beside its send(). The
// broker is Millrace over TCP for all of them. Before anything is timed, each way of consuming must have
// given every event once, and those of each key in their order; it is checked again while it is timed.
import type { ConsumerTask, Form, Ordering } from '../consumer/load.ts'
import { median } from '../percentile.ts'
import { runLoad } from '../processes.ts'
import { undisturbed } from '../quiet.ts'
import { type Bench, figure, printForeign, printTable, ratio, withPeer } from './bench.ts'

/** So that a row takes about as long as in the other suites. */
const EVENTS_PER_SECOND = 50_000

interface Way {
  readonly name: string
  readonly task: (bootstrap: string, run: number) => ConsumerTask
}

interface Row {
  readonly name: string
  readonly value: 'cpuMicros' | 'perSecond'
  readonly unit: string
  readonly own: Way
  readonly rival: Way
}

interface Pair {
  readonly own: number
  readonly rival: number
}

export async function consumerSuite(bench: Bench): Promise<void> {
  const rows = allRows(bench).filter(
    ({ name }) => bench.rows === undefined || name.includes(bench.rows),
  )
  await withPeer(bench, 'millrace', async (running) => {
    const { host, port } = running.bootstrap
    const bootstrap = `${host}:${port}`
    const run = (task: ConsumerTask) =>
      runLoad<Record<string, number>>('consumer/load.ts', task, bench.loadCpus)
    for (const form of ['events', 'plain'] as const) {
      await run({ kind: 'fill', bootstrap, seconds: 0, events: eventsOf(bench), form })
    }
    let runs = 0
    for (const { own, rival, value } of rows) {
      if (value !== 'cpuMicros') continue
      for (const way of [own, rival]) await run(way.task(bootstrap, runs++))
    }
    const pairs = new Map<string, Pair[]>(rows.map(({ name }) => [name, []]))
    const foreign: number[] = []
    for (let round = 0; round < bench.rounds; round++) {
      for (const row of rows) {
        const measured: number[] = []
        // Which is first alternates: the second one finds the page cache and the broker warmer.
        const ways = round % 2 === 0 ? [row.own, row.rival] : [row.rival, row.own]
        for (const way of ways) {
          const { result: values, foreignCores } = await undisturbed([running.pid], () =>
            run(way.task(bootstrap, runs++)),
          )
          measured.push(values[row.value]!)
          foreign.push(foreignCores)
          const { name } = row
          bench.results.push({ suite: 'consumer', row: name, peer: way.name, values, foreignCores })
        }
        const [own, rival] = round % 2 === 0 ? measured : measured.toReversed()
        pairs.get(row.name)!.push({ own: own!, rival: rival! })
      }
    }
    print(rows, pairs)
    printForeign(foreign)
  })
}

function eventsOf({ seconds }: Bench): number {
  return Math.round(EVENTS_PER_SECOND * seconds)
}

function allRows(bench: Bench): readonly Row[] {
  const { seconds } = bench
  const events = eventsOf(bench)
  const group = (run: number) => `bench-${run}` // each begins at the beginning
  const bare = (form: Form): Way => ({
    name: 'bare loop',
    task: (bootstrap, run) => {
      return { kind: 'bare', form, bootstrap, seconds, events, group: group(run) }
    },
  })
  const runtime = (form: Form, order: Ordering): Way => ({
    name: 'runtime',
    task: (bootstrap, run) => {
      return { kind: 'runtime', form, order, bootstrap, seconds, events, group: group(run) }
    },
  })
  const producing = (kind: 'publish' | 'send', callers: number): Way => ({
    name: `${kind}()`,
    task: (bootstrap) => ({ kind, bootstrap, seconds, callers }),
  })
  return [
    ...(['events', 'plain'] as const).flatMap((form) =>
      (['key', 'partition'] as const).map((order) => ({
        name: `consume ${form}, order by ${order}`,
        value: 'cpuMicros' as const,
        unit: 'us/event',
        own: runtime(form, order),
        rival: bare(form),
      })),
    ),
    ...[1, 200].map((callers) => ({
      name: `publish, ${callers} at once`,
      value: 'perSecond' as const,
      unit: '/s',
      own: producing('publish', callers),
      rival: producing('send', callers),
    })),
  ]
}

/** The ratio is the median of those of the pairs: what disturbs both of a pair is in neither's favour. */
function print(rows: readonly Row[], pairs: ReadonlyMap<string, readonly Pair[]>): void {
  printTable(
    ['consumer', 'Millrace', '@platformatic/kafka', 'ratio'],
    rows.map(({ name, unit }) => {
      const of = pairs.get(name)!
      return [
        name,
        `${figure(median(of.map(({ own }) => own)))} ${unit}`,
        `${figure(median(of.map(({ rival }) => rival)))} ${unit}`,
        ratio(median(of.map(({ own, rival }) => own / rival)), 1),
      ]
    }),
  )
}
