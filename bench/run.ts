// The benchmarks: Millrace beside single-node Apache Kafka in the same run, on the same machine, with
// the same load generator. Rows of a suite are interleaved (A B A B ...), medians are printed, and
// what counts is the ratio. `npm run bench -- --help` lists the options.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { kafkaPeer } from './peers/kafka.ts'
import { millracePeer } from './peers/millrace.ts'
import { neverWait } from './quiet.ts'
import type { Bench } from './suites/bench.ts'
import { buildsSuite } from './suites/builds.ts'
import { consumeSuite } from './suites/consume.ts'
import { consumerSuite } from './suites/consumer.ts'
import { diskSuite } from './suites/disk.ts'
import { latencySuite } from './suites/latency.ts'
import { produceSuite } from './suites/produce.ts'
import { rawSuite } from './suites/raw.ts'
import { startSuite } from './suites/start.ts'
import { storeSuite } from './suites/store.ts'
import { storeGrowthSuite } from './suites/store-growth.ts'
import { transactionsSuite } from './suites/transactions.ts'

const suites = {
  raw: rawSuite,
  produce: produceSuite,
  consume: consumeSuite,
  latency: latencySuite,
  transactions: transactionsSuite,
  store: storeSuite,
  'store-growth': storeGrowthSuite,
  consumer: consumerSuite,
  start: startSuite,
  disk: diskSuite,
  builds: buildsSuite,
}
type SuiteName = keyof typeof suites
const names = Object.keys(suites) as SuiteName[]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    large: { type: 'boolean', default: false },
    trial: { type: 'boolean', default: false },
    pinned: { type: 'boolean', default: false },
    rows: { type: 'string' },
    before: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(`npm run bench -- [options]
  --only ${names.join(',')}   suites to run (all)
  --rounds N     runs of each row, interleaved (3)
  --seconds S    how long a run measures (4)
  --rows TEXT    only the rows of produce, transactions, store, consumer and builds whose name has that text in it
  --large        store-growth also with 10 M events, which need 5 GB of disk and of page cache
  --trial        do not wait for quiet processors: to see a suite work, not for figures
  --pinned       broker on CPU 0, load on CPU 1
  --before DIR   another checkout, built: the suite builds compares it with this one
  --json FILE    write every single result there
Needs Java and the jars that scripts/services prepares; store needs \`scripts/services prepare postgres rivals\`.`)
  process.exit(0)
}

if (values.trial) neverWait()

const jars = resolve(import.meta.dirname, '../.cache/kafka-4.3.1/lib')
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const bench: Bench = {
  folder,
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  brokerCpus: values.pinned ? '0' : undefined,
  loadCpus: values.pinned ? '1' : undefined,
  rows: values.rows,
  isLarge: values.large,
  peers: {
    millrace: millracePeer({ sync: true }),
    millraceNoSync: millracePeer({ sync: false }),
    millraceBefore: millracePeer({ sync: true, root: values.before && resolve(values.before) }),
    kafka: kafkaPeer(jars, { syncEveryMessage: false }),
    kafkaSync: kafkaPeer(jars, { syncEveryMessage: true }),
  },
  results: [],
}

console.log(
  `${cpus().length} CPUs (${cpus()[0]!.model}), Node ${process.version}, ` +
    `${values.pinned ? 'broker on CPU 0, load on CPU 1' : 'unpinned'}, median of ${bench.rounds}`,
)
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
// Nothing to compare with, nothing to run.
const wanted = values.only?.split(',') ?? names.filter((name) => name !== 'builds')
if (wanted.includes('builds') && values.before === undefined) {
  console.error('The suite builds needs --before DIR.')
  process.exit(2)
}
for (const name of names) if (wanted.includes(name)) await suites[name](bench)
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(bench.results, null, 1)}\n`)
