// What a benchmark needs of a broker: started on a free port in an empty folder, measured, stopped.
import { connect, createServer } from 'node:net'
import type { Started } from '../processes.ts'

export interface Peer {
  readonly name: string
  /** `settings` are broker configurations under Kafka's names. */
  start(options: { folder: string; port: number; cpus?: string | undefined }): Promise<Running>
}

export interface Running {
  readonly bootstrap: { host: string; port: number }
  readonly pid: number
  readonly started: Started
}

/** Both brokers keep the working set small, or the page cache of the machine is what is measured. */
export const TOPIC_CONFIGS: Record<string, string> = {
  'segment.bytes': String(32 * 1024 * 1024),
  'retention.bytes': String(64 * 1024 * 1024),
  'file.delete.delay.ms': '100',
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves once something accepts connections on the port. */
export async function untilListening(port: number, started: Started): Promise<void> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    if (started.child.exitCode !== null) throw new Error(`it ended: ${started.output()}`)
    if (await accepts(port)) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error(`nothing listens on ${port}: ${started.output()}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
