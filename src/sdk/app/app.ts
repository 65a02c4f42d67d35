// An application while it runs: publishes, says how it is, and stops in good order.
// Invariant: a stop takes no longer than its drain and a few bounded steps more, whatever hangs, and says
// what was not sent.

import { type EventContext, withContext } from '../events/context.ts'
import type { Events, Message } from '../events/event.ts'
import type { Topic } from '../events/topic.ts'
import type { PublishOptions } from '../messaging/context.ts'
import type { DelayedDelivery, DelayedStatus } from '../messaging/delaying/delayed-delivery.ts'
import { type Duration, durationMs } from '../messaging/duration.ts'
import type { Outgoing } from '../messaging/outgoing.ts'
import type { FlushResult, Published, Publisher } from '../messaging/publishing/publisher.ts'
import type { ConsumerRun, ConsumerStatus } from '../messaging/running/consumer-run.ts'
import type { SnapshotNotKeptError } from '../transport/errors.ts'
import type { Transport, World } from '../transport/transport.ts'
import { StreamStore } from './stream-store.ts'

export interface AppStatus {
  readonly service: string
  /** `embedded`, `kafka` ... */
  readonly engine: string
  readonly state: 'running' | 'closing' | 'closed'
  readonly consumers: readonly ConsumerStatus[]
  /** Delayed events, as far as this application delivers them. */
  readonly delayed: DelayedStatus
}

export interface App extends AsyncDisposable {
  readonly service: string
  /**
   * To the topic that the event's type belongs to, now or when it is due (`delay`, `at`). Resolves once
   * it, or its waiting, is as durable as the engine makes it.
   * @throws InvalidEventError, InvalidKeyError, UnknownEventTypeError, InvalidDelayError,
   * DurationError: nothing was accepted
   * @throws NotPublishedError says whether the event may be there all the same
   */
  publish(message: Message, options?: PublishOptions): Promise<Published>
  publish(messages: readonly Message[], options?: PublishOptions): Promise<readonly Published[]>
  /** Everything published beneath `work` has this cause: of an HTTP request, of a job. */
  withContext<Result>(context: EventContext, work: () => Result): Result
  /**
   * The streams of a topic that is an event store.
   * @throws DefinitionError when it is none
   */
  store<E extends Events>(topic: Topic<E>): StreamStore<E>
  status(): AppStatus
  /** Resolves when everything that was published so far has been answered. */
  flush(): Promise<FlushResult>
  /**
   * Consumers take nothing new, their handlers have until `drain` (10s) and are aborted then; progress is
   * committed, groups are left, what was published is sent. Idempotent: later calls wait for the first.
   */
  close(options?: { readonly drain?: Duration }): Promise<FlushResult>
}

/** @internal */
export interface AppParts {
  readonly service: string
  readonly transport: Transport
  readonly publisher: Publisher
  readonly outgoing: Outgoing
  readonly consumers: readonly ConsumerRun[]
  readonly delayed: DelayedDelivery
  /** Of what goes wrong without stopping anything. */
  readonly warn: (message: string, cause: unknown) => void
  /** In the order in which they were opened; closed last first, when nothing runs any more. */
  readonly closing: AsyncDisposableStack
}

const DEFAULT_DRAIN: Duration = '10s'
/** For what is published and not sent, and for the engine itself. */
const STEP_MS = 5_000

/** @internal */
export class RunningApp implements App {
  readonly service: string
  readonly #parts: AppParts
  #state: AppStatus['state'] = 'running'
  #closing: Promise<FlushResult> | undefined
  readonly #warned = new Set<string>()

  constructor(parts: AppParts) {
    this.service = parts.service
    this.#parts = parts
  }

  publish(message: Message, options?: PublishOptions): Promise<Published>
  publish(messages: readonly Message[], options?: PublishOptions): Promise<readonly Published[]>
  publish(
    messages: Message | readonly Message[],
    options?: PublishOptions,
  ): Promise<Published | readonly Published[]> {
    const { publisher } = this.#parts
    return isList(messages)
      ? publisher.publish(messages, options)
      : publisher.publish(messages, options)
  }

  withContext<Result>(context: EventContext, work: () => Result): Result {
    return withContext(context, work)
  }

  store<E extends Events>(topic: Topic<E>): StreamStore<E> {
    const { transport, outgoing } = this.#parts
    const onNotKept = (error: SnapshotNotKeptError) => this.#warnOfSnapshot(topic.name, error)
    const { logId } = transport
    return new StreamStore(topic, transport.eventStore(topic.name), { outgoing, logId, onNotKept })
  }

  status(): AppStatus {
    const { service, transport, consumers, delayed } = this.#parts
    const state = this.#state
    const statuses = consumers.map((run) => run.status())
    const waiting = delayed.status()
    return { service, engine: transport.name, state, consumers: statuses, delayed: waiting }
  }

  flush(): Promise<FlushResult> {
    return this.#parts.publisher.flush()
  }

  close({ drain = DEFAULT_DRAIN }: { readonly drain?: Duration } = {}): Promise<FlushResult> {
    this.#closing ??= this.#close(durationMs(drain))
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Once for each name: it is so with every state that is as large. */
  #warnOfSnapshot(store: string, error: SnapshotNotKeptError): void {
    const what = JSON.stringify([store, error.snapshot, error.reason])
    if (this.#warned.has(what)) return
    this.#warned.add(what)
    this.#parts.warn(error.message, error)
  }

  async #close(drainMs: number): Promise<FlushResult> {
    this.#state = 'closing'
    const { consumers, delayed, publisher, transport, closing } = this.#parts
    await Promise.all([...consumers.map((run) => run.close({ drainMs })), delayed.close()])
    const result = await publisher.close({ timeoutMs: STEP_MS })
    await atMost(transport.world, STEP_MS, closing.disposeAsync())
    this.#state = 'closed'
    return result
  }
}

/** Goes on after `limitMs`, whether the work is done or not. @throws what the work throws in time */
function atMost({ timers }: World, limitMs: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(limitMs, resolve)
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}

function isList(messages: Message | readonly Message[]): messages is readonly Message[] {
  return Array.isArray(messages)
}
