// What clients have used of their quotas, and how long one that is above has to wait. Nobody is
// refused: the answer says how long, and the connection is not read from for that time (KIP-219).
// Invariant: without any quota `isActive` is false and nothing else here is called; what is
// remembered is bounded by `millrace.max.metered.clients` for each key.

import type { Clock } from '../../../host/clock.ts'
import type { BrokerConfig } from '../../catalog/broker-config-keys.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { QuotaKey } from '../../catalog/client-quotas.ts'
import { type Refusal, refuse } from '../../catalog/refusal.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { QuotaBounds, type QuotaClient } from './quota-precedence.ts'
import { SampledRate } from './sampled-rate.ts'
import { TokenBucket } from './token-bucket.ts'

export const clientQuotaKeys = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_percentage',
  'controller_mutation_rate',
] as const satisfies readonly QuotaKey[]

export type ClientQuotaKey = (typeof clientQuotaKeys)[number]

/** The protocol and the timers know 32 bits. */
const MAX_DELAY_MS = 2 ** 31 - 1

interface ClientQuotasOptions {
  readonly clock: Clock
  readonly config: BrokerConfig
  readonly catalog: Pick<Catalog, 'clientQuotas' | 'onChange'>
  /** A client was told to wait. */
  readonly onThrottle?: (key: ClientQuotaKey, delayMs: number) => void
}

export class ClientQuotas {
  readonly #options: ClientQuotasOptions
  #bounds: Readonly<Record<ClientQuotaKey, QuotaBounds>>
  #isActive = false
  readonly #rates = new Map<string, SampledRate>()
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(options: ClientQuotasOptions) {
    this.#options = options
    this.#bounds = this.#readBounds()
    options.catalog.onChange((change) => {
      if (change.kind === 'client-quotas-altered') this.#bounds = this.#readBounds()
    })
  }

  /** Whether there is any quota for clients. */
  get isActive(): boolean {
    return this.#isActive
  }

  get meteredCount(): number {
    return this.#rates.size + this.#buckets.size
  }

  /** @param bytes of the whole request. @returns how long the client has to wait, in milliseconds */
  produced(client: QuotaClient, bytes: number): number {
    return this.#told('producer_byte_rate', this.#use('producer_byte_rate', client, bytes))
  }

  /** What has to wait is not counted: the answer goes out without it. */
  fetched(client: QuotaClient, bytes: number): number {
    const delayMs = this.#use('consumer_byte_rate', client, bytes)
    if (delayMs > 0) this.#use('consumer_byte_rate', client, -bytes)
    return this.#told('consumer_byte_rate', delayMs)
  }

  /** More in one answer would always have to wait, however long the client was silent. */
  maxFetchBytes(client: QuotaClient): number {
    const found = this.#bounds.consumer_byte_rate.find(client)
    if (found === undefined) return Number.POSITIVE_INFINITY
    const { quotaWindowNum, quotaWindowSizeSeconds } = this.#options.config
    return found.bound * (quotaWindowNum - 1) * quotaWindowSizeSeconds
  }

  /** @param loopMs for which the event loop worked for this request */
  worked(client: QuotaClient, loopMs: number): number {
    const percent = loopMs / 10 // of a second
    const delayMs = this.#use('request_percentage', client, percent)
    const { quotaWindowSizeSeconds } = this.#options.config
    return this.#told('request_percentage', Math.min(delayMs, quotaWindowSizeSeconds * 1000))
  }

  /** What one request may mutate; undefined when the client has no such quota. */
  mutations(client: QuotaClient, { isStrict }: { isStrict: boolean }): Mutations | undefined {
    const { clock, config } = this.#options
    const found = this.#bounds.controller_mutation_rate.find(client)
    if (found === undefined) return undefined
    const bucket = this.#remember(this.#buckets, found.sharedBy, () => {
      const { controllerQuotaWindowNum, controllerQuotaWindowSizeSeconds } = config
      return new TokenBucket(controllerQuotaWindowNum * controllerQuotaWindowSizeSeconds)
    })
    const told = (delayMs: number) => this.#told('controller_mutation_rate', delayMs)
    return new Mutations({ bucket, bound: found.bound, clock, isStrict, told })
  }

  #told(key: ClientQuotaKey, delayMs: number): number {
    if (delayMs > 0) this.#options.onThrottle?.(key, delayMs)
    return delayMs
  }

  /** @returns how long the client has to wait */
  #use(key: ClientQuotaKey, client: QuotaClient, amount: number): number {
    const found = this.#bounds[key].find(client)
    if (found === undefined) return 0
    const { clock, config } = this.#options
    const nowMs = clock.monotonicMs()
    const rate = this.#remember(this.#rates, `${key} ${found.sharedBy}`, () => {
      const { quotaWindowNum: count, quotaWindowSizeSeconds } = config
      return new SampledRate({ count, windowMs: quotaWindowSizeSeconds * 1000 }, nowMs)
    })
    rate.record(amount, nowMs)
    return Math.min(MAX_DELAY_MS, rate.delayMs(found.bound, nowMs))
  }

  /** The one that was silent for longest makes room. */
  #remember<Meter>(meters: Map<string, Meter>, sharedBy: string, make: () => Meter): Meter {
    const known = meters.get(sharedBy)
    if (known !== undefined) meters.delete(sharedBy)
    else if (meters.size >= this.#options.config.millraceMaxMeteredClients) {
      for (const oldest of meters.keys()) {
        meters.delete(oldest)
        break
      }
    }
    const meter = known ?? make()
    meters.set(sharedBy, meter)
    return meter
  }

  #readBounds(): Readonly<Record<ClientQuotaKey, QuotaBounds>> {
    const quotas = [...this.#options.catalog.clientQuotas().values()]
    const bounds = {
      producer_byte_rate: new QuotaBounds(quotas, 'producer_byte_rate'),
      consumer_byte_rate: new QuotaBounds(quotas, 'consumer_byte_rate'),
      request_percentage: new QuotaBounds(quotas, 'request_percentage'),
      controller_mutation_rate: new QuotaBounds(quotas, 'controller_mutation_rate'),
    }
    this.#isActive = clientQuotaKeys.some((key) => !bounds[key].isEmpty)
    return bounds
  }
}

interface MutationsOptions {
  readonly bucket: TokenBucket
  readonly bound: number
  readonly clock: Clock
  readonly isStrict: boolean
  readonly told: (delayMs: number) => number
}

/**
 * The mutations of one request. Strict: what is asked for while the bucket is overdrawn is refused,
 * and only who was refused waits. Else (clients that do not know the error) all is done, and who
 * overdraws waits.
 */
export class Mutations {
  readonly #options: MutationsOptions
  #readyAtMs = 0

  constructor(options: MutationsOptions) {
    this.#options = options
  }

  /** Partitions that are made or deleted. @returns why not */
  readonly admit = (partitions: number): Refusal | undefined => {
    const { bucket, bound, clock, isStrict } = this.#options
    const nowMs = clock.monotonicMs()
    if (isStrict && bucket.delayMs(bound, nowMs) > 0) {
      this.#waitFor(bucket.delayMs(bound, nowMs))
      return EXCEEDED
    }
    bucket.take(partitions, bound, nowMs)
    if (!isStrict) this.#waitFor(bucket.delayMs(bound, nowMs))
    return undefined
  }

  /** The request is done. @returns how long the client has to wait from now, in milliseconds */
  end(): number {
    const leftMs = Math.ceil(this.#readyAtMs - this.#options.clock.monotonicMs())
    return this.#options.told(Math.min(MAX_DELAY_MS, Math.max(0, leftMs)))
  }

  #waitFor(delayMs: number): void {
    if (delayMs > 0) this.#readyAtMs = this.#options.clock.monotonicMs() + delayMs
  }
}

const EXCEEDED = refuse(
  ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  'The quota of mutations (controller_mutation_rate) is used up: try again after the throttle time.',
)
