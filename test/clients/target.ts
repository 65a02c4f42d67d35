// The broker that the clients talk to: Millrace, or Apache Kafka as the control that proves the tests
// themselves. Each run has a data folder of its own, and the link's address is what is advertised.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { LossyLink } from './lossy-link.ts'

export const root = resolve(import.meta.dirname, '../..')
const START_TIMEOUT_MS = 60_000
/** Access is controlled, and open where no rule says otherwise: see abilities/access.ts. */
const settings = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
}

export type TargetName = 'millrace' | 'kafka'

interface Broker {
  /** Starts it, again or for the first time, on the same folder and port. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Ends it without a chance to put anything in order. */
  kill(): Promise<void>
}

export class Target {
  readonly bootstrap: string
  readonly link: LossyLink
  readonly #broker: Broker
  readonly #folder: string

  private constructor(args: {
    bootstrap: string
    link: LossyLink
    broker: Broker
    folder: string
  }) {
    this.bootstrap = args.bootstrap
    this.link = args.link
    this.#broker = args.broker
    this.#folder = args.folder
  }

  static async start(name: TargetName): Promise<Target> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-clients-'))
    const port = await freePorts(3)
    const bootstrap = `127.0.0.1:${port + 2}`
    const config = join(folder, 'settings.properties')
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
    await writeFile(config, lines.join(''))
    const place = { folder: join(folder, 'data'), port, advertise: bootstrap, config }
    const broker = name === 'kafka' ? kafka(place) : millrace(place)
    await broker.start()
    const link = await LossyLink.start({ upstreamPort: port, port: port + 2 })
    return new Target({ bootstrap, link, broker, folder })
  }

  /** Kills the broker and starts it again: what was committed is expected to be there still. */
  async restart(): Promise<void> {
    await this.#broker.kill()
    await this.#broker.start()
  }

  async stop(): Promise<void> {
    await this.link.stop()
    await this.#broker.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

interface Place {
  /** A file of settings. */
  readonly config: string
  readonly folder: string
  readonly port: number
  readonly advertise: string
}

function millrace({ folder, port, advertise, config }: Place): Broker {
  let running: ChildProcess | null = null
  const end = async (signal: NodeJS.Signals) => {
    if (running === null) return
    const ended = once(running, 'close')
    running.kill(signal)
    await ended
    running = null
  }
  return {
    start: async () => {
      const main = join(root, 'src/cli/main.ts')
      const args = ['start', '--config', config, '--data', folder, '--listen', `127.0.0.1:${port}`]
      const child = spawn(process.execPath, [main, ...args, '--advertise', advertise], {
        stdio: ['ignore', 'pipe', 'inherit'],
        // As often as members of classic groups beat here: a rebalance takes a few of them.
        env: {
          ...process.env,
          MILLRACE_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS: '300',
          MILLRACE_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS: '300',
        },
      })
      running = child
      const endWithUs = () => child.kill('SIGKILL')
      process.once('exit', endWithUs)
      child.once('close', () => process.off('exit', endWithUs))
      await untilReady(child)
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** Resolves when the broker has printed its ready line; later lines go to standard error. */
async function untilReady(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error('Millrace was not ready')), START_TIMEOUT_MS)
  child.once('close', (code) => reject(new Error(`Millrace ended with ${code}`)))
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.includes('"event":"ready"')) resolve()
    else process.stderr.write(`${line}\n`)
  })
  try {
    await promise
  } finally {
    clearTimeout(timer)
  }
}

const run = promisify(execFile)

function kafka({ folder, port, advertise, config }: Place): Broker {
  const services = (verb: string, ...more: string[]) =>
    run(join(root, 'scripts/services'), [verb, 'kafka', '--data', folder, ...more])
  const stop = async () => {
    await services('stop')
  }
  return {
    start: async () => {
      const where = ['--port', String(port), '--advertise', advertise]
      await services('start', ...where, '--config', config)
    },
    stop,
    // A controller that was killed is not let in again for nine seconds; Kafka is the control only.
    kill: stop,
  }
}

/** The first of `count` ports in a row that nothing listens on at this moment. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await listenBriefly(0)
    if (first + count > 65_535) continue
    try {
      for (let port = first + 1; port < first + count; port++) await listenBriefly(port)
      return first
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    }
  }
}

async function listenBriefly(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return address !== null && typeof address === 'object' ? address.port : port
}
