// Starts, measures and stops the processes of a benchmark. CPU and memory come from /proc, so these
// figures exist on Linux only. Every process is stopped by its own id.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100
const STOP_DEADLINE_MS = 20_000

export interface Started {
  readonly child: ChildProcess
  /** Wall clock when it was spawned, from performance.now(). */
  readonly spawnedAt: number
  readonly output: () => string
}

/** @param cpus a CPU list for taskset, or undefined to let it run anywhere */
export function start(
  command: readonly string[],
  options: { cpus?: string | undefined; env?: NodeJS.ProcessEnv } = {},
): Started {
  const pinned =
    options.cpus === undefined ? [...command] : ['taskset', '-c', options.cpus, ...command]
  let output = ''
  const spawnedAt = performance.now()
  const child = spawn(pinned[0]!, pinned.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-20_000)
  }
  child.stdout!.on('data', keep)
  child.stderr!.on('data', keep)
  return { child, spawnedAt, output: () => output }
}

export async function stop(started: Started): Promise<void> {
  const { child } = started
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await exited
  clearTimeout(deadline)
}

/** Runs a script of this folder with its arguments as JSON; its last line of output is the result. */
export async function runLoad<Result>(
  script: string,
  parameters: object,
  cpus?: string,
): Promise<Result> {
  const command = [process.execPath, `${import.meta.dirname}/${script}`, JSON.stringify(parameters)]
  const started = start(command, { cpus })
  const [code] = await once(started.child, 'exit')
  const lines = started.output().trim().split('\n')
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${started.output()}`)
  return JSON.parse(lines.at(-1)!) as Result
}

/** User and system CPU seconds that a process has used so far, all threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** As above, with its children, those that have ended too. */
export function familyCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  if (children === '') return own
  return children.split(' ').reduce((sum, child) => sum + childCpuSeconds(Number(child)), own)
}

/** It may end just now: then its parent has its seconds at the next look. */
function childCpuSeconds(pid: number): number {
  try {
    return familyCpuSeconds(pid)
  } catch {
    return 0
  }
}

/** Resident memory in MB: now, and the highest so far. */
export function memoryMb(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  return { now: kb('VmRSS') / 1024, peak: kb('VmHWM') / 1024 }
}
