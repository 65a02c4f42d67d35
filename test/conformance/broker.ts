// The broker under the software: Millrace as a process on a folder of its own, or Apache Kafka as the
// control, which tells a failure of ours from one of the software or of the way it is run here.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { BrokerProcess } from '../crash/broker-process.ts'

export const root = resolve(import.meta.dirname, '../..')
export type TargetName = 'millrace' | 'kafka'

export interface ConformanceBroker {
  readonly bootstrap: string
  readonly port: number
  /** Again, on the same folder and port. */
  start(): Promise<void>
  /** kill -9. Kafka is stopped instead: a controller that was killed is kept out for nine seconds. */
  kill(): Promise<void>
  stop(): Promise<void>
  /** What it wrote since its last start. */
  output(): string
}

/**
 * @param configs only Millrace's: the control is one node as `scripts/services` sets it up
 */
export async function startBrokerFor(
  target: TargetName,
  folder: string,
  configs: Readonly<Record<string, string>> = {},
): Promise<ConformanceBroker> {
  const port = await freePort()
  const broker = target === 'kafka' ? kafka(folder, port) : millrace(folder, port, configs)
  await broker.start()
  return broker
}

function millrace(
  folder: string,
  port: number,
  configs: Readonly<Record<string, string>>,
): ConformanceBroker {
  let running: BrokerProcess | undefined
  return {
    bootstrap: `127.0.0.1:${port}`,
    port,
    start: async () => {
      running = await BrokerProcess.start({ folder, port, configs })
    },
    kill: async () => running?.kill(),
    stop: async () => running?.stop(),
    output: () => running?.output ?? '',
  }
}

const run = promisify(execFile)

function kafka(folder: string, port: number): ConformanceBroker {
  const services = (verb: string, ...more: string[]) =>
    run(join(root, 'scripts/services'), [verb, 'kafka', '--data', folder, ...more])
  const stop = async () => {
    await services('stop')
  }
  return {
    bootstrap: `127.0.0.1:${port}`,
    port,
    start: async () => {
      await services('start', '--port', String(port))
    },
    kill: stop,
    stop,
    output: () => `see ${folder}/output.txt`,
  }
}

// Below what the system hands out to outgoing connections: a client that connects to the port of a
// broker that is just down could be given this very port, and would keep the broker from it.
const FIRST_PORT = 21_500
const LAST_PORT = 29_000

/** A port that nothing listens on at this moment, as on the one after it (Kafka's controller). */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + 2 * Math.floor((Math.random() * (LAST_PORT - FIRST_PORT)) / 2)
    if ((await isFree(port)) && (await isFree(port + 1))) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
