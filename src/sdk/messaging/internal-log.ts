// One partition of an internal topic (what is parked, what is delayed): appended to and read by its one
// owner. Everything that is read back is committed; the caller's own appends are seen in order.

import type { IncomingRecord, OutgoingRecord } from '../events/record.ts'
import type { FetchedPartition } from '../transport/group-member.ts'
import type { Producer, SendRequest } from '../transport/producer.ts'
import type { Transport } from '../transport/transport.ts'

const READ_BYTES = 4 * 1024 * 1024
/** A batch stays far below any broker's limit. */
const MAX_BATCH_RECORDS = 500
const MARK_WAIT_MS = 1000

export class InternalLog {
  readonly topic: string
  readonly partition: number
  readonly #transport: Transport
  readonly #producer: Producer

  constructor(
    transport: Transport,
    producer: Producer,
    place: { topic: string; partition: number },
  ) {
    this.#transport = transport
    this.#producer = producer
    this.topic = place.topic
    this.partition = place.partition
  }

  /**
   * Resolves once they are durable. More than one batch may be written only in part when it rejects.
   * @returns offset of the last one
   */
  async append(records: readonly OutgoingRecord[]): Promise<number> {
    let lastOffset = -1
    for (let from = 0; from < records.length; from += MAX_BATCH_RECORDS) {
      const batch = records.slice(from, from + MAX_BATCH_RECORDS)
      const { baseOffset } = await this.#producer.send(this.request(batch))
      lastOffset = baseOffset + batch.length - 1
    }
    return lastOffset
  }

  /** The same as `append` would send, for somebody else's transaction. */
  request(records: readonly OutgoingRecord[]): SendRequest {
    return { topic: this.topic, partition: this.partition, records }
  }

  /** Also asks how far it can be read: `endOffset`. */
  read(fromOffset: number, options: { waitMs?: number; signal?: AbortSignal }) {
    const { topic, partition } = this
    const place = { topic, partition, fromOffset, maxBytes: READ_BYTES }
    return this.#transport.reader.read({ ...place, ...options })
  }

  /** From the first record that is still there to the end as it is now. */
  async *all(): AsyncGenerator<FetchedPartition> {
    const { topic, partition } = this
    const [bounds] = await this.#transport.reader.bounds([{ topic, partition }])
    const end = bounds?.endOffset ?? 0
    for (let next = bounds?.startOffset ?? 0; next < end; ) {
      const fetched = await this.read(next, {})
      yield fetched
      next = fetched.nextOffset
    }
  }

  /**
   * Writes a mark, and reads up to it. Whatever is in a transaction that is not decided yet stands
   * before it, and is waited for.
   * @param next where to read on; asked each time, because somebody else may have read meanwhile
   * @throws the reason of `signal` once it is aborted
   */
  async *upTo(
    mark: OutgoingRecord,
    next: () => number,
    signal: AbortSignal,
  ): AsyncGenerator<FetchedPartition> {
    const markOffset = await this.append([mark])
    while (next() <= markOffset) {
      signal.throwIfAborted()
      yield await this.read(next(), { waitMs: MARK_WAIT_MS, signal })
    }
  }

  /** undefined when a newer record of its key has taken its place. */
  async at(offset: number): Promise<IncomingRecord | undefined> {
    const { topic, partition } = this
    const place = { topic, partition, fromOffset: offset, maxBytes: 1 }
    const { records } = await this.#transport.reader.read(place)
    return records.find((record) => record.offset === offset)
  }
}
