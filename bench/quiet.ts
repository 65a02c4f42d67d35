// The processors are often not ours alone: other programs, and other guests of the same host, take
// some of them. Waits until they are quiet, and measures again what they disturbed all the same.
// From /proc, so on Linux only.
import { readFileSync } from 'node:fs'
import { familyCpuSeconds } from './processes.ts'

const TICKS_PER_SECOND = 100
/** So little taken by others is quiet enough to begin. */
const QUIET_CORES = 0.24
const LOOK_MS = 500
const MAX_WAIT_MS = 60_000
/** A run during which others took more is repeated. */
const DISTURBED_CORES = 0.35
const MAX_RUNS = 4

let isWaiting = true

/** To see whether a suite works, on a machine that is at work: its figures mean nothing then. */
export function neverWait(): void {
  isWaiting = false
}

export interface Undisturbed<Result> {
  readonly result: Result
  /** Processors that were taken by others meanwhile, on average. */
  readonly foreignCores: number
}

/**
 * The least disturbed of a few runs: the first one that nobody disturbed ends them.
 * @param pids of what is measured and still runs afterwards; this process, its finished children and
 * the children of those are known
 */
export async function undisturbed<Result>(
  pids: readonly number[],
  run: (index: number) => Promise<Result>,
): Promise<Undisturbed<Result>> {
  let best: Undisturbed<Result> | undefined
  for (let index = 0; index < MAX_RUNS; index++) {
    if (isWaiting) await untilQuiet(pids)
    const before = look(pids)
    const result = await run(index)
    const foreignCores = foreignBetween(before, look(pids))
    if (best === undefined || foreignCores < best.foreignCores) best = { result, foreignCores }
    if (!isWaiting || foreignCores <= DISTURBED_CORES) break
  }
  return best!
}

async function untilQuiet(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS
  while (performance.now() < deadline) {
    const before = look(pids)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    if (foreignBetween(before, look(pids)) <= QUIET_CORES) return
  }
}

interface Look {
  readonly atMs: number
  /** CPU seconds of everybody, and of ours. */
  readonly all: number
  readonly own: number
}

function look(pids: readonly number[]): Look {
  const own = pids.reduce((sum, pid) => sum + familyCpuSeconds(pid), ownCpuSeconds())
  return { atMs: performance.now(), all: allCpuSeconds(), own }
}

function foreignBetween(before: Look, after: Look): number {
  const foreign = after.all - before.all - (after.own - before.own)
  return Math.max(0, (foreign * 1000) / (after.atMs - before.atMs))
}

/** Of all processors, with what the host gave to others (steal); interrupts are nobody's. */
function allCpuSeconds(): number {
  const [user, nice, system, , , , , steal] = readFileSync('/proc/stat', 'utf8')
    .slice('cpu'.length)
    .trimStart()
    .split(/\s+/, 8)
    .map(Number)
  return (user! + nice! + system! + steal!) / TICKS_PER_SECOND
}

/** This process and the children that have ended. */
function ownCpuSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND
}
