// One application's connection to the broker in its own process. What it opened is closed with it.

import type { LocalBroker } from '../../broker/broker.ts'
import type { EventStore } from '../../sdk/transport/event-store.ts'
import type { JoinOptions } from '../../sdk/transport/group-member.ts'
import type { OpenOptions, Transport, World } from '../../sdk/transport/transport.ts'
import { EmbeddedAdministration } from './administration.ts'
import { capabilities, name } from './capabilities.ts'
import { EmbeddedStore } from './embedded-store.ts'
import { Lease } from './lease.ts'
import { EmbeddedMember } from './member.ts'
import { EmbeddedProducer } from './producer.ts'
import { EmbeddedReader } from './topic-reader.ts'
import { EmbeddedTransactionalProducer } from './transactional-producer.ts'

export class EmbeddedTransport implements Transport {
  readonly name = name
  readonly capabilities = capabilities
  readonly world: World
  readonly logId: string
  readonly administration: EmbeddedAdministration
  readonly reader: EmbeddedReader
  readonly #lease: Lease
  readonly #options: OpenOptions
  readonly #release: () => Promise<void>
  readonly #members = new Set<EmbeddedMember>()
  readonly #producers = new Set<{ close(): Promise<void> }>()
  #closing: Promise<void> | undefined

  /** @param release the broker is no longer needed here */
  constructor(broker: LocalBroker, options: OpenOptions, release: () => Promise<void>) {
    const { local } = broker
    this.world = local.world
    this.logId = local.logId
    this.#lease = new Lease(local)
    this.administration = new EmbeddedAdministration(this.#lease)
    this.reader = new EmbeddedReader(this.#lease)
    this.#options = options
    this.#release = release
    void broker.failed.then((error) => {
      options.onWarning('The embedded broker has stopped by itself.', error)
      for (const member of this.#members) member.fail(error)
    })
  }

  async producer(): Promise<EmbeddedProducer> {
    const { client } = this.#lease
    return this.#keep(new EmbeddedProducer(client, await client.producing.newProducer()))
  }

  async transactionalProducer(transactionalId: string): Promise<EmbeddedTransactionalProducer> {
    return this.#keep(await EmbeddedTransactionalProducer.open(this.#lease.client, transactionalId))
  }

  async join(options: JoinOptions): Promise<EmbeddedMember> {
    const { service, onWarning } = this.#options
    const context = { lease: this.#lease, clientId: service, onWarning }
    const member = await EmbeddedMember.join(context, options)
    this.#members.add(member)
    return member
  }

  eventStore(topic: string): EventStore {
    return new EmbeddedStore(this.#lease, topic)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.leave()))
    await Promise.all([...this.#producers].map((producer) => producer.close()))
    this.#lease.close()
    await this.#release()
  }

  #keep<T extends { close(): Promise<void> }>(producer: T): T {
    this.#producers.add(producer)
    return producer
  }
}
