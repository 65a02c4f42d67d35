// PostgreSQL as a peer: scripts/services starts a server of its own with fsync on, in a folder of its
// own, and knows how to stop it.
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'

const services = resolve(import.meta.dirname, '../../scripts/services')

/** Those of this process that run: a server would outlive it. */
const running = new Set<string>()
process.prependListener('exit', () => running.forEach(stopPostgres))

/** @returns the id of the server's first process, the parent of all others */
export function startPostgres(options: {
  folder: string
  port: number
  cpus?: string | undefined
}): number {
  const command = [services, 'start', 'postgres', '--port', String(options.port)]
  command.push('--data', join(options.folder, 'postgres'))
  if (options.cpus !== undefined) command.unshift('taskset', '-c', options.cpus)
  const output = execFileSync(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(options.folder)
  const { pid } = JSON.parse(output.toString().trim().split('\n').at(-1)!) as { pid: number }
  return pid
}

export function stopPostgres(folder: string): void {
  execFileSync(services, ['stop', 'postgres', '--data', join(folder, 'postgres')])
  running.delete(folder)
}
