// Where records go: how many partitions a topic has, asked once, and which of them a key belongs to.

import type { OutgoingRecord } from '../../events/record.ts'
import type { Administration } from '../../transport/administration.ts'
import { UnknownTopicError } from '../../transport/errors.ts'
import type { SendRequest } from '../../transport/producer.ts'
import { placeKeyOf, TIMERS_TOPIC } from '../delaying/timer-record.ts'
import { partitionOf } from './partitioner.ts'

export class Destinations {
  readonly #administration: Administration
  readonly #counts = new Map<string, number>()
  readonly #makers = new Map<string, () => Promise<number>>()
  #nextWithoutKey = 0

  constructor(administration: Administration) {
    this.#administration = administration
  }

  /** @param make answers with the number of partitions, once the topic is there */
  makeWhenNeeded(topic: string, make: () => Promise<number>): void {
    this.#makers.set(topic, make)
  }

  /** Undefined when the topic has not been looked up: see `lookUp`. */
  partitionsOf(topic: string): number | undefined {
    return this.#counts.get(topic)
  }

  /** @throws UnknownTopicError */
  async lookUp(topic: string): Promise<number> {
    const known = this.#counts.get(topic)
    if (known !== undefined) return known
    const partitions = await (this.#makers.get(topic)?.() ?? this.#ask(topic))
    this.#counts.set(topic, partitions)
    return partitions
  }

  /** Records without a key go round; those that wait are placed by the key of their event. */
  choose(topic: string, record: OutgoingRecord, partitions: number): number {
    const key = topic === TIMERS_TOPIC ? placeKeyOf(record) : record.key
    return key === null ? this.#nextWithoutKey++ % partitions : partitionOf(key, partitions)
  }

  /**
   * In as few sends as there are partitions; within each, in the order given.
   * @throws UnknownTopicError
   */
  async gather(
    outputs: Iterable<{ readonly topic: string; readonly record: OutgoingRecord }>,
  ): Promise<readonly SendRequest[]> {
    const requests = new Map<string, SendRequest & { readonly records: OutgoingRecord[] }>()
    for (const { topic, record } of outputs) {
      const partition = this.choose(topic, record, await this.lookUp(topic))
      const id = `${topic}/${partition}`
      const request = requests.get(id)
      if (request === undefined) requests.set(id, { topic, partition, records: [record] })
      else request.records.push(record)
    }
    return [...requests.values()]
  }

  async #ask(topic: string): Promise<number> {
    const [description] = await this.#administration.describeTopics([topic])
    if (description === undefined) throw new UnknownTopicError(topic)
    return description.partitions
  }
}
