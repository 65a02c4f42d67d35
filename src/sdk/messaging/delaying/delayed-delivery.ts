// Delayed events are delivered by the connected applications themselves, all services of an engine
// together: each that takes part is a member of one consumer group over the topic of timers, and
// publishes what is due in the partitions it holds. It is an ordinary consumer run, whose lot is the
// partition itself: a record is finished when it is taken in, so a far timer holds no progress back.
// The topic is made when something is delayed for the first time; before, nobody joins anything.

import type { Timer as Wake } from '../../../host/clock.ts'
import type { ForeignTopic } from '../../events/topic.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import type { Producer } from '../../transport/producer.ts'
import type { Transport } from '../../transport/transport.ts'
import { consumer } from '../consumer.ts'
import { InternalLog } from '../internal-log.ts'
import type { ConsumerNotification } from '../notifications.ts'
import type { Outgoing } from '../outgoing.ts'
import type { ParkedPartition, ParkingLot, PartitionOwner } from '../parking-lot.ts'
import type { Destinations } from '../publishing/destinations.ts'
import { ConsumerRun, type ConsumerStatus } from '../running/consumer-run.ts'
import { type RefusedEvent, TimerPartition } from './timer-partition.ts'
import { TIMERS_SPEC, TIMERS_TOPIC } from './timer-record.ts'

/** An event is due and its topic does not take it: it is kept and tried again. */
export type DelayNotice = { readonly kind: 'delivery-refused' } & RefusedEvent

export interface DelayedStatus {
  /**
   * `off`: this application leaves it to others; `idle`: nothing has been delayed yet; otherwise that
   * of its consumer run.
   */
  readonly state: 'off' | 'idle' | ConsumerStatus['state']
  /** Partitions of `__millrace_timers` that this application delivers from. What follows is of those. */
  readonly partitions: readonly number[]
  readonly waiting: number
  /** When the next one is due. */
  readonly nextDue: Date | undefined
  /** Due, and not taken by their topic: kept, and tried again. */
  readonly refused: readonly RefusedEvent[]
}

/** @internal */
export interface DelayedDeliveryOptions {
  readonly transport: Transport
  readonly outgoing: Outgoing
  readonly destinations: Destinations
  /** False: events can be delayed, and others deliver them. */
  readonly takesPart: boolean
  notify(notification: ConsumerNotification | DelayNotice): void
  onWarning(message: string, cause?: unknown): void
}

const LOOK_EVERY_MS = 60_000
/** So that whoever holds a partition next ends what the last holder left open, whatever service it is. */
const SERVICE = 'millrace'
const DRAIN_MS = 1_000

const timers: ForeignTopic = {
  kind: 'foreign-topic',
  name: TIMERS_TOPIC,
  events: {},
  typeOf: () => undefined,
  decode: () => undefined,
  key: undefined,
}

/** Never handles an event: its lot takes all of them in. What has no key is nobody's. */
const delivering = consumer(TIMERS_TOPIC, {
  from: timers,
  startAt: 'earliest',
  otherwise: 'skip',
  order: 'partition',
  on: {},
})

/** @internal */
export class DelayedDelivery implements ParkingLot {
  readonly #options: DelayedDeliveryOptions
  readonly #open = new Set<TimerPartition>()
  #run: ConsumerRun | undefined
  #producer: Promise<Producer> | undefined
  #look: Wake | undefined
  #isClosed = false

  constructor(options: DelayedDeliveryOptions) {
    this.#options = options
  }

  /** Takes part as soon as there is something to take part in. */
  async start(): Promise<void> {
    this.#options.destinations.makeWhenNeeded(TIMERS_TOPIC, () => this.#make())
    await this.#lookForTopic()
  }

  status(): DelayedStatus {
    const idle = this.#options.takesPart ? 'idle' : 'off'
    const open = [...this.#open]
    const dues = open.flatMap(({ nextDueMs }) => nextDueMs ?? [])
    return {
      state: this.#run?.status().state ?? idle,
      partitions: open.map(({ partition }) => partition).sort((a, b) => a - b),
      waiting: open.reduce((sum, { waiting }) => sum + waiting, 0),
      nextDue: dues.length === 0 ? undefined : new Date(Math.min(...dues)),
      refused: open.flatMap(({ refused }) => refused),
    }
  }

  /** What is due and under way is delivered; the rest waits for others, or for the next time. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#look?.cancel()
    await this.#run?.close({ drainMs: DRAIN_MS })
    for (const opened of this.#open) await opened.close()
    // It only writes marks: nobody waits for one that is under way.
    void this.#producer?.then((producer) => producer.close()).catch(() => undefined)
  }

  /** As the lot of its own consumer run. */
  async open(place: TopicPartition, owner: PartitionOwner): Promise<ParkedPartition> {
    const { transport, destinations, notify, onWarning } = this.#options
    const opened = new TimerPartition({
      log: new InternalLog(transport, await this.#ownProducer(), place),
      world: transport.world,
      owner,
      destinations,
      onRefused: (refused) => notify({ kind: 'delivery-refused', ...refused }),
      onWarning,
      onClosed: () => this.#open.delete(opened),
    })
    this.#open.add(opened)
    try {
      await opened.restore()
    } catch (error) {
      await opened.close()
      throw error
    }
    return opened
  }

  #ownProducer(): Promise<Producer> {
    this.#producer ??= this.#options.transport.producer().catch((error: unknown) => {
      this.#producer = undefined
      throw error
    })
    return this.#producer
  }

  /** Somebody may have delayed something, or has: this application among others. */
  async #lookForTopic(): Promise<void> {
    const { transport, takesPart, onWarning } = this.#options
    if (!takesPart || this.#isClosed || this.#run !== undefined) return
    try {
      const [described] = await transport.administration.describeTopics([TIMERS_TOPIC])
      if (described !== undefined) return await this.#begin()
    } catch (error) {
      if (this.#isClosed) return
      onWarning('Whether there are delayed events is not known: it is asked again.', error)
    }
    this.#look = transport.world.timers.after(LOOK_EVERY_MS, () => void this.#lookForTopic())
  }

  async #make(): Promise<number> {
    const { administration } = this.#options.transport
    const [described] = await administration.ensureTopics([TIMERS_SPEC])
    if (this.#options.takesPart) await this.#begin()
    return described!.partitions
  }

  async #begin(): Promise<void> {
    if (this.#run !== undefined || this.#isClosed) return
    const { transport, outgoing, destinations, notify } = this.#options
    this.#run = new ConsumerRun({
      ...{ consumer: delivering, service: SERVICE, transport, outgoing, destinations, lot: this },
      notify: (told) => {
        // To the run every record is parked; to everybody else it only waits.
        if (told.kind !== 'parked') notify(told)
      },
    })
    await this.#run.start()
  }
}
