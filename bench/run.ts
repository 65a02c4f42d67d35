// The benchmarks: Millrace beside single-node Apache Kafka in the same run, on the same machine, with
// the same load generator. Rows of a suite are interleaved (A B A B ...), medians are printed, and
// what counts is the ratio. `npm run bench -- --help` lists the options.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { kafkaPeer } from './peers/kafka.ts'
import { millracePeer } from './peers/millrace.ts'
import type { Bench } from './suites/bench.ts'
import { consumeSuite } from './suites/consume.ts'
import { diskSuite } from './suites/disk.ts'
import { latencySuite } from './suites/latency.ts'
import { produceSuite } from './suites/produce.ts'
import { rawSuite } from './suites/raw.ts'
import { startSuite } from './suites/start.ts'
import { transactionsSuite } from './suites/transactions.ts'

const suites = {
  raw: rawSuite,
  produce: produceSuite,
  consume: consumeSuite,
  latency: latencySuite,
  transactions: transactionsSuite,
  start: startSuite,
  disk: diskSuite,
}
type SuiteName = keyof typeof suites
const names = Object.keys(suites) as SuiteName[]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    pinned: { type: 'boolean', default: false },
    rows: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(`npm run bench -- [options]
  --only ${names.join(',')}   suites to run (all)
  --rounds N     runs of each row, interleaved (3)
  --seconds S    how long a run measures (4)
  --rows TEXT    only the rows of produce and transactions whose name has that text in it
  --pinned       broker on CPU 0, load on CPU 1
  --json FILE    write every single result there
Needs Java and the jars that scripts/services prepares.`)
  process.exit(0)
}

const jars = resolve(import.meta.dirname, '../.cache/kafka-4.3.1/lib')
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const bench: Bench = {
  folder,
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  brokerCpus: values.pinned ? '0' : undefined,
  loadCpus: values.pinned ? '1' : undefined,
  rows: values.rows,
  peers: {
    millrace: millracePeer({ sync: true }),
    millraceNoSync: millracePeer({ sync: false }),
    kafka: kafkaPeer(jars, { syncEveryMessage: false }),
    kafkaSync: kafkaPeer(jars, { syncEveryMessage: true }),
  },
  results: [],
}

console.log(
  `${cpus().length} CPUs (${cpus()[0]!.model}), Node ${process.version}, ` +
    `${values.pinned ? 'broker on CPU 0, load on CPU 1' : 'unpinned'}, median of ${bench.rounds}`,
)
try {
  const wanted = values.only?.split(',') ?? names
  for (const name of names) if (wanted.includes(name)) await suites[name](bench)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(bench.results, null, 1)}\n`)
