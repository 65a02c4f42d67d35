// The compacted log in `meta/`, the state that is folded from it, and who hears of its changes.
// Invariant: a record shows only once it is durable, and a topic only once its files can be used;
// mutations happen one after the other, each on the state that the one before has left.
// A log that cannot be written any more ends the process: what would be answered is not known.

import type { Host } from '../../host/host.ts'
import { buildBatch } from '../batch/builder.ts'
import type { FileCache } from '../log/file-cache.ts'
import type { GroupCommit } from '../log/group-commit.ts'
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts'
import { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { Acl } from './acl.ts'
import { type CatalogRecord, encodeRecord } from './catalog-record.ts'
import { CatalogState, type Topic, topicOf } from './catalog-state.ts'
import { CATALOG_FOLDER } from './format-version.ts'
import { type Refusal, refuse } from './refusal.ts'
import { replayCatalog } from './replay-catalog.ts'

export type CatalogChange =
  | { readonly kind: 'topic-created'; readonly topic: Topic }
  | { readonly kind: 'topic-deleted'; readonly topic: Topic }
  /** Partitions were added or settings altered. */
  | { readonly kind: 'topic-altered'; readonly topic: Topic; readonly before: Topic }
  /** Every topic may follow the broker's settings. */
  | { readonly kind: 'broker-altered' }
  | { readonly kind: 'client-quotas-altered' }
  | { readonly kind: 'acl-created'; readonly acl: Acl }
  | { readonly kind: 'acl-removed'; readonly acl: Acl }

/**
 * Who keeps the files of topics. A topic shows only once its files can be used, and a mutation ends
 * only once those of a deleted topic are out of the way: so names and folders never mix.
 */
export interface TopicFiles {
  /** The topic is durable and about to show: partitions `fromPartition` on are new. */
  open(topic: Topic, fromPartition: number): Promise<void>
  /** The topics show no more, and their deletion is durable. */
  retire(topics: readonly Topic[]): Promise<void>
}

export interface CatalogLogOptions {
  readonly host: Host
  readonly commit: GroupCommit
  readonly files: FileCache
  /** Whether the broker stopped in good order the last time; else the leader epoch goes up. */
  readonly wasCleanStop: boolean
  /** The log can no longer be written; the broker must stop. */
  readonly onFatal: (reason: string) => void
}

interface Writing {
  /** Also on a full disk, as long as the space lasts that is set aside. */
  readonly mayUseReserve?: boolean
}

/** The log has a name and an id of its own, so that the shared journal can carry it. */
const CATALOG_TOPIC = '__millrace_catalog'
const CATALOG_TOPIC_ID = 'bWlsbHJhY2UtY2F0YWxvZw'
/** Even, so that the two records of a deletion stand in one batch. */
const RECORDS_PER_BATCH = 500
const MIB = 1_048_576

const LOG_CONFIG = {
  ...DEFAULT_LOG_CONFIG,
  cleanupPolicy: ['compact'],
  segmentBytes: 8 * MIB,
  maxMessageBytes: 8 * MIB,
  deleteRetentionMs: 0, // nobody but the next start reads it, and that reads all of it
} as const

export class CatalogLog {
  /** What is durable; changed by `write` alone. */
  readonly state: CatalogState
  /** To be compacted with the others; nobody else writes to it or closes it. */
  readonly partition: PartitionLog
  readonly #host: Host
  readonly #commit: GroupCommit
  readonly #onFatal: (reason: string) => void
  readonly #listeners = new Set<(change: CatalogChange) => void>()
  #files: TopicFiles | undefined
  #lastMutation: Promise<unknown> = Promise.resolve()

  private constructor(options: CatalogLogOptions, partition: PartitionLog, state: CatalogState) {
    this.state = state
    this.partition = partition
    this.#host = options.host
    this.#commit = options.commit
    this.#onFatal = options.onFatal
  }

  /** @throws when it cannot be read */
  static async open(options: CatalogLogOptions): Promise<CatalogLog> {
    const partition = await PartitionLog.open({
      host: options.host,
      folder: CATALOG_FOLDER,
      topic: CATALOG_TOPIC,
      partition: 0,
      topicId: CATALOG_TOPIC_ID,
      config: LOG_CONFIG,
      leaderEpoch: 0,
      commit: options.commit,
      files: options.files,
      wasCleanStop: options.wasCleanStop,
      onOffline: (reason) => options.onFatal(`The catalogue is offline: ${reason}`),
    })
    const state = new CatalogState()
    await replayCatalog(partition, state, options.host.timers)
    return new CatalogLog(options, partition, state)
  }

  /** From now on topics come and go together with their files. */
  keepFilesWith(files: TopicFiles): void {
    this.#files = files
  }

  /** Called at once when a change is durable and shows, in the order of these calls. */
  onChange(listener: (change: CatalogChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(change: CatalogChange): void {
    for (const listener of this.#listeners) listener(change)
  }

  /** Mutates once all mutations that were asked for before have ended. */
  exclusively<T>(mutate: () => Promise<T>): Promise<T> {
    const mutation = this.#lastMutation.then(mutate)
    this.#lastMutation = mutation.catch(() => undefined) // whoever asked for it is told
    return mutation
  }

  /**
   * Part of a mutation. Up to a batch stands or falls together.
   * @returns of each record, why it was not written, or undefined
   */
  async write(
    records: readonly CatalogRecord[],
    { mayUseReserve = false }: Writing = {},
  ): Promise<(Refusal | undefined)[]> {
    const refusals: (Refusal | undefined)[] = []
    for (let from = 0; from < records.length; from += RECORDS_PER_BATCH) {
      const group = records.slice(from, from + RECORDS_PER_BATCH)
      const refusal = await this.#append(group, mayUseReserve)
      if (refusal === undefined) for (const record of group) await this.#show(record)
      for (const _ of group) refusals.push(refusal)
    }
    return refusals
  }

  /** @throws when a record was not written */
  async mustWrite(records: readonly CatalogRecord[], how: Writing = {}): Promise<void> {
    const refusal = (await this.write(records, how)).find((outcome) => outcome !== undefined)
    if (refusal !== undefined) throw new Error(`The catalogue was not written: ${refusal.message}`)
  }

  /** The deletion of these topics was written. */
  async retireFiles(topics: readonly Topic[]): Promise<void> {
    if (topics.length > 0) await this.#withFiles((files) => files.retire(topics))
  }

  async close(): Promise<void> {
    await this.#lastMutation
    await this.partition.close()
  }

  /** Records that give space back, or must be there for a start, may use what is set aside for them. */
  async #append(
    records: readonly CatalogRecord[],
    mayUseReserve: boolean,
  ): Promise<Refusal | undefined> {
    const timestamp = this.#host.clock.nowMs()
    const batch = buildBatch({
      records: records.map((record) => ({ timestamp, headers: [], ...encodeRecord(record) })),
    })
    const request = { acks: -1, origin: 'internal', mayUseReserve } as const
    let outcome = await this.partition.append(batch, request)
    const isStorage =
      outcome.kind === 'refused' && outcome.errorCode === ErrorCode.KAFKA_STORAGE_ERROR
    if (isStorage && mayUseReserve && this.partition.state === 'online') {
      if (await this.#commit.giveUpReserve()) outcome = await this.partition.append(batch, request)
    }
    if (outcome.kind !== 'refused') return undefined
    return refuse(outcome.errorCode, outcome.message ?? 'The catalogue could not be written.')
  }

  async #show(record: CatalogRecord): Promise<void> {
    if (record.kind === 'topic' && record.topic !== null) {
      const from = this.state.topic(record.name)?.partitions ?? 0
      const topic = topicOf(record.name, record.topic)
      if (topic.partitions > from) await this.#withFiles((files) => files.open(topic, from))
    }
    this.#apply(record)
  }

  /** The catalogue says one thing and the files another: only a new start can bring them together. */
  async #withFiles(change: (files: TopicFiles) => Promise<void>): Promise<void> {
    if (this.#files === undefined) return
    try {
      await change(this.#files)
    } catch (error) {
      this.#onFatal(`Files of topics could not be brought in line: ${String(error)}`)
      throw error
    }
  }

  #apply(record: CatalogRecord): void {
    const before = record.kind === 'topic' ? this.state.topic(record.name) : undefined
    this.state.apply(record)
    if (record.kind === 'topic') this.#tellOfTopic(before, this.state.topic(record.name))
    if (record.kind === 'configs' && record.owner === 'broker') {
      this.tell({ kind: 'broker-altered' })
    }
    if (record.kind === 'acl') {
      const { acl, isRemoved } = record
      this.tell(isRemoved ? { kind: 'acl-removed', acl } : { kind: 'acl-created', acl })
    }
  }

  #tellOfTopic(before: Topic | undefined, topic: Topic | undefined): void {
    if (topic === undefined) {
      if (before !== undefined) this.tell({ kind: 'topic-deleted', topic: before })
    } else if (before === undefined) this.tell({ kind: 'topic-created', topic })
    else this.tell({ kind: 'topic-altered', topic, before })
  }
}
