// The transactional producer over direct calls: one transaction at a time, each with an epoch of its
// own (KIP-890), so that nothing of one that has ended can enter the next.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { LocalTransaction } from '../../broker/local/local-producing.ts'
import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import {
  OutcomeUnknownError,
  ProducerFencedError,
  TransportClosedError,
} from '../../sdk/transport/errors.ts'
import type { Transaction, TransactionalProducer } from '../../sdk/transport/producer.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { OpenTransaction } from './open-transaction.ts'
import { persist } from './persist.ts'
import { isFencedProducer, isRefusal } from './refusals.ts'

/** The broker aborts what is left open for so long, as Kafka's producer has it. */
const TRANSACTION_TIMEOUT_MS = 60_000

export class EmbeddedTransactionalProducer implements TransactionalProducer {
  readonly #client: LocalClient
  readonly #transactionalId: string
  /** Undefined until its id is taken, and when it is not known how the last transaction ended. */
  #producer: LocalTransaction | undefined
  #isFenced = false
  #isClosed = false
  #last: Promise<unknown> = Promise.resolve()

  /** @throws BrokerRefusedError */
  static async open(client: LocalClient, transactionalId: string) {
    const producer = new EmbeddedTransactionalProducer(client, transactionalId)
    producer.#producer = await producer.#init()
    return producer
  }

  private constructor(client: LocalClient, transactionalId: string) {
    this.#client = client
    this.#transactionalId = transactionalId
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new TransportClosedError())
    const running = this.#last.then(() => this.#run(work))
    this.#last = running.catch(() => undefined)
    return running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#last
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    if (this.#isFenced) throw new ProducerFencedError(this.#transactionalId)
    this.#producer ??= await this.#init()
    const open = new OpenTransaction(this.#client, this.#producer, (refusal) =>
      this.#explain('Writing in a transaction', refusal),
    )
    let result: T
    try {
      result = await work(open)
      await open.settle()
    } catch (error) {
      await open.settle().catch(() => undefined)
      await this.#abort(open)
      throw error
    }
    await this.#commit(open)
    return result
  }

  async #commit(open: OpenTransaction): Promise<void> {
    open.close()
    if (!open.hasBegun) return
    const reply = await this.#end(open.producer, { isCommit: true })
    if (!isRefusal(reply)) {
      this.#producer = reply
      return
    }
    this.#producer = undefined
    const error = this.#explain('Committing a transaction', reply)
    if (!reply.isRetriable) throw error
    const message = `Whether the transaction of ${this.#transactionalId} was committed is not known.`
    throw new OutcomeUnknownError(message, { cause: error })
  }

  /** What cannot be aborted now is aborted when the id is taken again, or by its timeout. */
  async #abort(open: OpenTransaction): Promise<void> {
    open.close()
    if (!open.hasBegun || this.#isFenced) return
    const reply = await this.#end(open.producer, { isCommit: false })
    if (isRefusal(reply) && isFencedProducer(reply)) this.#isFenced = true
    this.#producer = isRefusal(reply) ? undefined : reply
  }

  #end(producer: LocalTransaction, outcome: { isCommit: boolean }) {
    return persist(this.#client.world, () =>
      this.#client.producing.endTransaction(producer, outcome),
    )
  }

  async #init(): Promise<LocalTransaction> {
    const id = this.#transactionalId
    const reply = await persist(this.#client.world, () =>
      this.#client.producing.initTransactions(id, { timeoutMs: TRANSACTION_TIMEOUT_MS }),
    )
    if (isRefusal(reply)) throw this.#explain(`Taking transactional id ${id}`, reply)
    return reply
  }

  #explain(what: string, refusal: LocalRefusal): Error {
    const error = new BrokerRefusedError(what, refusal)
    if (!isFencedProducer(refusal)) return error
    this.#isFenced = true
    return new ProducerFencedError(this.#transactionalId, error)
  }
}
