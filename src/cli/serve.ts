// Runs a broker in this process until it is told to stop. A person gets a screen, everybody else
// JSON lines on stdout, the first of which says that the broker is ready.
// The first Ctrl-C or SIGTERM drains: what has come is answered and synced. The second one kills.

import { type Broker, startBroker } from '../broker/broker.ts'
import type { ListenerPlan } from '../broker/catalog/listeners.ts'
import { settingsWithoutEffect } from '../broker/catalog/static-settings.ts'
import { nodeClock } from '../host/node-host.ts'
import { type Address, formatAddress } from './client/address.ts'
import { unlessAborted } from './client/unless-aborted.ts'
import { CliError, ExitCode } from './exit-code.ts'
import { paint, type Style } from './output.ts'
import { readyScreen } from './ready-screen.ts'
import { ServeLog } from './serve-log.ts'
import type { ServeOptions } from './serve-options.ts'
import { movedTo, planServe, type ServePlan } from './serve-plan.ts'
import type { Session } from './session.ts'
import { explainStartError, isPortTaken } from './start-error.ts'
import { type StartReport, watchStart } from './start-report.ts'
import { type Terminal, wantsColour } from './terminal.ts'
import { VERSION } from './version.ts'

/** How many ports are tried when the usual one is taken. */
const MAX_PORTS_TRIED = 20

/** @param movesPort on a terminal, the next free port is taken where nobody has chosen one */
export async function serve(
  session: Session,
  options: ServeOptions,
  { movesPort }: { movesPort: boolean },
): Promise<void> {
  const { terminal } = session
  const wanted = await planServe(terminal, options)
  const log = new ServeLog(terminal, { isVerbose: options.verbose === true })
  const mayMove = movesPort && terminal.stdout.isTty && !wanted.hasChosenAddress
  const reportStart = watchStart(nodeClock.monotonicMs)
  const { broker, plan } = await open(wanted, { mayMove, log })
  await announce(terminal, { broker, plan, start: reportStart(broker), log })
  if (plan !== wanted) {
    const message = `Port ${wanted.listen.port} is taken: listening on ${plan.listen.port}.`
    await log.warn('port-taken', message)
  }
  await warnAbout(plan, log)

  const failure = await unlessAborted(broker.failed, terminal.interrupted)
  if (failure !== undefined) {
    const message = `The broker can't keep its promises any more and has stopped: ${failure.message}`
    throw new CliError(ExitCode.FAILURE, message, failure)
  }
  const signal: unknown = terminal.interrupted.reason
  await stop(broker, log, signal)
  session.exitCode = signal === 'SIGINT' ? ExitCode.INTERRUPTED : ExitCode.OK
}

async function open(
  wanted: ServePlan,
  { mayMove, log }: { mayMove: boolean; log: ServeLog },
): Promise<{ broker: Broker; plan: ServePlan }> {
  for (let tried = 0; ; tried++) {
    const plan = tried === 0 ? wanted : movedTo(wanted, wanted.listen.port + tried)
    const { settings, folder } = plan
    try {
      const onLog = (line: string) => log.add(line)
      return { broker: await startBroker({ folder, settings, onLog }), plan }
    } catch (error) {
      const goesOn = mayMove && isPortTaken(error) && tried + 1 < MAX_PORTS_TRIED
      if (!goesOn) throw explainStartError(error, plan)
    }
  }
}

interface Started {
  readonly broker: Broker
  readonly plan: ServePlan
  readonly start: StartReport
  readonly log: ServeLog
}

async function announce(terminal: Terminal, { broker, plan, start, log }: Started): Promise<void> {
  const [kafka = plan.listen, ...others] = broker.addresses
  const readyMs = Math.round(nodeClock.monotonicMs())
  const { folder, isSynced } = plan
  const version = VERSION
  const protocol = plan.listeners[0]!.protocol
  if (terminal.stdout.isTty) {
    const hasColour = wantsColour(terminal.stdout, terminal.env)
    const painter = (style: Style, text: string) => (hasColour ? paint(style, text) : text)
    const screen = readyScreen(
      { version, readyMs, kafka, protocol, others, folder, isSynced, start },
      painter,
    )
    await terminal.stdout.write(screen)
  } else {
    const { pid } = process
    const address = formatAddress(kafka)
    const listeners = broker.addresses.map(({ name, protocol, ...listener }) => {
      return { name, protocol, address: formatAddress(listener) }
    })
    const entry = { event: 'ready', kafka: address, ms: readyMs, version, data: folder, pid, start }
    await log.begin({ ...entry, listeners })
  }
}

async function warnAbout(
  { listeners, settings, isSynced }: ServePlan,
  log: ServeLog,
): Promise<void> {
  for (const listener of listeners) {
    const warning = isLoopback(listener.bind) ? undefined : exposureWarning(listener)
    if (warning !== undefined) await log.warn('no-access-control', warning)
  }
  if (!isSynced) {
    const message = 'Sync is switched off: a power cut loses what was acknowledged.'
    await log.warn('no-sync', message)
  }
  for (const sentence of settingsWithoutEffect(settings)) {
    await log.warn('setting-without-effect', sentence)
  }
}

/** One sentence for who can be reached from other machines and does not protect itself. */
function exposureWarning({ bind, protocol }: ListenerPlan): string | undefined {
  const where = `${formatAddress(bind)} can be reached from other machines`
  switch (protocol) {
    case 'PLAINTEXT':
      return `${where}, and its listener asks nobody who they are: whoever connects can read, change and delete everything, so listen on 127.0.0.1, let a firewall decide who may connect, or use SASL_SSL.`
    case 'SASL_PLAINTEXT':
      return `${where} without TLS: what is sent can be read on the way, passwords of PLAIN among it, so use SASL_SSL.`
    default:
      return undefined
  }
}

function isLoopback({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

async function stop(broker: Broker, log: ServeLog, signal: unknown): Promise<void> {
  const startMs = nodeClock.monotonicMs()
  await log.tell(
    { event: 'stopping', signal: String(signal) },
    'Stopping; once more ends it at once.',
  )
  await broker.close()
  const ms = Math.round(nodeClock.monotonicMs() - startMs)
  await log.tell({ event: 'stopped', ms }, `Stopped cleanly in ${ms} ms.`)
}
