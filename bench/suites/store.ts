// The event store, in process and over TCP, beside Emmett and message-db on PostgreSQL 15: appends with
// an expected version, and streams of ten events that are read. Nothing is timed before the gates have
// held on the same store: a race of writers, a retry, an audit after a crash.
import { once } from 'node:events'
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ClosedLoopResult } from '../load/closed-loop.ts'
import { median } from '../percentile.ts'
import { familyCpuSeconds, runLoad, start } from '../processes.ts'
import { undisturbed } from '../quiet.ts'
import { type Contender, contenders, type Serving } from '../store/contenders.ts'
import type { ClientName, StoreTask } from '../store/load.ts'
import { type Bench, figure, printForeign, printTable, ratio } from './bench.ts'

/** What an append of one event writes, about. */
const APPEND_BYTES = 512
const FIRST_STREAMS = 100
const FILLED_STREAMS = 2000
const KILL_DEADLINE_MS = 30_000

interface Row {
  readonly name: string
  readonly kind: 'append' | 'read'
  readonly callers: number
}

interface Sample {
  readonly row: string
  readonly peer: string
  readonly values: Record<string, number>
  readonly foreignCores: number
}

const allRows: readonly Row[] = [
  { name: 'append, 1 caller', kind: 'append', callers: 1 },
  { name: 'append, 32 callers', kind: 'append', callers: 32 },
  { name: 'append, 256 callers', kind: 'append', callers: 256 },
  { name: 'read a stream of 10, 1 caller', kind: 'read', callers: 1 },
  { name: 'read a stream of 10, 32 callers', kind: 'read', callers: 32 },
]

export async function storeSuite(bench: Bench): Promise<void> {
  const peers = contenders(bench)
  const rows = allRows.filter(({ name }) => bench.rows === undefined || name.includes(bench.rows))
  const samples: Sample[] = []
  const syncs: number[] = []
  chmodSync(bench.folder, 0o711) // PostgreSQL has a user of its own
  for (const peer of peers) {
    await gates(bench, peer)
    console.log(`store: the gates hold for ${peer.name}`)
  }
  for (let round = 0; round < bench.rounds; round++) {
    syncs.push(await syncP50(bench))
    for (const peer of peers) samples.push(...(await measure(bench, peer, rows)))
  }
  for (const { foreignCores, ...sample } of samples) {
    bench.results.push({ suite: 'store', ...sample, foreignCores })
  }
  print(peers, rows, samples, median(syncs))
}

/** All of it on a store of its own, which is gone afterwards. */
async function gates(bench: Bench, peer: Contender): Promise<void> {
  const folder = join(bench.folder, `store-${peer.client}`)
  const file = join(bench.folder, `audit-${peer.client}.json`)
  const task = (serving: Serving) => ({
    ...{ client: peer.client, folder, port: serving.port, callers: 32 },
  })
  let serving = await peer.start(folder)
  try {
    await load(bench, { ...task(serving), kind: 'gates' })
    const { victim } = serving
    await writeUntilKilled(bench, { ...task(serving), kind: 'audit-write', file, victim })
    for (const pid of serving.pids) await untilGone(pid)
    serving = await peer.start(folder)
    await load(bench, { ...task(serving), kind: 'audit-check', file })
  } catch (cause) {
    throw new Error(`${peer.name} does not hold what a store must hold`, { cause })
  } finally {
    await serving.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(bench: Bench, peer: Contender, rows: readonly Row[]): Promise<Sample[]> {
  const folder = join(bench.folder, `store-${peer.client}`)
  const serving = await peer.start(folder)
  const samples: Sample[] = []
  const where = { client: peer.client, folder, port: serving.port }
  try {
    await prefill(bench, serving, where)
    for (const [index, row] of rows.entries()) {
      if (row.kind === 'read' && !peer.canReadStreams) continue
      const { result, foreignCores } = await undisturbed(serving.pids, async (run) => {
        const { callers } = row
        const task = { ...where, callers, seconds: bench.seconds }
        const before = serverSeconds(serving)
        const beganMs = performance.now()
        const values =
          row.kind === 'read'
            ? await load(bench, { ...task, kind: 'read', streams: FILLED_STREAMS })
            : // Nothing of the prefix may be there yet.
              await load(bench, { ...task, kind: 'append', prefix: `r${index}x${run}` })
        const elapsed = (performance.now() - beganMs) / 1000
        const serverCores = (serverSeconds(serving) - before) / elapsed
        return { ...values, cpuCores: values['loadCores']! + serverCores }
      })
      samples.push({ row: row.name, peer: peer.name, values: result, foreignCores })
    }
  } finally {
    await serving.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return samples
}

/**
 * Rows begin on a store that has something in it. A database plans by what it knows of its tables, and
 * keeps the plans that it made for empty ones: it gets to look after a few streams, and after all.
 */
async function prefill(
  bench: Bench,
  serving: Serving,
  where: { client: ClientName; folder: string; port: number },
): Promise<void> {
  for (const [fromStream, toStream] of [
    [0, FIRST_STREAMS],
    [FIRST_STREAMS, FILLED_STREAMS],
  ] as const) {
    await load(bench, { ...where, callers: 16, kind: 'fill', fromStream, toStream })
    await serving.settle()
  }
}

function serverSeconds({ pids }: Serving): number {
  return pids.reduce((sum, pid) => sum + familyCpuSeconds(pid), 0)
}

function load(bench: Bench, task: StoreTask): Promise<ClosedLoopResult> {
  return runLoad<ClosedLoopResult>('store/load.ts', task, bench.loadCpus)
}

/** Where the load is the store, it is what is killed. */
async function writeUntilKilled(bench: Bench, task: StoreTask & { file: string }): Promise<void> {
  const script = join(import.meta.dirname, '../store/load.ts')
  const started = start([process.execPath, script, JSON.stringify(task)], { cpus: bench.loadCpus })
  const [code, signal] = (await once(started.child, 'exit')) as [number | null, string | null]
  if ((code === 0 || signal === 'SIGKILL') && existsSync(task.file)) return
  throw new Error(`the audit's writers ended with ${code ?? signal}: ${started.output()}`)
}

async function untilGone(pid: number): Promise<void> {
  const deadline = performance.now() + KILL_DEADLINE_MS
  while (performance.now() < deadline) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`process ${pid} did not end`)
}

async function syncP50(bench: Bench): Promise<number> {
  const { folder, seconds } = bench
  const parameters = { folder, bytes: APPEND_BYTES, seconds, onThread: false }
  const { p50Ms } = await runLoad<{ p50Ms: number }>('raw/sync-loop.ts', parameters)
  return p50Ms
}

function print(
  peers: readonly Contender[],
  rows: readonly Row[],
  samples: readonly Sample[],
  syncMs: number,
): void {
  const of = (row: string, peer: Contender, value: string) =>
    median(
      samples
        .filter((sample) => sample.row === row && sample.peer === peer.name)
        .map(({ values }) => values[value]!),
    )
  const shown = (value: number, unit: string) =>
    Number.isNaN(value) ? '-' : `${figure(value)} ${unit}`
  const [inProcess, overTcp, ...rivals] = peers as [Contender, Contender, ...Contender[]]
  for (const [value, unit] of [
    ['perSecond', '/s'],
    ['p50Ms', 'ms'],
    ['p99Ms', 'ms'],
    ['cpuCores', 'cores'],
  ] as const) {
    const isRate = value === 'perSecond'
    const best = (row: string) => {
      const all = rivals.map((peer) => of(row, peer, value))
      return isRate ? Math.max(...all) : Math.min(...all)
    }
    const against = (row: string, peer: Contender) => {
      const own = of(row, peer, value)
      return Number.isNaN(own) ? '-' : ratio(own, best(row))
    }
    const names = peers.map(({ name }) => name)
    printTable(
      [`store: ${value}`, ...names, 'in process / best rival', 'TCP / best rival'],
      rows.map(({ name }) => [
        name,
        ...peers.map((peer) => shown(of(name, peer, value), unit)),
        against(name, inProcess),
        against(name, overTcp),
      ]),
    )
  }
  const single = rows.find(({ kind, callers }) => kind === 'append' && callers === 1)
  if (single !== undefined) {
    const own = (peer: Contender) => of(single.name, peer, 'p50Ms')
    printTable(
      ['store: p50 of an append, 1 caller', 'p50', `write+sync of ${APPEND_BYTES} B`, 'ratio'],
      peers.map((peer) => [
        ...[peer.name, shown(own(peer), 'ms'), shown(syncMs, 'ms'), ratio(own(peer), syncMs)],
      ]),
    )
  }
  printForeign(samples.map(({ foreignCores }) => foreignCores))
}
