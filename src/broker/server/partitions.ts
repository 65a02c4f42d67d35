// Every partition of the catalogue with its open log, found by topic and number.
// Invariant: a topic that shows in the catalogue has all its logs here; one that has been answered as
// deleted has none, and no folder goes by its name any more. Folders are made by the logs with their
// first append; a deleted topic's are renamed and that is synced, and they are removed later.

import type { Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { CatalogChange, TopicFiles } from '../catalog/catalog-log.ts'
import type { Topic } from '../catalog/catalog-state.ts'
import { isStore } from '../catalog/store-topics.ts'
import { partitionFolder } from '../catalog/topic-name.ts'
import { logConfigOf } from '../catalog/topic-settings.ts'
import { eachLimited } from '../log/checkpointer.ts'
import type { FileCache } from '../log/file-cache.ts'
import type { GroupCommit } from '../log/group-commit.ts'
import type { LogConfig } from '../log/log-config.ts'
import { PartitionLog, type PartitionLogOptions } from '../log/partition-log.ts'
import type { WorkBudget } from '../log/work-budget.ts'
import type { Stores } from '../streams/stores.ts'
import { describeError, type JsonLog } from './json-log.ts'
import {
  deletedFolder,
  type ForeignFolders,
  settleTopicFolders,
  TOPICS_FOLDER,
} from './topic-folders.ts'

export interface PartitionsOptions {
  readonly host: Host
  readonly catalog: Catalog
  readonly commit: GroupCommit
  readonly files: FileCache
  readonly work: WorkBudget
  readonly stores: Stores
  readonly log: JsonLog
  readonly wasCleanStop: boolean
}

/** Logs opened or closed at once: enough to keep the disk busy, few enough to hold in memory. */
const AT_ONCE = 16
/** Opening or closing a log may need no disk, and so no waiting: so many of them go in one turn. */
const LOGS_PER_TURN = 100

export class Partitions implements TopicFiles {
  readonly #options: PartitionsOptions
  readonly #logs = new Map<string, readonly PartitionLog[]>()
  /** By topic id: logs that nobody finds any more, about to be closed. */
  readonly #retired = new Map<string, readonly PartitionLog[]>()
  /** By what topics set themselves: most set nothing, and ten thousand of them share one. */
  readonly #configs = new Map<string, LogConfig>()
  readonly #removals = new Set<Timer>()
  #removing: Promise<void> = Promise.resolve()
  #isClosing = false
  #logsThisTurn = 0
  readonly #stopListening: () => void

  private constructor(options: PartitionsOptions) {
    this.#options = options
    this.#stopListening = options.catalog.onChange((change) => this.#follow(change))
  }

  /** Opens what the catalogue names; folders are adopted and removed first. */
  static async open(options: PartitionsOptions): Promise<Partitions> {
    const { host, catalog, commit, log } = options
    await host.disk.makeFolder(TOPICS_FOLDER)
    await host.disk.syncFolder('.')
    const deletedIds = [...catalog.deletedTopics().keys()]
    const { removable, foreign } = await settleTopicFolders({
      disk: host.disk,
      catalog,
      onNotice: (notice, folder) => log.warn('topic-folder', { folder, notice }),
    })
    const partitions = new Partitions(options)
    await partitions.#openAll(foreign)
    await commit.finishRecovery()
    catalog.keepFilesWith(partitions)
    partitions.#remove(removable, deletedIds)
    return partitions
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(topic)?.[partition]
  }

  /** As they are now; a walk may pause between two of them. */
  *all(): Generator<PartitionLog> {
    for (const logs of [...this.#logs.values()]) yield* logs
  }

  async open(topic: Topic, fromPartition: number): Promise<void> {
    const existing = this.#logs.get(topic.name)?.slice(0, fromPartition) ?? []
    const added = Array.from({ length: topic.partitions - fromPartition }, (_, index) => index)
    const opened = new Array<PartitionLog>(added.length)
    await eachLimited(added, AT_ONCE, async (index) => {
      opened[index] = await this.#openLog(topic, fromPartition + index, { wasCleanStop: true })
      await this.#afterOne()
    })
    this.#logs.set(topic.name, [...existing, ...opened])
  }

  async retire(topics: readonly Topic[]): Promise<void> {
    const { disk } = this.#options.host
    // What was accepted is finished, then whoever waits for more is woken and finds nothing.
    const retired = topics.flatMap(({ id }) => this.#retired.get(id) ?? [])
    await this.#closeLogs(retired, { isGone: true })
    for (const { id } of topics) this.#retired.delete(id)
    const folders = new Set(await disk.list(TOPICS_FOLDER))
    for (const topic of topics) {
      for (const { from, to } of deletedFolders(topic)) {
        if (folders.has(from)) await disk.rename(below(from), below(to))
      }
      await this.#afterOne()
    }
    await disk.syncFolder(TOPICS_FOLDER)
    for (const topic of topics) this.#removeLater(topic)
  }

  /** Makes everything durable and closes it. Deleted folders that are left go at the next start. */
  async close(): Promise<void> {
    this.#stopListening()
    this.#isClosing = true
    for (const timer of this.#removals) timer.cancel()
    await this.#removing
    await this.#closeLogs([...this.all()])
    this.#logs.clear()
  }

  async #closeLogs(logs: readonly PartitionLog[], { isGone = false } = {}): Promise<void> {
    const { stores } = this.#options
    await eachLimited(logs, AT_ONCE, async (log) => {
      await stores.closing(log.topicId, log.partition, { isGone })
      await log.close({ isGone })
      await this.#afterOne()
    })
  }

  /** A log was opened or closed, or a topic retired: lets others have their turn after some. */
  async #afterOne(): Promise<void> {
    this.#logsThisTurn += 1
    if (this.#logsThisTurn < LOGS_PER_TURN) return
    this.#logsThisTurn = 0
    await this.#options.host.timers.yield()
  }

  async #openAll(foreign: ForeignFolders): Promise<void> {
    const topics = [...this.#options.catalog.topics()]
    const places = topics.flatMap((topic) =>
      Array.from({ length: topic.partitions }, (_, partition) => ({ topic, partition })),
    )
    const { commit } = this.#options
    const arrived = places.filter(
      ({ topic: { id, name }, partition }) =>
        foreign.has(partitionFolder(name, partition)) && commit.noteOf(id, partition) === undefined,
    )
    const logs = new Map(
      topics.map(({ name, partitions }) => [name, new Array<PartitionLog>(partitions)]),
    )
    await eachLimited(places, AT_ONCE, async ({ topic, partition }) => {
      const opened = await this.#openLog(topic, partition, {
        wasCleanStop: this.#options.wasCleanStop,
        foreign: foreign.get(partitionFolder(topic.name, partition)),
      })
      logs.get(topic.name)![partition] = opened
      await this.#afterOne()
    })
    for (const [name, opened] of logs) this.#logs.set(name, opened)
    await this.#keepProducerIdsOf(
      arrived.map(({ topic, partition }) => logs.get(topic.name)![partition]!),
    )
  }

  /** A new producer must not be taken for one that another broker knew. */
  async #keepProducerIdsOf(arrived: readonly PartitionLog[]): Promise<void> {
    let greatest = -1
    for (const log of arrived) {
      for (const { producerId } of await log.activeProducers()) {
        greatest = Math.max(greatest, producerId)
      }
    }
    await this.#options.catalog.keepProducerIdsAbove(greatest)
  }

  #openLog(
    topic: Topic,
    partition: number,
    state: Pick<PartitionLogOptions, 'wasCleanStop' | 'foreign'>,
  ): Promise<PartitionLog> {
    const { host, catalog, commit, files, work, stores, log } = this.#options
    const place = { topic: topic.name, topicId: topic.id, partition }
    const storePlace = { ...place, partitionCount: topic.partitions }
    return PartitionLog.open({
      host,
      commit,
      files,
      work,
      ...state,
      ...place,
      folder: below(partitionFolder(topic.name, partition)),
      gate: isStore(topic.configs) ? stores.gateFor(storePlace) : undefined,
      config: this.#configOf(topic),
      leaderEpoch: catalog.leaderEpoch,
      onOffline: (reason) => {
        log.error('partition-offline', { topic: topic.name, partition, reason })
      },
    })
  }

  #follow(change: CatalogChange): void {
    if (change.kind === 'topic-deleted') {
      const { name, id } = change.topic
      this.#retired.set(id, this.#logs.get(name) ?? [])
      this.#logs.delete(name)
    } else if (change.kind === 'topic-altered') this.#configure(change.topic)
    else if (change.kind === 'broker-altered') {
      this.#configs.clear()
      for (const topic of this.#options.catalog.topics()) this.#configure(topic)
    }
  }

  #configure(topic: Topic): void {
    const config = this.#configOf(topic)
    for (const log of this.#logs.get(topic.name) ?? []) log.updateConfig(config)
  }

  #configOf({ configs }: Topic): LogConfig {
    const key = JSON.stringify(configs)
    let config = this.#configs.get(key)
    if (config === undefined) {
      config = logConfigOf(configs, this.#options.catalog.settings)
      this.#configs.set(key, config)
    }
    return config
  }

  #removeLater(topic: Topic): void {
    const { fileDeleteDelayMs } = this.#configOf(topic)
    const timer = this.#options.host.timers.after(fileDeleteDelayMs, () => {
      this.#removals.delete(timer)
      const folders = deletedFolders(topic).map(({ to }) => to)
      this.#remove(folders, [topic.id])
    })
    this.#removals.add(timer)
  }

  /** In the background, after those before. What a stop interrupts, the next start goes on with. */
  #remove(folders: readonly string[], topicIds: readonly string[]): void {
    if (folders.length === 0 && topicIds.length === 0) return
    const { host, catalog, log } = this.#options
    this.#removing = this.#removing.then(async () => {
      try {
        for (const folder of folders) {
          if (this.#isClosing) return
          await host.disk.remove(below(folder))
        }
        await host.disk.syncFolder(TOPICS_FOLDER)
        await catalog.forgetDeletedTopics(topicIds)
      } catch (error) {
        log.warn('topic-not-removed', { folders: folders.length, reason: describeError(error) })
      }
    })
  }
}

function below(folder: string): string {
  return `${TOPICS_FOLDER}/${folder}`
}

function deletedFolders({ name, id, partitions }: Topic): { from: string; to: string }[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    from: partitionFolder(name, partition),
    to: deletedFolder(id, partition),
  }))
}
