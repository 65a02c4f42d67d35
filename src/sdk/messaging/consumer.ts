// What a consumer is to do, as a plain value: nothing is read until `connect` is given it. Choices
// that can lose or reorder events have no default: where a new group begins, and what becomes of
// event types without a handler.

import { DefinitionError } from '../events/errors.ts'
import type { Events, StoredEventOf } from '../events/event.ts'
import { type EventsOf, type Sources, topicsOf } from '../events/sources.ts'
import type { StoredEvent } from '../events/stored-event.ts'
import type { AnyTopic } from '../events/topic.ts'
import type { SqlTransaction } from '../transport/tables.ts'
import type { HandlerContext, Middleware } from './context.ts'
import type { Dedupe } from './dedupe.ts'
import { type Duration, durationMs } from './duration.ts'
import { type Backoff, exponential } from './failing/backoff.ts'
import type { ParkedLimits } from './parking-lot.ts'

/** Skipped events are counted, parked ones wait to be handed back, and `stop` stops the consumer. */
export type Policy = 'skip' | 'park' | 'stop'

export interface Retry {
  /** How often a handler may run for one event, the first time included. */
  readonly attempts?: number
  readonly backoff?: Backoff
  /** False: trying again is of no use, the event is given up at once. */
  readonly retryIf?: (error: unknown) => boolean
  /**
   * `hold-key`, the default: later events of the key wait, and order is kept. `retry-topic`: the event
   * is written to a topic of the group and tried again from there, while later events of its key go
   * ahead of it: the order of the key is lost.
   */
  readonly mode?: 'hold-key' | 'retry-topic'
}

export interface ConsumerOptions<S extends Sources, D extends Dedupe | undefined> {
  /**
   * A topic, or a list of them. Order holds within a partition of one topic: events of one key in two
   * topics are handled side by side, and a key that is parked in one goes on in the other.
   */
  readonly from: S
  /** Where a group without commits begins, in each of its topics. */
  readonly startAt: 'earliest' | 'latest' | Date
  /** What becomes of events that have no handler in `on`. */
  readonly otherwise: Policy
  /** Handlers by the name of the event. */
  readonly on?: Handlers<EventsOf<S>, Context<D>>
  /** Instead of `on`: several consecutive events at once. */
  readonly batch?: BatchHandler<EventsOf<S>, Context<D>>
  /** Events of one key, of one partition, or none of them, wait for each other. Default: key. */
  readonly order?: 'key' | 'partition' | 'none'
  /** Handlers that run at once, over all partitions. Default: 16. */
  readonly concurrency?: number
  readonly retry?: Retry
  /**
   * What becomes of an event that failed once too often. `park-key`, the default: later events of its
   * key follow it. `park-event`: they go on without it. `stop`: the consumer stops.
   */
  readonly whenExhausted?: 'park-key' | 'park-event' | 'stop'
  readonly parked?: ParkedLimits
  /** The value is no JSON, or has none. Default: park. */
  readonly undecodable?: Policy
  /** The data does not fit the schema. Default: park. */
  readonly invalid?: Policy
  /** Of a type that the topic does not declare. Default: as `otherwise`. */
  readonly unknown?: Policy
  /**
   * Claims each event in the handler's own transaction: `inbox(tables, { keep })`. A batch is claimed in
   * one, without those of its events that were claimed before.
   */
  readonly dedupe?: D
  /** A handler that takes longer is aborted, and has failed. Default: 1m. */
  readonly maxProcessingTime?: Duration
  /** Wrapped around each handler, outermost first. */
  readonly use?: readonly Middleware[]
}

type Context<D extends Dedupe | undefined> = D extends Dedupe
  ? HandlerContext & { readonly tx: SqlTransaction }
  : HandlerContext

export type Handlers<E extends Events, C> = {
  readonly [Name in keyof E]?: (event: StoredEventOf<E[Name]>, context: C) => unknown
}

export interface BatchHandler<E extends Events, C> {
  /** At most so many events at once. There is no waiting for more. */
  readonly max: number
  /**
   * Consecutive events of one key or partition, by `order`. When it fails they are tried again, and in
   * the end one by one, so that only the one that is bad is given up.
   */
  readonly handle: (
    events: readonly [StoredEventOf<E[keyof E]>, ...StoredEventOf<E[keyof E]>[]],
    context: C,
  ) => unknown
}

/** A consumer as the runtime knows it: everything decided, types erased. */
export interface Consumer {
  readonly kind: 'consumer'
  readonly group: string
  /** At least one. */
  readonly from: readonly AnyTopic[]
  readonly startAt: 'earliest' | 'latest' | Date
  readonly handlers: ReadonlyMap<string, EventHandler>
  readonly batch: { readonly max: number; readonly handle: ErasedBatchHandler } | undefined
  readonly order: 'key' | 'partition' | 'none'
  readonly concurrency: number
  readonly retry: Required<Retry>
  readonly whenExhausted: 'park-key' | 'park-event' | 'stop'
  readonly parked: ParkedLimits
  readonly policies: {
    readonly unhandled: Policy
    readonly undecodable: Policy
    readonly invalid: Policy
    readonly unknown: Policy
  }
  readonly dedupe: Dedupe | undefined
  readonly maxProcessingMs: number
  readonly use: readonly Middleware[]
}

export type EventHandler = (event: StoredEvent, context: HandlerContext) => unknown
type ErasedBatchHandler = (events: readonly StoredEvent[], context: HandlerContext) => unknown

const DEFAULT_ATTEMPTS = 6
const DEFAULT_CONCURRENCY = 16

/**
 * @param group the consumer group, and the name under which what it parks is found
 * @throws DefinitionError, DurationError
 */
export function consumer<const S extends Sources, D extends Dedupe | undefined = undefined>(
  group: string,
  options: ConsumerOptions<S, D>,
): Consumer {
  const from = topicsOf(`Consumer ${JSON.stringify(group)}`, options.from)
  check(group, from, options)
  const { retry = {}, otherwise, batch } = options
  return Object.freeze<Consumer>({
    kind: 'consumer',
    group,
    from,
    startAt: options.startAt,
    // Names and data types are checked against the topics' events above; the runtime finds handlers
    // by name and gives them what the decoder of the record's topic made.
    handlers: new Map(Object.entries(options.on ?? {})) as ReadonlyMap<string, EventHandler>,
    batch: batch && { max: batch.max, handle: batch.handle as unknown as ErasedBatchHandler },
    order: options.order ?? 'key',
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    retry: {
      attempts: retry.attempts ?? DEFAULT_ATTEMPTS,
      backoff: retry.backoff ?? exponential('200ms', { max: '30s' }),
      retryIf: retry.retryIf ?? (() => true),
      mode: retry.mode ?? 'hold-key',
    },
    whenExhausted: options.whenExhausted ?? 'park-key',
    parked: options.parked ?? {},
    policies: {
      unhandled: otherwise,
      undecodable: options.undecodable ?? 'park',
      invalid: options.invalid ?? 'park',
      unknown: options.unknown ?? otherwise,
    },
    dedupe: options.dedupe,
    maxProcessingMs: durationMs(options.maxProcessingTime ?? '1m'),
    use: options.use ?? [],
  })
}

function check<S extends Sources, D extends Dedupe | undefined>(
  group: string,
  from: readonly AnyTopic[],
  options: ConsumerOptions<S, D>,
): void {
  const refuse = (reason: string): never => {
    throw new DefinitionError(`Consumer ${JSON.stringify(group)} ${reason}.`)
  }
  if (group === '') refuse('has no name: it is the name of its consumer group')
  if ((options.on === undefined) === (options.batch === undefined)) {
    refuse('needs either `on`, handlers by event, or `batch`, one for several at once')
  }
  for (const name of Object.keys(options.on ?? {})) {
    if (!from.some(({ events }) => Object.hasOwn(events, name))) {
      refuse(
        `handles ${name}, which is no event of topic ${from.map((one) => one.name).join(' or ')}`,
      )
    }
  }
  checkCount(refuse, 'concurrency', options.concurrency)
  checkCount(refuse, 'retry.attempts', options.retry?.attempts)
  checkCount(refuse, 'batch.max', options.batch?.max)
  for (const [name, count] of Object.entries(options.parked ?? {})) {
    checkCount(refuse, `parked.${name}`, count)
  }
  const isRetryTopic = options.retry?.mode === 'retry-topic'
  if (isRetryTopic && options.batch !== undefined) {
    refuse('cannot use a retry topic with batches: a batch is tried again as a whole')
  }
  if (isRetryTopic && options.order !== 'none') {
    refuse(
      "loses the order of a key by its retry topic: say so with order: 'none', or keep it with mode: 'hold-key'",
    )
  }
  if (options.batch !== undefined && options.order === 'none') {
    refuse(
      "cannot make batches with order: 'none': they are consecutive events of a key or partition",
    )
  }
}

function checkCount(refuse: (reason: string) => never, name: string, count?: number): void {
  if (count === undefined || (Number.isSafeInteger(count) && count > 0)) return
  refuse(`has ${name} ${count}: it is a whole number above 0`)
}
