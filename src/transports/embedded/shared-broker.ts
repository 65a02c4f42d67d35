// One broker for all who open the same engine: the first one starts it, the last one stops it.

import {
  type Broker,
  type BrokerOptions,
  type LocalBroker,
  startLocalBroker,
} from '../../broker/broker.ts'
import { NetError } from '../../host/net.ts'
import { AddressInUseError } from './address-in-use.ts'

export class SharedBroker {
  readonly #options: BrokerOptions
  #running: Promise<LocalBroker> | undefined
  #addresses: Broker['addresses'] = []
  #users = 0
  /** A folder can be had again only once it was let go of. */
  #closing: Promise<void> = Promise.resolve()

  constructor(options: BrokerOptions) {
    this.#options = options
  }

  get addresses(): Broker['addresses'] {
    return this.#addresses
  }

  /** @throws AddressInUseError, else as `startBroker` */
  async open(): Promise<LocalBroker> {
    this.#users += 1
    this.#running ??= this.#closing.then(() => startLocalBroker(this.#options))
    const running = this.#running
    try {
      const broker = await running
      this.#addresses = broker.addresses
      return broker
    } catch (error) {
      this.#users -= 1
      if (this.#running === running) this.#running = undefined
      throw error instanceof NetError && error.code === 'address-in-use'
        ? new AddressInUseError(error)
        : error
    }
  }

  async release(): Promise<void> {
    this.#users -= 1
    const running = this.#running
    if (this.#users > 0 || running === undefined) return
    this.#running = undefined
    this.#addresses = []
    this.#closing = running.then((broker) => broker.close())
    await this.#closing
  }
}
