// From definitions to an application that runs. What cannot work is refused before anything is opened,
// in sentences; what was opened is closed again when a later step fails.
// Order: definitions, capabilities, engine, topics, what all services declare, publisher, consumers.

import { keepProcessAlive } from '../../host/keep-alive.ts'
import { takeStopSignals } from '../../host/stop-signals.ts'
import { EventEncoder } from '../events/encode.ts'
import { DefinitionError } from '../events/errors.ts'
import type { Metadata } from '../events/headers.ts'
import { EventIds } from '../events/ids.ts'
import { type Owner, ownersOf } from '../events/owners.ts'
import type { AnyTopic } from '../events/topic.ts'
import { loadTracing } from '../events/tracing.ts'
import type { Consumer } from '../messaging/consumer.ts'
import type { Middleware } from '../messaging/context.ts'
import { DelayedDelivery } from '../messaging/delaying/delayed-delivery.ts'
import type { Duration } from '../messaging/duration.ts'
import { Outgoing } from '../messaging/outgoing.ts'
import { TopicParkingLot } from '../messaging/parking/topic-parking-lot.ts'
import { Destinations } from '../messaging/publishing/destinations.ts'
import { Publisher } from '../messaging/publishing/publisher.ts'
import { ConsumerRun } from '../messaging/running/consumer-run.ts'
import type { Engine, Transport } from '../transport/transport.ts'
import { type App, RunningApp } from './app.ts'
import { declarationsOf, declare } from './definitions-log.ts'
import {
  type AppNotification,
  type Logger,
  logNotification,
  standardErrorLog,
} from './notifications.ts'
import { type Acceptable, checkCapabilities, needsOf, whyNoDelay } from './requirements.ts'
import { ensureTopics } from './topics.ts'

/** What `connect({ run })` takes. */
export type Runnable = Consumer

export interface ConnectOptions {
  /** Name of the application: `ce_source` of its events; client and transactional ids begin with it. */
  readonly service: string
  /** `embedded({ dir })`, `kafka({ brokers })`, in tests `memory()`. */
  readonly broker: Engine
  /** Topics that are published to. Those that `run` reads are known without being named here. */
  readonly topics?: readonly AnyTopic[]
  readonly run?: readonly Runnable[]
  /** Carried by every event of this application, unless its cause says otherwise. */
  readonly metadata?: Metadata
  /** Wrapped around the handlers of all consumers, outside of their own. */
  readonly use?: readonly Middleware[]
  /** What the engine cannot do and this application does without. */
  readonly accept?: readonly Acceptable[]
  /**
   * False: delayed events, its own and those of others, are delivered by other applications of the
   * engine. For one that may not write the topics of others. Default: true.
   */
  readonly deliverDelayed?: boolean
  /** Kept with what is parked: a commit, a release. */
  readonly codeVersion?: string
  /** Told everything; besides, what is bad is logged. */
  readonly onNotification?: (notification: AppNotification) => void
  /** Any logger shaped as pino's. Default: warnings and errors as JSON lines on standard error. */
  readonly log?: Logger
  /** Closes on Ctrl-C and SIGTERM, and ends the process then; a second signal ends it at once. */
  readonly signals?: boolean | { readonly drain: Duration }
}

/**
 * @throws DefinitionError, TwoOwnersError, CapabilityMissingError, TopicMismatchError; nothing runs then
 * @throws what the engine says when it cannot be opened
 */
export async function connect(options: ConnectOptions): Promise<App> {
  const { service, broker, accept = [] } = options
  const definitions = definitionsOf(options)
  const owners = ownersOf(definitions.topics)
  checkCapabilities(broker, needsOf(definitions), accept)
  const notify = notifierOf(options)
  await using opening = new AsyncDisposableStack()
  // Timers do not keep a process, and an engine in the process has nothing else.
  opening.defer(keepProcessAlive())
  const warn = (message: string, cause: unknown) => notify({ kind: 'warning', message, cause })
  const transport = await broker.open({ service, onWarning: warn })
  opening.defer(() => transport.close())
  await ensureTopics(transport.administration, definitions.topics)
  await declare(transport, declarationsOf(service, definitions))
  const sending = await sendingOf(transport, owners, options)
  const takesPart = (options.deliverDelayed ?? true) && whyNoDelay(transport) === undefined
  const around = { transport, notify, onWarning: warn }
  const delayed = new DelayedDelivery({ ...around, ...sending, takesPart })
  const consumers: ConsumerRun[] = []
  try {
    await delayed.start()
    for (const consumer of definitions.consumers) {
      consumers.push(await start(consumer, { transport, ...sending, options, notify, opening }))
    }
  } catch (error) {
    await Promise.all([...consumers.map((run) => run.close({ drainMs: 0 })), delayed.close()])
    throw error
  }
  const closing = opening.move()
  const running = { consumers, delayed, warn, closing }
  const app = new RunningApp({ service, transport, ...sending, ...running })
  if (options.signals) closing.defer(takeSignals(app, options.signals))
  return app
}

interface Definitions {
  readonly topics: readonly AnyTopic[]
  readonly consumers: readonly Consumer[]
}

/** @throws DefinitionError */
function definitionsOf({ service, topics = [], run = [] }: ConnectOptions): Definitions {
  if (!/^[a-zA-Z0-9._-]{1,100}$/.test(service)) {
    throw new DefinitionError(
      `The service name ${JSON.stringify(service)} is none: 1 to 100 of a-z, A-Z, 0-9, '.', '_' and '-'.`,
    )
  }
  const groups = new Set<string>()
  for (const { group } of run) {
    if (groups.has(group)) {
      throw new DefinitionError(`Two consumers are called ${group}: each is a group of its own.`)
    }
    groups.add(group)
  }
  return { topics: [...new Set([...topics, ...run.flatMap(({ from }) => from)])], consumers: run }
}

function notifierOf({ onNotification, log = standardErrorLog }: ConnectOptions) {
  return (notification: AppNotification) => {
    logNotification(log, notification)
    onNotification?.(notification)
  }
}

async function sendingOf(
  transport: Transport,
  owners: ReadonlyMap<string, Owner>,
  { service, metadata = {} }: ConnectOptions,
) {
  const { clock, random } = transport.world
  const ids = new EventIds(clock, random)
  const encoder = new EventEncoder({ service, clock, ids, metadata })
  const optIn = process.env['OTEL_SEMCONV_STABILITY_OPT_IN']
  // What is embedded is reached by Kafka's clients, too: one system, whoever asks.
  const system = transport.name === 'embedded' ? 'kafka' : transport.name
  const tracing = await loadTracing({ system, optIn })
  const outgoing = new Outgoing(encoder, owners, tracing, whyNoDelay(transport))
  const destinations = new Destinations(transport.administration)
  const publisher = new Publisher({ transport, destinations, outgoing })
  return { outgoing, destinations, publisher }
}

async function start(
  definition: Consumer,
  around: {
    readonly transport: Transport
    readonly outgoing: Outgoing
    readonly destinations: Destinations
    readonly options: ConnectOptions
    readonly opening: AsyncDisposableStack
    notify(notification: AppNotification): void
  },
): Promise<ConsumerRun> {
  const { transport, outgoing, destinations, options, opening, notify } = around
  const { service, use = [], codeVersion } = options
  const { group, from, parked } = definition
  const consumer = { ...definition, use: [...use, ...definition.use] }
  const lot = new TopicParkingLot({
    ...{ transport, group, topics: from.map(({ name }) => name), limits: parked },
    ...(codeVersion === undefined ? {} : { codeVersion }),
    onNotice: notify,
    onWarning: (message, cause) => notify({ kind: 'warning', message, cause }),
  })
  opening.use(lot)
  const run = new ConsumerRun({
    ...{ consumer, service, transport, outgoing, destinations, lot, notify },
  })
  await run.start()
  return run
}

function takeSignals(app: App, signals: true | { readonly drain: Duration }): () => void {
  return takeStopSignals(async () => {
    await app.close(signals === true ? {} : signals)
  })
}
