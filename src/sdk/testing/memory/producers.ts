// The two producers of a memory engine.

import type { OutgoingRecord } from '../../events/record.ts'
import { SendError } from '../../transport/errors.ts'
import type { GroupMember, OffsetCommit } from '../../transport/group-member.ts'
import type {
  Producer,
  SendRequest,
  SentRecords,
  Transaction,
  TransactionalProducer,
} from '../../transport/producer.ts'
import type { MemoryBroker } from './broker.ts'
import { MemoryMember } from './member.ts'
import { recordBytes } from './partition-log.ts'
import type { OpenTransaction, TransactionHandle } from './transactions.ts'

export class MemoryProducer implements Producer {
  readonly #broker: MemoryBroker

  constructor(broker: MemoryBroker) {
    this.#broker = broker
  }

  async send(request: SendRequest): Promise<SentRecords> {
    return write(this.#broker, request, undefined)
  }

  async close(): Promise<void> {
    // Nothing is ever under way: a send has been written when it returns.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export class MemoryTransactionalProducer implements TransactionalProducer {
  readonly #broker: MemoryBroker
  readonly #handle: TransactionHandle
  #last: Promise<unknown> = Promise.resolve()

  constructor(broker: MemoryBroker, transactionalId: string) {
    this.#broker = broker
    this.#handle = broker.transactionalIds.take(transactionalId)
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#run(work))
    this.#last = done.catch(() => undefined)
    return done
  }

  async #run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const ids = this.#broker.transactionalIds
    const open = ids.begin(this.#handle)
    let result: T
    try {
      result = await work(this.#transaction(open))
    } catch (error) {
      if (open.state === 'open') ids.end(this.#handle, 'aborted')
      throw error
    }
    ids.end(this.#handle, 'committed')
    return result
  }

  #transaction(open: OpenTransaction): Transaction {
    const check = () => {
      this.#broker.transactionalIds.check(this.#handle)
      if (open.state !== 'open') throw new Error('This transaction has ended.')
    }
    return {
      send: async (request: SendRequest) => {
        check()
        return write(this.#broker, request, open)
      },
      commitOffsets: async (member: GroupMember, offsets: readonly OffsetCommit[]) => {
        check()
        if (!(member instanceof MemoryMember)) {
          throw new TypeError('The member is of another engine: only its own can be committed for.')
        }
        member.commitWith(open, offsets)
      },
    }
  }

  async close(): Promise<void> {
    await this.#last
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** @throws SendError, UnknownTopicError */
function write(
  broker: MemoryBroker,
  request: SendRequest,
  transaction: OpenTransaction | undefined,
): SentRecords {
  const log = broker.log(request)
  for (const record of request.records) checkSize(broker, request, record)
  transaction?.wrote(log)
  const nowMs = broker.world.clock.nowMs()
  return { baseOffset: log.append(request.records, { nowMs, transaction }) }
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
