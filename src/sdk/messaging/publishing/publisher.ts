// Publishing outside of handlers. Events are validated at once, gathered by partition while a send is
// under way, and sent as one batch when it has come back: no timer, so a lone event goes at once and
// many go together. A partition has one send under way, which keeps its order.
//
// Invariant: every event that was accepted is answered once, by its position or by a typed error.

import type { EncodedEvent } from '../../events/encode.ts'
import type { Message } from '../../events/event.ts'
import type { OutgoingRecord, Position } from '../../events/record.ts'
import { SendError } from '../../transport/errors.ts'
import type { Producer } from '../../transport/producer.ts'
import { formatToken } from '../../transport/token.ts'
import type { Transport } from '../../transport/transport.ts'
import type { PublishOptions } from '../context.ts'
import { NotPublishedError, PublisherClosedError } from '../errors.ts'
import { Fifo } from '../ordering/fifo.ts'
import { messagesOf, type Outgoing, type Sending } from '../outgoing.ts'
import type { Destinations } from './destinations.ts'
import { isRefused } from './refused.ts'

export interface Published {
  /** Of the event: publishing it again under this id is publishing the same event. */
  readonly id: string
  /** Of a delayed event: where it waits, in `__millrace_timers`. */
  readonly position: Position
  /**
   * What has read up to it has read the event: for `mergeTokens`, a header, a cookie. Of a delayed
   * event it says no more than that it waits.
   */
  readonly token: string
}

/** Most are never asked for their token: it is made when they are. */
class PublishedEvent implements Published {
  readonly id: string
  readonly position: Position
  readonly #logId: string
  readonly #leaderEpoch: number

  constructor(id: string, position: Position, log: { logId: string; leaderEpoch: number }) {
    this.id = id
    this.position = position
    this.#logId = log.logId
    this.#leaderEpoch = log.leaderEpoch
  }

  get token(): string {
    const { topic, partition, offset } = this.position
    const place = { topic, partition, leaderEpoch: this.#leaderEpoch, nextOffset: offset + 1 }
    return formatToken({ logId: this.#logId, positions: [place] })
  }

  /** A getter of a class would be left out. */
  toJSON(): Published {
    return { id: this.id, position: this.position, token: this.token }
  }
}

/** What did not get through, of all that was accepted before. */
export interface FlushResult {
  readonly unsent: readonly NotPublishedError[]
}

export interface PublisherLimits {
  /** `publish` waits while more than that is waiting to be sent. */
  readonly maxBufferedBytes: number
  readonly maxBufferedEvents: number
  readonly maxBatchBytes: number
  readonly maxBatchEvents: number
}

const DEFAULT_LIMITS: PublisherLimits = {
  maxBufferedBytes: 32 * 1024 * 1024,
  maxBufferedEvents: 50_000,
  maxBatchBytes: 512 * 1024,
  maxBatchEvents: 5_000,
}
/** What a record takes besides its bytes. */
const RECORD_OVERHEAD_BYTES = 64

interface Pending {
  readonly event: EncodedEvent
  readonly bytes: number
  readonly resolve: (published: Published) => void
  readonly reject: (error: NotPublishedError) => void
  isUnderWay: boolean
  isSettled: boolean
}

interface PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly waiting: Fifo<Pending>
  isSending: boolean
}

export class Publisher {
  readonly #transport: Transport
  readonly #destinations: Destinations
  readonly #outgoing: Outgoing
  readonly #limits: PublisherLimits
  /** By topic and partition. */
  readonly #queues = new Map<string, PartitionQueue[]>()
  /** Of topics that are being looked up. */
  readonly #unrouted = new Map<string, Pending[]>()
  readonly #pending = new Set<Pending>()
  readonly #waitingForRoom = new Fifo<() => void>()
  #flushers: { readonly left: Set<Pending>; readonly errors: NotPublishedError[]; done(): void }[] =
    []
  #bytes = 0
  #producer: Promise<Producer> | undefined
  #isLettingIn = false
  #isClosed = false

  constructor(options: {
    transport: Transport
    destinations: Destinations
    outgoing: Outgoing
    limits?: Partial<PublisherLimits>
  }) {
    this.#transport = options.transport
    this.#destinations = options.destinations
    this.#outgoing = options.outgoing
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
  }

  /**
   * Resolves once the event is as durable as the engine makes it.
   * @throws InvalidEventError, InvalidKeyError, UnknownEventTypeError, InvalidDelayError,
   * DurationError: nothing was accepted
   * @throws NotPublishedError says whether the event may be there all the same; publish again under its id
   */
  publish(message: Message, options?: PublishOptions): Promise<Published>
  publish(messages: readonly Message[], options?: PublishOptions): Promise<readonly Published[]>
  async publish(
    messages: Message | readonly Message[],
    options: PublishOptions = {},
  ): Promise<Published | readonly Published[]> {
    const sendings = this.#encodeAll(messagesOf(messages, options), options)
    const mustWait = this.#isFull || this.#waitingForRoom.size > 0 || this.#isLettingIn
    if (mustWait) await this.#turn()
    const accepted = sendings.map((sending) => this.#accept(sending))
    if (mustWait) this.#isLettingIn = false
    this.#letIn()
    const [only] = accepted
    return only !== undefined && !Array.isArray(messages) ? only : Promise.all(accepted)
  }

  /** Resolves when everything that was accepted so far has been answered. */
  flush(): Promise<FlushResult> {
    const left = new Set(this.#pending)
    const errors: NotPublishedError[] = []
    if (left.size === 0) return Promise.resolve({ unsent: errors })
    return new Promise((resolve) => {
      const done = () => resolve({ unsent: errors })
      this.#flushers.push({ left, errors, done })
    })
  }

  /**
   * Accepts nothing more, and sends what is left within `timeoutMs`; what is not sent by then is
   * rejected and told. Idempotent.
   */
  async close(options: { readonly timeoutMs: number }): Promise<FlushResult> {
    this.#isClosed = true
    this.#letIn()
    const flushed = this.flush()
    const timer = this.#transport.world.timers.after(options.timeoutMs, () => this.#abandon())
    const result = await flushed
    timer.cancel()
    const producer = await this.#producer?.catch(() => undefined)
    // Of what is still under way nobody waits for the end: it was told as unknown.
    void producer?.close().catch(() => undefined)
    return result
  }

  get #isFull(): boolean {
    const { maxBufferedBytes, maxBufferedEvents } = this.#limits
    const isOver = this.#bytes >= maxBufferedBytes || this.#pending.size >= maxBufferedEvents
    return isOver && !this.#isClosed
  }

  /** In the order of the calls: who comes while others wait goes behind them. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#waitingForRoom.push(resolve))
  }

  #letIn(): void {
    if (this.#isFull || this.#isLettingIn) return
    const next = this.#waitingForRoom.shift()
    if (next === undefined) return
    this.#isLettingIn = true
    next()
  }

  /** All of them or none. */
  #encodeAll(messages: readonly Message[], options: PublishOptions): readonly Sending[] {
    const sendings: Sending[] = []
    try {
      for (const message of messages) sendings.push(this.#outgoing.encodeToSend(message, options))
    } catch (error) {
      for (const { span } of sendings) span?.failed(error)
      throw error
    }
    return sendings
  }

  #accept({ event, span }: Sending): Promise<Published> {
    const published = this.#isClosed
      ? Promise.reject<Published>(new PublisherClosedError())
      : this.#hold(event)
    if (span !== undefined) {
      void published.then(({ position }) => span.sent(event, position), span.failed)
    }
    return published
  }

  #hold(event: EncodedEvent): Promise<Published> {
    return new Promise((resolve, reject) => {
      const bytes = bytesOf(event.record)
      const pending = { event, bytes, resolve, reject, isUnderWay: false, isSettled: false }
      this.#pending.add(pending)
      this.#bytes += bytes
      this.#route(pending)
    })
  }

  #route(pending: Pending): void {
    const topic = destinationOf(pending.event)
    const partitions = this.#destinations.partitionsOf(topic)
    const unrouted = this.#unrouted.get(topic)
    if (unrouted !== undefined) unrouted.push(pending)
    else if (partitions === undefined) void this.#lookUp(topic, pending)
    else this.#enqueue(pending, partitions)
  }

  async #lookUp(topic: string, first: Pending): Promise<void> {
    const unrouted = [first]
    this.#unrouted.set(topic, unrouted)
    try {
      const partitions = await this.#destinations.lookUp(topic)
      for (const pending of unrouted) this.#enqueue(pending, partitions)
    } catch (error) {
      for (const pending of unrouted) this.#fail(pending, 'not-written', error)
    } finally {
      this.#unrouted.delete(topic)
    }
  }

  #enqueue(pending: Pending, partitions: number): void {
    if (pending.isSettled) return
    const topic = destinationOf(pending.event)
    const partition = this.#destinations.choose(topic, pending.event.record, partitions)
    const queue = this.#queueOf(topic, partition)
    queue.waiting.push(pending)
    if (queue.isSending) return
    queue.isSending = true
    void this.#sendAll(queue)
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    let ofTopic = this.#queues.get(topic)
    if (ofTopic === undefined) {
      ofTopic = []
      this.#queues.set(topic, ofTopic)
    }
    ofTopic[partition] ??= { topic, partition, waiting: new Fifo(), isSending: false }
    return ofTopic[partition]
  }

  async #sendAll(queue: PartitionQueue): Promise<void> {
    // What is published in the same turn goes together.
    await Promise.resolve()
    for (let batch = this.#takeBatch(queue); batch.length > 0; batch = this.#takeBatch(queue)) {
      await this.#send(queue, batch)
    }
    queue.isSending = false
  }

  #takeBatch({ waiting }: PartitionQueue): Pending[] {
    const { maxBatchBytes, maxBatchEvents } = this.#limits
    const batch: Pending[] = []
    let bytes = 0
    for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
      const isFull = batch.length >= maxBatchEvents || bytes + next.bytes > maxBatchBytes
      if (isFull && batch.length > 0) break
      waiting.shift()
      if (next.isSettled) continue
      bytes += next.bytes
      batch.push(next)
    }
    return batch
  }

  async #send(queue: PartitionQueue, batch: readonly Pending[]): Promise<void> {
    const { topic, partition } = queue
    for (const pending of batch) pending.isUnderWay = true
    try {
      this.#producer ??= this.#transport.producer()
      const producer = await this.#producer
      const records = batch.map(({ event }) => event.record)
      const { baseOffset, leaderEpoch } = await producer.send({ topic, partition, records })
      const log = { logId: this.#transport.logId, leaderEpoch }
      for (const [index, pending] of batch.entries()) {
        const position = { topic, partition, offset: baseOffset + index }
        pending.resolve(new PublishedEvent(pending.event.id, position, log))
        this.#settle(pending)
      }
    } catch (error) {
      if (isRefused(error) && batch.length > 1) return this.#sendHalves(queue, batch)
      const outcome = error instanceof SendError ? error.outcome : 'not-written'
      for (const pending of batch) this.#fail(pending, outcome, error)
    }
  }

  /** One of them is refused, and the others need not suffer for it. */
  async #sendHalves(queue: PartitionQueue, batch: readonly Pending[]): Promise<void> {
    const middle = Math.ceil(batch.length / 2)
    await this.#send(queue, batch.slice(0, middle))
    await this.#send(queue, batch.slice(middle))
  }

  #abandon(): void {
    const late = new PublisherClosedError()
    for (const pending of [...this.#pending]) {
      this.#fail(pending, pending.isUnderWay ? 'unknown' : 'not-written', late)
    }
  }

  #fail(pending: Pending, outcome: 'not-written' | 'unknown', cause: unknown): void {
    const { id, type, topic } = pending.event
    const error = new NotPublishedError({ id, type, topic: topic.name, outcome, cause })
    for (const flusher of this.#flushers) if (flusher.left.has(pending)) flusher.errors.push(error)
    pending.reject(error)
    this.#settle(pending)
  }

  /** It was answered: of a second answer nothing is heard. */
  #settle(pending: Pending): void {
    if (pending.isSettled) return
    pending.isSettled = true
    this.#pending.delete(pending)
    this.#bytes -= pending.bytes
    this.#letIn()
    if (this.#flushers.length === 0) return
    for (const flusher of this.#flushers) {
      if (flusher.left.delete(pending) && flusher.left.size === 0) flusher.done()
    }
    this.#flushers = this.#flushers.filter(({ left }) => left.size > 0)
  }
}

function destinationOf({ via, topic }: EncodedEvent): string {
  return via ?? topic.name
}

function bytesOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, header] of headers) bytes += name.length + (header?.length ?? 0)
  return bytes
}
