// The topic that a coordinator keeps its state in: made when it is first needed, its partitions loaded
// at start, each key kept by one of them.
// Invariant: a partition that loads, or could not be read, serves nobody.

import type { Clock } from '../../host/clock.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { TopicRequest } from '../catalog/decide-topic.ts'
import { partitionOfKey } from '../coordinators/partition-of-key.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { describeError, type JsonLog } from './json-log.ts'

export interface HostedPartition {
  /** NONE when it serves. */
  readonly errorCode: ErrorCode
  load(): Promise<void>
  close(): Promise<void>
}

export interface CoordinatorTopicNeeds<P extends HostedPartition> {
  readonly clock: Clock
  readonly catalog: Pick<Catalog, 'topic' | 'createTopics'>
  readonly partitions: { get(topic: string, partition: number): PartitionLog | undefined }
  readonly log: JsonLog
  readonly request: TopicRequest
  open(log: PartitionLog): P
  /** All partitions were read, or given up. */
  onLoaded(ms: number): Promise<void>
}

export class CoordinatorTopic<P extends HostedPartition> {
  readonly #needs: CoordinatorTopicNeeds<P>
  /** Empty until the topic exists. */
  #partitions: readonly P[] = []
  #creating: Promise<ErrorCode> | undefined
  #loading: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(needs: CoordinatorTopicNeeds<P>) {
    this.#needs = needs
  }

  get partitions(): readonly P[] {
    return this.#partitions
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Begins to load what is there at start. */
  start(): void {
    if (this.#needs.catalog.topic(this.#needs.request.name) !== undefined) this.#load()
  }

  /** Resolves when every partition that was there at start has been read, or given up. */
  async loaded(): Promise<void> {
    await this.#loading
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#creating
    await Promise.all(this.#partitions.map((partition) => partition.close()))
    await this.#loading
  }

  /** @returns undefined when the topic does not exist, a code while the partition does not serve */
  find(key: string): P | undefined | ErrorCode {
    if (this.#isClosed) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const partition = this.#partitions[this.indexOf(key)]
    const errorCode = partition?.errorCode ?? ErrorCode.NONE
    return errorCode === ErrorCode.NONE ? partition : errorCode
  }

  /** Makes the topic when there is none. */
  async findToWrite(key: string): Promise<P | ErrorCode> {
    if (this.#partitions.length === 0 && !this.#isClosed) {
      this.#creating ??= this.#create()
      const errorCode = await this.#creating
      if (errorCode !== ErrorCode.NONE) return errorCode
    }
    return this.find(key) ?? ErrorCode.COORDINATOR_NOT_AVAILABLE
  }

  /** The number of the partition that keeps this key; meaningless while there are none. */
  indexOf(key: string): number {
    const { length } = this.#partitions
    return length === 0 ? 0 : partitionOfKey(key, length)
  }

  async #create(): Promise<ErrorCode> {
    const { catalog, log, request } = this.#needs
    const topic = request.name
    try {
      const [created] = await catalog.createTopics([request])
      if (catalog.topic(topic) === undefined) {
        const reason = created?.kind === 'refused' ? created.message : 'unknown reason'
        log.error('internal-topic-not-created', { topic, reason })
        return ErrorCode.COORDINATOR_NOT_AVAILABLE
      }
      this.#load()
      await this.#loading
      return ErrorCode.NONE
    } catch (error) {
      log.error('internal-topic-not-created', { topic, reason: describeError(error) })
      return ErrorCode.COORDINATOR_NOT_AVAILABLE
    } finally {
      this.#creating = undefined
    }
  }

  #load(): void {
    const { clock, onLoaded } = this.#needs
    const startMs = clock.monotonicMs()
    this.#open()
    const loads = this.#partitions.map((partition) => partition.load())
    this.#loading = Promise.all(loads).then(() =>
      onLoaded(Math.round(clock.monotonicMs() - startMs)),
    )
  }

  #open(): void {
    const { catalog, request, partitions, open } = this.#needs
    const count = catalog.topic(request.name)?.partitions ?? 0
    this.#partitions = Array.from({ length: count }, (_, index) => {
      const partition = partitions.get(request.name, index)
      if (partition === undefined) throw new Error(`no log of ${request.name}-${index}`)
      return open(partition)
    })
  }
}
