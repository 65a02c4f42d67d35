// Event stores for a program in the broker's own process.

import { isStore } from '../catalog/store-topics.ts'
import { type EventStores, NoStoreError } from '../server/event-stores.ts'
import type { BrokerServices } from '../server/services.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { type LocalRefusal, refusal } from './local-refusal.ts'

type LocalStore = ReturnType<EventStores['get']>

export class LocalStores {
  readonly #broker: Pick<BrokerServices, 'catalog' | 'eventStores'>

  constructor(broker: Pick<BrokerServices, 'catalog' | 'eventStores'>) {
    this.#broker = broker
  }

  /** Its topic is made with the first append. Refused for a topic that is there and is none. */
  find(topic: string): { readonly kind: 'store'; readonly store: LocalStore } | LocalRefusal {
    const found = this.#broker.catalog.topic(topic)
    if (found !== undefined && !isStore(found.configs)) {
      return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, new NoStoreError(topic).message)
    }
    return { kind: 'store', store: this.#broker.eventStores.get(topic) }
  }
}
