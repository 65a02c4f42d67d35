// What one request counts for: bytes and time of the event loop, held against the client's quotas when
// the answer is ready. Source: KIP-124 for request_percentage.
// The event loop is one: its time is what its owner held it for, from the frame to the first wait, and
// again from there to the encoded answer. What a handler does between two waits of its own is not seen.

import type { Clock } from '../../../host/clock.ts'
import { ApiKey } from '../../wire/api-keys.ts'
import type { ClientQuotas } from './client-quotas.ts'
import type { QuotaClient } from './quota-precedence.ts'

export class RequestAccounting {
  readonly #quotas: ClientQuotas
  readonly #clock: Clock
  #sinceMs: number
  #loopMs = 0

  /** The event loop begins to work for the request. */
  constructor(quotas: ClientQuotas, clock: Clock) {
    this.#quotas = quotas
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
  }

  /** The request waits: the event loop works for others. */
  waits(): void {
    this.#loopMs += this.#clock.monotonicMs() - this.#sinceMs
  }

  goesOn(): void {
    this.#sinceMs = this.#clock.monotonicMs()
  }

  /** @returns how long the client has to wait, in milliseconds */
  settle(
    client: QuotaClient,
    request: { apiKey: number; bytes: number; isAnswered: boolean },
  ): number {
    this.waits()
    this.goesOn()
    const { apiKey, bytes, isAnswered } = request
    const forBytes = apiKey === ApiKey.PRODUCE ? this.#quotas.produced(client, bytes) : 0
    // As in Kafka: acks=0 is held to its bytes alone.
    const forTime = isAnswered ? this.#quotas.worked(client, this.#loopMs) : 0
    return Math.max(forBytes, forTime)
  }
}

/** Who a connection's requests count for. */
export function quotaClientOf(context: {
  readonly clientId: string | null
  readonly connection: { readonly principal: { readonly name: string } }
}): QuotaClient {
  return { user: context.connection.principal.name, clientId: context.clientId ?? '' }
}
