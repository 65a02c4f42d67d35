// The event stores that are measured side by side: each can be started in an empty folder, started
// again on what it left there, and stopped.
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createStore } from '../load/admin.ts'
import { freePort } from '../peers/peer.ts'
import { startPostgres, stopPostgres } from '../peers/postgres.ts'
import { stop } from '../processes.ts'
import type { Bench } from '../suites/bench.ts'
import type { Victim } from './audit.ts'
import { STORE } from './embedded-client.ts'
import type { ClientName } from './load.ts'

export interface Contender {
  readonly name: string
  readonly client: ClientName
  readonly canReadStreams: boolean
  start(folder: string): Promise<Serving>
}

export interface Serving {
  readonly port: number
  /** Of the server; in process there is none besides the load. */
  readonly pids: readonly number[]
  readonly victim: Victim | 'self'
  /** Does what its administrators do after much has been written. */
  settle(): Promise<void>
  stop(): Promise<void>
}

interface RivalModule {
  install(port: number): Promise<void> | void
  settle(port: number): Promise<void>
}

const rivals = resolve(import.meta.dirname, '../rivals')

export function contenders(bench: Bench): readonly Contender[] {
  return [
    {
      name: 'Millrace, in process',
      client: 'embedded',
      canReadStreams: true,
      start: async () => ({ port: 0, pids: [], victim: 'self', settle: nothing, stop: nothing }),
    },
    {
      name: 'Millrace, TCP',
      client: 'tcp',
      canReadStreams: false,
      start: (folder) => startBroker(bench, folder),
    },
    onPostgres(bench, 'Emmett', 'emmett'),
    onPostgres(bench, 'message-db', 'message-db'),
  ]
}

async function startBroker(bench: Bench, folder: string): Promise<Serving> {
  const isNew = !existsSync(folder)
  const port = await freePort()
  const { bootstrap, pid, started } = await bench.peers.millrace.start({
    ...{ folder, port, cpus: bench.brokerCpus },
  })
  if (isNew) await createStore(bootstrap, STORE)
  return {
    ...{ port, pids: [pid], victim: { pid, signal: 'SIGKILL' } },
    settle: nothing,
    stop: () => stop(started),
  }
}

const nothing = (): Promise<void> => Promise.resolve()

function onPostgres(bench: Bench, name: string, client: 'emmett' | 'message-db'): Contender {
  return {
    name,
    client,
    canReadStreams: true,
    async start(folder) {
      const isNew = !existsSync(folder)
      mkdirSync(folder, { recursive: true, mode: 0o711 }) // its own user passes through
      const port = await freePort()
      const pid = startPostgres({ folder, port, cpus: bench.brokerCpus })
      const rival = (await import(join(rivals, `${client}.ts`))) as RivalModule
      if (isNew) await rival.install(port)
      // QUIT is PostgreSQL's immediate shutdown: nothing is finished, the next start recovers.
      const victim: Victim = { pid, signal: 'SIGQUIT' }
      return {
        ...{ port, pids: [pid], victim },
        settle: () => rival.settle(port),
        stop: async () => stopPostgres(folder),
      }
    },
  }
}
