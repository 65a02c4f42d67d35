// A producer on one partition, idempotent or not, who lives outside the broker and survives its
// crashes: what was not acknowledged is sent again with the sequences it had.
import { buildBatch } from '../../../src/broker/batch/builder.ts'
import type { AppendOutcome, PartitionLog } from '../../../src/broker/log/partition-log.ts'
import { type ErrorCode, errorName } from '../../../src/broker/wire/error-codes.ts'
import type { SimWorld } from '../sim-world.ts'
import { BreachError, keyOf, type Ledger } from './ledger.ts'
import { nameOf } from './log-life.ts'
import type { LogSettings } from './log-settings.ts'

interface Outgoing {
  readonly baseSequence: number
  readonly values: readonly string[]
}

/** Rounds without any progress after which the log counts as stuck. */
const MAX_IDLE_ROUNDS = 50
const RETRY_MS = 5
/** Few, so that most records are superseded soon; producers of a partition share them. */
const KEYS = 5

export class LogProducer {
  readonly partition: number
  readonly #producerId: number
  readonly #settings: LogSettings
  readonly #ledger: Ledger
  #unacknowledged: Outgoing[] = []
  #batchesLeft: number
  #nextSequence = 0

  constructor(options: {
    readonly partition: number
    readonly producerId: number
    readonly settings: LogSettings
    readonly ledger: Ledger
  }) {
    this.partition = options.partition
    this.#producerId = options.producerId
    this.#settings = options.settings
    this.#ledger = options.ledger
    this.#batchesLeft = options.settings.batchesPerProducer
  }

  get isDone(): boolean {
    return this.#batchesLeft === 0 && this.#unacknowledged.length === 0
  }

  /** Sends until everything is acknowledged, the life ends, or the partition goes offline. */
  async produce(world: SimWorld, log: PartitionLog): Promise<void> {
    let idleRounds = 0
    while (!this.isDone && log.state === 'online') {
      this.#fill(nameOf(log))
      const before = this.#unacknowledged.length
      const refusal = await this.#round(world, log)
      idleRounds = this.#unacknowledged.length < before ? 0 : idleRounds + 1
      if (idleRounds > MAX_IDLE_ROUNDS) throw new BreachError('stuck', `${nameOf(log)}: ${refusal}`)
      if (refusal !== undefined) await world.pass(RETRY_MS)
      if (this.#settings.thinkMs > 0)
        await world.pass(world.random.fraction() * this.#settings.thinkMs)
    }
  }

  #fill(partition: string): void {
    const { maxInFlight, recordsPerBatch, valueBytes, isCompacted } = this.#settings
    while (this.#unacknowledged.length < maxInFlight && this.#batchesLeft > 0) {
      const values = Array.from({ length: recordsPerBatch }, (_, index) => {
        const name = `p${this.#producerId}-${this.#nextSequence + index}|`
        const id = isCompacted ? `k${(this.#nextSequence + index) % KEYS}/${name}` : name
        return id.padEnd(valueBytes, id)
      })
      this.#ledger.sent(partition, values)
      this.#unacknowledged.push({ baseSequence: this.#nextSequence, values })
      this.#nextSequence += recordsPerBatch
      this.#batchesLeft--
    }
  }

  /** Sends all that is open, some of it twice. @returns why something was refused */
  async #round(world: SimWorld, log: PartitionLog): Promise<string | undefined> {
    const sent = this.#unacknowledged.map((batch) => {
      const copies = world.random.chance(this.#settings.resendChance) ? 2 : 1
      const answers = Array.from({ length: copies }, () => this.#send(log, batch))
      return { batch, answers }
    })
    let refusal: string | undefined
    for (const { batch, answers } of sent) {
      for (const outcome of await Promise.all(answers)) {
        if (outcome.kind !== 'refused') this.#forget(batch)
        else refusal ??= this.#explain(outcome)
      }
    }
    return refusal
  }

  async #send(log: PartitionLog, batch: Outgoing): Promise<AppendOutcome> {
    const bytes = buildBatch({
      records: batch.values.map((value) => ({
        timestamp: 1,
        key: this.#settings.isCompacted ? Buffer.from(keyOf(value)) : null,
        value: Buffer.from(value),
      })),
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: batch.baseSequence,
    })
    const outcome = await log.append(bytes, { acks: -1, origin: 'client' })
    // At once: whoever was answered may rely on it, whatever happens next.
    if (outcome.kind !== 'refused') {
      this.#ledger.acknowledged(nameOf(log), outcome.baseOffset, batch.values)
    }
    return outcome
  }

  #forget(batch: Outgoing): void {
    this.#unacknowledged = this.#unacknowledged.filter((open) => open !== batch)
  }

  #explain({ errorCode, message }: { errorCode: ErrorCode; message?: string }): string {
    return `${errorName(errorCode)} ${message ?? ''}`
  }
}
