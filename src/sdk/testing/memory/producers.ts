// The two producers of a memory engine. A send is written before its call returns; only the answer
// may take longer, so that order is the order of the calls.

import { MillraceError } from '../../events/errors.ts'
import type { OutgoingRecord } from '../../events/record.ts'
import { OutcomeUnknownError, SendError } from '../../transport/errors.ts'
import type { GroupMember, OffsetCommit } from '../../transport/group-member.ts'
import type {
  Producer,
  SendRequest,
  SentRecords,
  Transaction,
  TransactionalProducer,
} from '../../transport/producer.ts'
import type { MemoryBroker } from './broker.ts'
import type { Connection } from './connection.ts'
import { MemoryMember } from './member.ts'
import { ONLY_EPOCH, recordBytes } from './partition-log.ts'
import { produceToStreams, type StorePartition } from './store-append.ts'
import type { OpenTransaction, TransactionHandle } from './transactions.ts'

export class MemoryProducer implements Producer {
  readonly #connection: Connection
  readonly #underWay = new Set<Promise<SentRecords>>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  send(request: SendRequest): Promise<SentRecords> {
    const { broker } = this.#connection
    const sent = this.#connection.request(() => write(broker, request, undefined), {
      lost: () => answerLost(request),
    })
    this.#underWay.add(sent)
    return sent.finally(() => this.#underWay.delete(sent))
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export class MemoryTransactionalProducer implements TransactionalProducer {
  readonly #connection: Connection
  readonly #handle: TransactionHandle
  #last: Promise<unknown> = Promise.resolve()

  constructor(connection: Connection, transactionalId: string) {
    this.#connection = connection
    this.#handle = connection.broker.transactionalIds.take(transactionalId)
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#run(work))
    this.#last = done.catch(() => undefined)
    return done
  }

  async #run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const ids = this.#connection.broker.transactionalIds
    const open = await this.#connection.request(() => ids.begin(this.#handle))
    let result: T
    try {
      result = await work(this.#transaction(open))
    } catch (error) {
      await this.#abort(open)
      throw error
    }
    await this.#connection.request(() => ids.end(this.#handle, 'committed'), {
      commits: true,
      lost: () => new OutcomeUnknownError(this.#describe('was not answered')),
    })
    return result
  }

  /** A transaction that somebody else ended already needs no end. */
  async #abort(open: OpenTransaction): Promise<void> {
    await this.#connection.request(() => {
      if (open.state === 'open') {
        this.#connection.broker.transactionalIds.end(this.#handle, 'aborted')
      }
    })
  }

  #transaction(open: OpenTransaction): Transaction {
    const { broker } = this.#connection
    const check = () => {
      broker.transactionalIds.check(this.#handle)
      if (open.state !== 'open') throw new Error(this.#describe('has ended'))
    }
    return {
      send: (request: SendRequest) =>
        this.#connection.request(() => {
          check()
          return write(broker, request, open)
        }),
      commitOffsets: (member: GroupMember, offsets: readonly OffsetCommit[]) =>
        this.#connection.request(() => {
          check()
          if (!(member instanceof MemoryMember)) {
            throw new TypeError(
              'The member is of another engine: only its own can be committed for.',
            )
          }
          member.commitWith(open, offsets)
        }),
    }
  }

  #describe(happened: string): string {
    return `The transaction of ${this.#handle.transactionalId} ${happened}.`
  }

  async close(): Promise<void> {
    await this.#last
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function answerLost({ topic, partition }: SendRequest): SendError {
  return new SendError({
    message: `A send to ${topic}-${partition} was not answered: its records may have been written.`,
    topic,
    partition,
    retriable: true,
    outcome: 'unknown',
  })
}

/** @throws SendError, UnknownTopicError */
function write(
  broker: MemoryBroker,
  request: SendRequest,
  transaction: OpenTransaction | undefined,
): SentRecords {
  const { log, streams } = broker.topics.partition(request)
  for (const record of request.records) checkSize(broker, request, record)
  if (streams !== undefined) return writeToStore(broker, { log, streams }, request, transaction)
  transaction?.wrote(log)
  const nowMs = broker.world.clock.nowMs()
  return {
    baseOffset: log.append(request.records, { nowMs, transaction }),
    leaderEpoch: ONLY_EPOCH,
  }
}

/** A store that refuses says why; to a producer its records are simply not written. */
function writeToStore(
  broker: MemoryBroker,
  store: StorePartition,
  { topic, partition, records }: SendRequest,
  transaction: OpenTransaction | undefined,
): SentRecords {
  try {
    const nowMs = broker.world.clock.nowMs()
    const baseOffset = produceToStreams(store, records, { nowMs, transaction })
    return { baseOffset, leaderEpoch: ONLY_EPOCH }
  } catch (cause) {
    if (!(cause instanceof MillraceError)) throw cause
    const { message, retriable } = cause
    throw new SendError({ message, topic, partition, retriable, outcome: 'not-written', cause })
  }
}

function checkSize(broker: MemoryBroker, request: SendRequest, record: OutgoingRecord): void {
  const { topic, partition } = request
  const { maxRecordBytes } = broker.limits
  const bytes = recordBytes(record)
  if (bytes <= maxRecordBytes) return
  throw new SendError({
    message: `A record of ${bytes} bytes is more than topic ${topic} takes: at most ${maxRecordBytes}.`,
    topic,
    partition,
    retriable: false,
    outcome: 'not-written',
  })
}
