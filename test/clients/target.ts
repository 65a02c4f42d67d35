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
import { Authority, type Certificate } from '../support/certificates.ts'
import { LossyLink } from './lossy-link.ts'

export const root = resolve(import.meta.dirname, '../..')
const START_TIMEOUT_MS = 60_000
/** Access is controlled, and open where no rule says otherwise: see abilities/access.ts. */
const settings = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
}

export type TargetName = 'millrace' | 'kafka'

/** Listeners of the same broker that ask who comes: by name and password, or by certificate. */
export interface Secured {
  readonly saslSsl: string
  readonly ssl: string
  readonly user: string
  readonly password: string
  readonly caFile: string
  readonly certificate: Certificate
}

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
  readonly secured: Secured
  readonly #broker: Broker
  readonly #folder: string
  readonly #authority: Authority

  private constructor(args: {
    bootstrap: string
    link: LossyLink
    secured: Secured
    broker: Broker
    folder: string
    authority: Authority
  }) {
    this.bootstrap = args.bootstrap
    this.link = args.link
    this.secured = args.secured
    this.#authority = args.authority
    this.#broker = args.broker
    this.#folder = args.folder
  }

  static async start(name: TargetName): Promise<Target> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-clients-'))
    const port = await freePorts(5)
    const bootstrap = `127.0.0.1:${port + 2}`
    const authority = await Authority.make()
    const secured: Secured = {
      saslSsl: `127.0.0.1:${port + 3}`,
      ssl: `127.0.0.1:${port + 4}`,
      user: 'alice',
      password: 'alice-secret',
      caFile: authority.path,
      certificate: await authority.sign('client', '/CN=alice'),
    }
    const server = await authority.sign('server', '/CN=localhost')
    const config = join(folder, 'settings.properties')
    const all = {
      ...settings,
      ...listenerSettings(port, bootstrap),
      ...securitySettings(server, secured),
      ...(name === 'kafka' && plainUser(secured)),
    }
    const lines = Object.entries(all).map(([key, value]) => `${key}=${value}\n`)
    await writeFile(config, lines.join(''))
    const place = { folder: join(folder, 'data'), port, advertise: bootstrap, config }
    const broker = name === 'kafka' ? kafka(place) : millrace(place)
    await broker.start()
    const link = await LossyLink.start({ upstreamPort: port, port: port + 2 })
    await addUser(bootstrap, secured)
    return new Target({ bootstrap, link, secured, broker, folder, authority })
  }

  /** Kills the broker and starts it again: what was committed is expected to be there still. */
  async restart(): Promise<void> {
    await this.#broker.kill()
    await this.#broker.start()
  }

  async stop(): Promise<void> {
    await this.link.stop()
    await this.#broker.stop()
    await this.#authority[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** The first port is the plain one, the second Kafka's controller's, the third the link's. */
function listenerSettings(port: number, advertised: string) {
  const at = (offset: number) => `127.0.0.1:${port + offset}`
  const secured = `SASL_SSL://${at(3)},SSL://${at(4)}`
  return {
    listeners: `PLAINTEXT://${at(0)},CONTROLLER://${at(1)},${secured}`,
    'advertised.listeners': `PLAINTEXT://${advertised},${secured}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL',
  }
}

function securitySettings(server: Certificate, { caFile }: Secured) {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': server.path,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': caFile,
    'listener.name.ssl.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
  }
}

/** In Kafka the users of PLAIN stand in the settings, and SCRAM has to be named there too. */
function plainUser({ user, password }: Secured) {
  const modules = 'org.apache.kafka.common.security'
  return {
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_${user}="${password}";`,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
  }
}

/** By our own command, which speaks to Kafka as well. */
async function addUser(broker: string, { user, password }: Secured): Promise<void> {
  const main = join(root, 'src/cli/main.ts')
  const child = spawn(process.execPath, [main, 'user', 'add', user, '-b', broker], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  child.stdin.end(password)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`millrace user add ended with ${code}`)
}

interface Place {
  /** A file of settings. */
  readonly config: string
  readonly folder: string
  readonly port: number
  readonly advertise: string
}

function millrace({ folder, config }: Place): Broker {
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
      const args = ['start', '--config', config, '--data', folder]
      const child = spawn(process.execPath, [main, ...args], {
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
