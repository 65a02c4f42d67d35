// Producers of the simulated workload: idempotent ones with several batches in flight, which send
// again, in order and with the same sequence numbers, whatever was not acknowledged; and plain ones
// with any `acks`, which send everything once.
import { buildBatch, type NewBatch } from '../../../src/broker/batch/builder.ts'
import type { Connection } from '../../../src/cli/client/connection.ts'
import type { SimWorld } from '../sim-world.ts'
import { Actor } from './actor.ts'
import type { BrokerSettings } from './broker-settings.ts'
import { type ClusterLedger, partitionKey } from './cluster-ledger.ts'
import { type Place, postTo, produceTo, takeProducerId } from './wire.ts'

export interface ProducerOptions {
  readonly name: string
  readonly place: Place
  readonly ledger: ClusterLedger
  readonly settings: BrokerSettings
}

interface Outgoing {
  readonly sentAtMs: number
  readonly baseSequence: number
  readonly values: readonly string[]
}

const NEW_ID_CHANCE = 0.1

export class IdempotentProducer extends Actor {
  readonly #options: ProducerOptions
  #producerId: number | undefined
  #nextSequence = 0
  #count = 0
  #unacknowledged: Outgoing[] = []
  #batchesLeft = 0
  /** Batches that were sent again. */
  resent = 0

  protected override readonly retryMs: number

  constructor(options: ProducerOptions) {
    super(options.ledger)
    this.#options = options
    this.retryMs = options.settings.resendAfterMs
  }

  begin(): void {
    this.#batchesLeft += this.#options.settings.batchesPerLife
  }

  get isDone(): boolean {
    return this.#batchesLeft === 0 && this.#unacknowledged.length === 0
  }

  protected async work(connection: Connection, world: SimWorld): Promise<void> {
    await this.#identify(connection, world)
    const { maxInFlight } = this.#options.settings
    this.resent += this.#unacknowledged.length
    const underWay = this.#unacknowledged.map((batch) => this.#start(connection, batch))
    while (!this.isDone) {
      while (underWay.length < maxInFlight && this.#batchesLeft > 0) {
        underWay.push(this.#start(connection, this.#nextBatch(world.clock.nowMs())))
      }
      await underWay.shift()
      await think(world, this.#options.settings)
    }
  }

  /** Keeps its id as long as something is open: that is what de-duplication goes by. */
  async #identify(connection: Connection, world: SimWorld): Promise<void> {
    const mayChange = this.#unacknowledged.length === 0
    if (this.#producerId !== undefined && !(mayChange && world.random.chance(NEW_ID_CHANCE))) return
    const producerId = await takeProducerId(connection)
    this.ledger.gaveProducerId(producerId)
    this.#producerId = producerId
    this.#nextSequence = 0
  }

  #nextBatch(sentAtMs: number): Outgoing {
    const { settings, name } = this.#options
    const values = Array.from({ length: settings.recordsPerBatch }, () =>
      valueFrom(`${name}-${this.#count++}|`, settings),
    )
    const batch = { sentAtMs, baseSequence: this.#nextSequence, values }
    this.#nextSequence += values.length
    this.#unacknowledged.push(batch)
    this.#batchesLeft--
    return batch
  }

  #start(connection: Connection, batch: Outgoing): Promise<void> {
    const sent = this.#send(connection, batch)
    sent.catch(() => undefined) // `work` hears it from the first that fails
    return sent
  }

  async #send(connection: Connection, batch: Outgoing): Promise<void> {
    const { place, settings } = this.#options
    const key = keyOf(this.ledger, place)
    const producer = { producerId: this.#producerId!, producerEpoch: 0 }
    this.ledger.records.sent(key, batch.values)
    const { values, sentAtMs, baseSequence } = batch
    const bytes = batchOf(values, sentAtMs, settings, { ...producer, baseSequence })
    const baseOffset = await produceTo(connection, place, bytes)
    this.ledger.records.acknowledged(key, baseOffset, batch.values)
    this.#unacknowledged = this.#unacknowledged.filter((open) => open !== batch)
  }
}

export class PlainProducer extends Actor {
  readonly #options: ProducerOptions
  #batchesLeft = 0
  #count = 0

  constructor(options: ProducerOptions) {
    super(options.ledger)
    this.#options = options
  }

  begin(): void {
    this.#batchesLeft += this.#options.settings.batchesPerLife
  }

  get isDone(): boolean {
    return this.#batchesLeft === 0
  }

  protected async work(connection: Connection, world: SimWorld): Promise<void> {
    const { place, settings, name } = this.#options
    const key = keyOf(this.ledger, place)
    while (!this.isDone) {
      // Sent once, whatever becomes of it. A point in its name: it may overtake itself.
      this.#batchesLeft--
      const values = [valueFrom(`${name}.${this.#count++}|`, settings)]
      this.ledger.records.sent(key, values)
      const bytes = batchOf(values, world.clock.nowMs(), settings)
      const acks = world.random.pick([-1, 0, 1] as const)
      if (acks === 0) postTo(connection, place, bytes)
      else {
        const baseOffset = await produceTo(connection, place, bytes, acks)
        if (acks === 1) this.ledger.records.written(key, baseOffset, values)
        else this.ledger.records.acknowledged(key, baseOffset, values)
      }
      await think(world, settings)
    }
  }
}

export function keyOf(ledger: ClusterLedger, { topic, partition }: Place): string {
  return partitionKey(ledger.topic(topic)!, partition)
}

export function batchOf(
  values: readonly string[],
  timestamp: number,
  { compression }: BrokerSettings,
  rest: Partial<NewBatch> = {},
): Buffer {
  const records = values.map((value) => ({ timestamp, key: null, value: Buffer.from(value) }))
  return buildBatch({ records, compression, ...rest })
}

/** Filled up with its own beginning. */
export function valueFrom(id: string, { valueBytes }: BrokerSettings): string {
  return id.padEnd(valueBytes, id)
}

async function think(world: SimWorld, { thinkMs }: BrokerSettings): Promise<void> {
  if (thinkMs > 0) await world.pass(world.random.fraction() * thinkMs)
}
