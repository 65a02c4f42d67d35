// The parking lot of a group in a compacted topic, `__millrace_parked.<group>`. An event of source
// partition p lies in partition p mod n, whatever its topic, so that its owner reads no more than
// concerns it. The n of the first day is kept in the topic itself: more partitions added later change
// nothing. Requests of operators are looked for once in a while, in one question for all partitions.

import type { Timer } from '../../../host/clock.ts'
import type { TopicDescription } from '../../transport/administration.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import type { Producer } from '../../transport/producer.ts'
import type { Transport } from '../../transport/transport.ts'
import { InternalLog } from '../internal-log.ts'
import type { ParkedLimits, ParkedPartition, ParkingLot, Redriving } from '../parking-lot.ts'
import { ParkedTopicError } from './errors.ts'
import { OpenPartition, type ParkingLimits, type ParkingNotice } from './open-partition.ts'
import { layoutRecord, parkedTopic, readLotRecord } from './parked-record.ts'

const LOOK_EVERY_MS = 1000
/** An event that fitted its own topic fits with the headers that say why it is parked. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024
const DEFAULT_LIMITS = { perKey: 1000, perPartition: 10_000, redrivesPerSecond: 100 }

export interface ParkingLotOptions {
  readonly transport: Transport
  readonly group: string
  /** What the group reads: the lot has as many partitions as the largest of them. */
  readonly topics: readonly string[]
  /** Of the application: kept with each parked event. */
  readonly codeVersion?: string
  readonly limits?: ParkedLimits & { readonly redrivesPerSecond?: number }
  onNotice?(notice: ParkingNotice): void
  /** Something that is tried again, and that no call reports. */
  onWarning(message: string, cause?: unknown): void
}

interface Ready {
  readonly producer: Producer
  /** Of the lot, as events are spread over them. */
  readonly partitions: number
  readonly limits: ParkingLimits
}

export class TopicParkingLot implements ParkingLot, AsyncDisposable {
  readonly topic: string
  readonly #options: ParkingLotOptions
  readonly #open = new Set<OpenPartition>()
  #ready: Promise<Ready> | undefined
  #look: Timer | undefined
  #isClosed = false

  /** @throws UnfitGroupNameError */
  constructor(options: ParkingLotOptions) {
    this.#options = options
    this.topic = parkedTopic(options.group)
  }

  async open(source: TopicPartition, redriving: Redriving): Promise<ParkedPartition> {
    const { transport, group, codeVersion = '', onNotice, onWarning } = this.#options
    const { producer, partitions, limits } = await this.#prepared()
    const logOf = ({ partition }: TopicPartition) => {
      const place = { topic: this.topic, partition: partition % partitions }
      return new InternalLog(transport, producer, place)
    }
    const opened = new OpenPartition({
      source,
      log: logOf(source),
      logOf,
      world: transport.world,
      redriving,
      group,
      codeVersion,
      limits,
      onNotice: (notice) => onNotice?.(notice),
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
    opened.start()
    this.#lookLater()
    return opened
  }

  /** What is under way in its partitions ends by itself. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#look?.cancel()
    for (const opened of this.#open) await opened.close()
    const ready = await this.#ready?.catch(() => undefined)
    await ready?.producer.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #prepared(): Promise<Ready> {
    this.#ready ??= this.#prepare().catch((error) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  async #prepare(): Promise<Ready> {
    const { administration } = this.#options.transport
    const sources = await administration.describeTopics(this.#options.topics)
    const [described] = await administration.ensureTopics([
      {
        name: this.topic,
        partitions: Math.max(1, ...sources.map(({ partitions }) => partitions)),
        config: { 'cleanup.policy': 'compact', 'max.message.bytes': String(MAX_RECORD_BYTES) },
      },
    ])
    if (described === undefined) throw new ParkedTopicError(this.topic, 'it could not be made.')
    const producer = await this.#options.transport.producer()
    try {
      const log = new InternalLog(this.#options.transport, producer, {
        topic: this.topic,
        partition: 0,
      })
      const partitions = (await findLayout(log)) ?? (await writeLayout(log, described.partitions))
      const limits = limitsOf(this.#options.limits, sources)
      if (partitions <= described.partitions) return { producer, partitions, limits }
      const detail = `it has ${described.partitions} partitions, and events were spread over ${partitions}.`
      throw new ParkedTopicError(this.topic, detail)
    } catch (error) {
      await producer.close()
      throw error
    }
  }

  #lookLater(): void {
    if (this.#look !== undefined || this.#isClosed) return
    this.#look = this.#options.transport.world.timers.after(LOOK_EVERY_MS, () => {
      void this.#lookForNews().finally(() => {
        this.#look = undefined
        if (this.#open.size > 0) this.#lookLater()
      })
    })
  }

  async #lookForNews(): Promise<void> {
    const wanted = [...new Set([...this.#open].map(({ parkedPartition }) => parkedPartition))]
    const places = wanted.map((partition) => ({ topic: this.topic, partition }))
    try {
      const bounds = await this.#options.transport.reader.bounds(places)
      const ends = new Map(bounds.map(({ partition, endOffset }) => [partition, endOffset]))
      for (const opened of this.#open) {
        const end = ends.get(opened.parkedPartition) ?? 0
        if (end > opened.nextOffset) await opened.catchUp()
        else opened.start()
      }
    } catch (error) {
      if (this.#isClosed) return
      this.#options.onWarning(`Topic ${this.topic} could not be read; it is tried again.`, error)
    }
  }
}

function limitsOf(
  limits: ParkingLotOptions['limits'],
  sources: readonly TopicDescription[],
): ParkingLimits {
  const { perGroup, perPartition, ...rest } = { ...DEFAULT_LIMITS, ...limits }
  if (perGroup === undefined) return { ...rest, perPartition }
  const count = sources.reduce((sum, { partitions }) => sum + partitions, 0)
  const share = Math.max(1, Math.floor(perGroup / Math.max(1, count)))
  return { ...rest, perPartition: Math.min(perPartition, share) }
}

/** It is the first record that was ever written: one read finds it. */
async function findLayout(log: InternalLog): Promise<number | undefined> {
  for await (const { records } of log.all()) {
    for (const record of records) {
      const read = readLotRecord(record)
      if (read.kind === 'layout') return read.partitions
    }
  }
  return undefined
}

async function writeLayout(log: InternalLog, partitions: number): Promise<number> {
  await log.append([layoutRecord(partitions)])
  return partitions
}
