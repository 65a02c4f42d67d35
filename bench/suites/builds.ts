// Two builds of Millrace beside each other: both run all the time, and each row is measured on one and
// then on the other, in an order that alternates. What counts is the median of the ratios of such
// pairs, and with it where their middle half lies: what disturbs the machine disturbs both of a pair.
import { createTopic, deleteTopic } from '../load/admin.ts'
import type { ConsumeLoad, ConsumeResult } from '../load/consume.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import { type Running, TOPIC_CONFIGS } from '../peers/peer.ts'
import { median, percentile } from '../percentile.ts'
import { cpuSeconds, runLoad } from '../processes.ts'
import { undisturbed } from '../quiet.ts'
import { type Bench, figure, printForeign, printTable, withPeer } from './bench.ts'

const BATCH_BYTES = 16_384
const STORED_BYTES = 64_000_000
const SOURCE_CONFIGS = { 'retention.bytes': '-1' }

interface Row {
  readonly name: string
  readonly recordBytes: number
  readonly partitions: number
  readonly prepare?: (running: Running) => Promise<void>
  /** @param run differs at every call */
  readonly measure: (running: Running, run: number) => Promise<ConsumeResult | ProduceResult>
}

interface Pair {
  readonly now: Measured
  readonly before: Measured
}

interface Measured {
  readonly mbPerSecond: number
  /** Of the broker, for each GB of records. */
  readonly cpuSeconds: number
}

export async function buildsSuite(bench: Bench): Promise<void> {
  const rows = allRows(bench).filter(
    ({ name }) => bench.rows === undefined || name.includes(bench.rows),
  )
  await withPeer(bench, 'millrace', async (now) => {
    await withPeer(bench, 'millraceBefore', async (before) => {
      const pairs = new Map<Row, Pair[]>(rows.map((row) => [row, []]))
      const foreign: number[] = []
      for (const { prepare } of rows) for (const running of [now, before]) await prepare?.(running)
      for (let round = 0; round < bench.rounds; round++) {
        for (const row of rows) {
          const order = round % 2 === 0 ? [now, before] : [before, now]
          const measured: Measured[] = []
          for (const running of order) {
            const { result, foreignCores } = await undisturbed([now.pid, before.pid], (run) =>
              measure(row, running, 100 * round + run),
            )
            measured.push(result)
            foreign.push(foreignCores)
            const peer = running === now ? 'now' : 'before'
            bench.results.push({
              ...{ suite: 'builds', row: row.name, peer },
              ...{ values: { ...result }, foreignCores },
            })
          }
          const [first, second] = measured as [Measured, Measured]
          pairs
            .get(row)!
            .push(
              order[0] === now ? { now: first, before: second } : { now: second, before: first },
            )
        }
      }
      print('MB/s', 'mbPerSecond', pairs)
      print('CPU s/GB', 'cpuSeconds', pairs)
      printForeign(foreign)
    })
  })
}

async function measure(row: Row, running: Running, run: number): Promise<Measured> {
  const before = cpuSeconds(running.pid)
  const { mbPerSecond, records } = await row.measure(running, run)
  const seconds = cpuSeconds(running.pid) - before
  return { mbPerSecond, cpuSeconds: (seconds * 1e9) / (records * row.recordBytes) }
}

function allRows(bench: Bench): readonly Row[] {
  const consuming = [100, 1024].flatMap((recordBytes) =>
    [1, 8].map((partitions) => consumeRow(bench, recordBytes, partitions)),
  )
  const usual = { connections: 4, partitionsPerRequest: 1 }
  return [
    ...consuming,
    produceRow(bench, 'produce, 100 B, 1 partition', 100, { ...usual, partitions: 1 }),
    produceRow(bench, 'produce, 1 KB, 1 partition', 1024, { ...usual, partitions: 1 }),
    produceRow(bench, 'produce, 1 KB, 8 partitions', 1024, { ...usual, partitions: 8 }),
    produceRow(bench, 'produce, 1 KB, 64 of 256 partitions a request', 1024, {
      ...{ connections: 4, partitions: 256, partitionsPerRequest: 64 },
    }),
    produceRow(bench, 'produce, 100 KB batches, 1 connection', 1024, {
      ...{ connections: 1, partitions: 1, partitionsPerRequest: 1, recordsPerBatch: 97 },
    }),
  ]
}

function consumeRow(bench: Bench, recordBytes: number, partitions: number): Row {
  const size = recordBytes === 1024 ? '1 KB' : `${recordBytes} B`
  const topic = `consume-${recordBytes}-${partitions}`
  return {
    name: `consume, ${size}, ${partitions} partition${partitions === 1 ? '' : 's'}`,
    recordBytes,
    partitions,
    prepare: async ({ bootstrap }) => {
      await createTopic(bootstrap, topic, partitions, SOURCE_CONFIGS)
      const fill: ProduceLoad = {
        ...{ bootstrap, topic, partitions, recordBytes, acks: -1, warmupSeconds: 0 },
        ...{ connections: 2, inFlight: 4, partitionsPerRequest: 1 },
        recordsPerBatch: recordsOf(recordBytes),
        records: Math.floor(STORED_BYTES / recordBytes),
      }
      await runLoad<ProduceResult>('load/produce.ts', fill, bench.loadCpus)
    },
    // Without a warm-up, so that what the broker did is what was counted.
    measure: ({ bootstrap }) => {
      const load: ConsumeLoad = {
        ...{ bootstrap, topic, partitions, connections: 4, partitionMaxBytes: 1_048_576 },
        ...{ warmupSeconds: 0, seconds: bench.seconds },
      }
      return runLoad<ConsumeResult>('load/consume.ts', load, bench.loadCpus)
    },
  }
}

function produceRow(
  bench: Bench,
  name: string,
  recordBytes: number,
  shape: Pick<ProduceLoad, 'connections' | 'partitions' | 'partitionsPerRequest'> & {
    readonly recordsPerBatch?: number
  },
): Row {
  return {
    name,
    recordBytes,
    partitions: shape.partitions,
    measure: async ({ bootstrap }, run) => {
      const topic = `produce-${recordBytes}-${shape.partitions}-${shape.connections}-${run}`
      const configs = { ...TOPIC_CONFIGS }
      if (shape.partitions === 256) configs['segment.bytes'] = String(2 * 1024 * 1024)
      await createTopic(bootstrap, topic, shape.partitions, configs)
      const load: ProduceLoad = {
        ...{ bootstrap, topic, recordBytes, inFlight: 5, acks: -1 },
        ...{ recordsPerBatch: recordsOf(recordBytes), ...shape },
        ...{ warmupSeconds: 0, seconds: bench.seconds },
      }
      const result = await runLoad<ProduceResult>('load/produce.ts', load, bench.loadCpus)
      await deleteTopic(bootstrap, topic)
      return result
    },
  }
}

function recordsOf(recordBytes: number): number {
  return Math.floor(BATCH_BYTES / (recordBytes + 8))
}

function print(unit: string, value: keyof Measured, all: ReadonlyMap<Row, readonly Pair[]>): void {
  printTable(
    [`builds: ${unit}`, 'before', 'now', 'now / before', 'its middle half'],
    [...all].map(([{ name }, pairs]) => {
      const ratios = pairs.map(({ now, before }) => now[value] / before[value])
      ratios.sort((a, b) => a - b)
      return [
        name,
        figure(median(pairs.map(({ before }) => before[value]))),
        figure(median(pairs.map(({ now }) => now[value]))),
        percentile(ratios, 50).toFixed(2),
        `${percentile(ratios, 25).toFixed(2)} to ${percentile(ratios, 75).toFixed(2)}`,
      ]
    }),
  )
}
