// What every verb that talks to a broker takes: where the broker is, how long to wait, how to print.

import type { Command } from 'commander'
import { nodeClock, nodeRandom, nodeTimers } from '../host/node-host.ts'
import { nodeNet } from '../host/node-net.ts'
import { readPemFile, TlsError } from '../host/tls.ts'
import { formatAddress, parseAddress } from './client/address.ts'
import { ClientError } from './client/client-error.ts'
import { Cluster } from './client/cluster.ts'
import { type ClientConfig, ClientConfigError, parseClientConfig } from './client/security.ts'
import { DEFAULT_BROKER } from './default-broker.ts'
import { CliError, ExitCode, usageError } from './exit-code.ts'
import { Output, type OutputOptions } from './output.ts'
import { parseDuration } from './position.ts'
import type { Session } from './session.ts'
import { readTextFile } from './text-file.ts'

export interface BrokerOptions extends OutputOptions {
  /** Undefined: MILLRACE_BROKER, else DEFAULT_BROKER. */
  broker?: string
  timeout: string
  commandConfig?: string
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document')
    .option('--jsonl', 'print one JSON value per line')
    .option('-q, --quiet', 'print data and errors only')
    .option('-v, --verbose', 'say more on stderr')
}

/** Call it last: help shows these below the verb's own options. */
export function addBrokerOptions(command: Command): Command {
  return addOutputOptions(
    command
      .optionsGroup('Broker and output:')
      .option(
        '-b, --broker <host:port,...>',
        `where to connect (default: $MILLRACE_BROKER, else ${DEFAULT_BROKER})`,
      )
      .option(
        '--command-config <file>',
        "TLS and login as in Kafka's client.properties (default: $MILLRACE_COMMAND_CONFIG)",
      )
      .option('--timeout <duration>', 'how long an operation may take', '10s'),
  )
}

/** Connects, hands over the cluster, and closes it, whatever happens. */
export async function withCluster(
  session: Session,
  options: BrokerOptions,
  use: (cluster: Cluster, output: Output) => Promise<void>,
): Promise<void> {
  const { terminal } = session
  const output = new Output(terminal, options)
  const config = await readCommandConfig(session, options)
  const chosen = options.broker ?? (terminal.env['MILLRACE_BROKER'] || config?.bootstrapServers)
  const broker = chosen || DEFAULT_BROKER
  const bootstrap = broker.split(',').map((text) => {
    const address = parseAddress(text.trim())
    if (address === undefined)
      throw usageError(`'${text}' is no HOST:PORT: give --broker ${DEFAULT_BROKER}.`)
    return address
  })
  const timeoutMs = parseDuration(options.timeout)
  const world = { net: nodeNet, clock: nodeClock, timers: nodeTimers, random: nodeRandom }
  const cluster = await Cluster.connect({
    ...world,
    bootstrap,
    timeoutMs,
    security: config?.security,
  }).catch((error) => {
    throw unreachable(error, bootstrap.map(formatAddress).join(', '))
  })
  await output.detail(`connected to ${broker}`)
  try {
    await use(cluster, output)
  } finally {
    cluster.close()
  }
}

/** undefined when no file is named. @throws CliError (usage) */
async function readCommandConfig(
  { terminal }: Session,
  options: BrokerOptions,
): Promise<ClientConfig | undefined> {
  const path = options.commandConfig ?? terminal.env['MILLRACE_COMMAND_CONFIG']
  if (path === undefined || path === '') return undefined
  try {
    return await parseClientConfig(await readTextFile(path), readPemFile)
  } catch (error) {
    if (!(error instanceof ClientConfigError) && !(error instanceof TlsError)) throw error
    throw usageError(`--command-config ${path}: ${error.message}`)
  }
}

function unreachable(error: unknown, addresses: string): unknown {
  if (!(error instanceof ClientError) || error.code === 'closed') return error
  if (error.code === 'malformed') {
    const message = `What listens at ${addresses} does not speak Kafka's protocol: check --broker.`
    return new CliError(ExitCode.UNREACHABLE, message, error)
  }
  if (error.cause instanceof TlsError) return error
  if (error.code === 'refused' || error.code === 'unsupported') return error
  const message = `No broker answers at ${addresses} (${reasonOf(error)}): start one with \`millrace\`, or name another with --broker HOST:PORT.`
  return new CliError(ExitCode.UNREACHABLE, message, error)
}

function reasonOf(error: ClientError): string {
  if (error.code === 'timeout') return 'no answer in time'
  if (error.code === 'connection-lost') return 'it closed the connection'
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if ('syscall' in cause && 'code' in cause) return String(cause.code)
  }
  return error.message
}
