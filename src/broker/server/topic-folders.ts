// The folders below `topics/` at start: which belong to partitions of the catalogue, which to deleted
// topics, and which nobody knows. Unknown ones that are well-formed, such as those a Kafka broker
// wrote, are adopted as topics; the rest stays where it is and is named in the log.

import type { Disk } from '../../host/disk.ts'
import { isUuid } from '../bytes/uuid.ts'
import type { Catalog } from '../catalog/catalog.ts'
import {
  explainIllegalTopicName,
  isReservedTopic,
  parsePartitionFolder,
  partitionFolder,
} from '../catalog/topic-name.ts'

export const TOPICS_FOLDER = 'topics'
const DELETED = '-delete'
const METADATA_FILE = 'partition.metadata'
/** Kafka's, beside the folders of its partitions: where logs start that were cut by DeleteRecords. */
const LOG_START_FILE = 'log-start-offset-checkpoint'
const LOG_START_LINE = /^(\S+) (\d+) (\d+)$/gm
/** What else stands there; of no use here, and no news. */
const KAFKA_FILES: ReadonlySet<string> = new Set([
  LOG_START_FILE,
  'recovery-point-offset-checkpoint',
  'replication-offset-checkpoint',
  'cleaner-offset-checkpoint',
  'meta.properties',
  'bootstrap.checkpoint',
  '.kafka_cleanshutdown',
  '.lock',
])

/** Where a partition's folder goes when its topic is deleted; no partition's folder ends like it. */
export function deletedFolder(topicId: string, partition: number): string {
  return `${topicId}-${partition}${DELETED}`
}

/** Folders that another broker may have written, by name, and where their logs start. */
export type ForeignFolders = ReadonlyMap<string, { readonly logStartOffset: number }>

export interface TopicFoldersOptions {
  readonly disk: Disk
  readonly catalog: Catalog
  /** Told about each folder that is adopted or left alone, and why. */
  readonly onNotice: (message: string, folder: string) => void
}

/**
 * Brings folders and catalogue into line before any partition is opened.
 */
export async function settleTopicFolders(options: TopicFoldersOptions): Promise<{
  /** Names of folders that nobody needs any more; removing them may take its time. */
  readonly removable: string[]
  readonly foreign: ForeignFolders
}> {
  const { disk, catalog, onNotice } = options
  const deletedNames = new Set(catalog.deletedTopics().values())
  const removable: string[] = []
  let isRenamed = false
  const unknown = new Map<string, UnknownTopic>()
  for (const folder of await disk.list(TOPICS_FOLDER)) {
    const place = parsePartitionFolder(folder)
    if (place === undefined && KAFKA_FILES.has(folder)) continue
    if (place === undefined) {
      if (folder.endsWith(DELETED)) removable.push(folder)
      else onNotice('This is no folder of a partition; it is left alone.', folder)
      continue
    }
    const { topic, partition } = place
    const isKnown = partition < (catalog.topic(topic)?.partitions ?? 0)
    if (isKnown && !deletedNames.has(topic)) continue
    const id = await readTopicId(disk, `${TOPICS_FOLDER}/${folder}`)
    if (id !== undefined && catalog.deletedTopics().has(id)) {
      // The stop came between the deletion and the new name.
      const to = deletedFolder(id, partition)
      await disk.rename(`${TOPICS_FOLDER}/${folder}`, `${TOPICS_FOLDER}/${to}`)
      removable.push(to)
      isRenamed = true
    } else if (id !== undefined && !isKnown) note(unknown, { topic, partition, id })
    else if (!isKnown) {
      onNotice('No topic has this partition, and its folder does not say whose it is.', folder)
    }
  }
  if (isRenamed) await disk.syncFolder(TOPICS_FOLDER)
  const adopted = await adopt([...unknown.values()], options)
  return { removable, foreign: await foreignFolders(disk, adopted) }
}

interface UnknownTopic {
  readonly name: string
  readonly ids: Set<string>
  readonly partitions: Set<number>
}

function note(
  unknown: Map<string, UnknownTopic>,
  found: { topic: string; partition: number; id: string },
): void {
  let topic = unknown.get(found.topic)
  if (topic === undefined) {
    topic = { name: found.topic, ids: new Set(), partitions: new Set() }
    unknown.set(found.topic, topic)
  }
  topic.ids.add(found.id)
  topic.partitions.add(found.partition)
}

async function adopt(
  topics: readonly UnknownTopic[],
  { catalog, onNotice }: TopicFoldersOptions,
): Promise<string[]> {
  const adopted: string[] = []
  for (const topic of topics) {
    const partitions = Math.max(...topic.partitions) + 1
    const [id = ''] = topic.ids
    const reason = explainNoAdoption(topic, partitions, catalog)
    if (reason === undefined) await catalog.adoptTopics([{ name: topic.name, id, partitions }])
    for (const partition of topic.partitions) {
      const folder = partitionFolder(topic.name, partition)
      if (reason === undefined) adopted.push(folder)
      onNotice(reason ?? `Adopted as a partition of topic '${topic.name}'.`, folder)
    }
  }
  return adopted
}

/**
 * Those that were adopted just now; where Kafka's file with the starts of its logs stands, all: they
 * may have been adopted by a start that was cut short. What was deleted in front must not come back.
 */
async function foreignFolders(disk: Disk, adopted: readonly string[]): Promise<ForeignFolders> {
  const foreign = new Map(adopted.map((folder) => [folder, { logStartOffset: 0 }]))
  const content = await disk.readFile(`${TOPICS_FOLDER}/${LOG_START_FILE}`)
  if (content !== undefined) {
    for (const folder of await disk.list(TOPICS_FOLDER)) foreign.set(folder, { logStartOffset: 0 })
  }
  for (const [, topic, partition, offset] of (content?.toString() ?? '').matchAll(LOG_START_LINE)) {
    const logStartOffset = Number(offset)
    if (!Number.isSafeInteger(logStartOffset)) continue
    foreign.set(partitionFolder(topic!, Number(partition)), { logStartOffset })
  }
  return foreign
}

function explainNoAdoption(
  { name, ids }: UnknownTopic,
  partitions: number,
  catalog: Catalog,
): string | undefined {
  const [id = ''] = ids
  if (ids.size > 1) return `Folders of '${name}' belong to different topics; all are left alone.`
  if (explainIllegalTopicName(name) !== undefined) return 'This is no legal name of a topic.'
  if (isReservedTopic(name)) return 'This is no topic of clients.'
  const existing = catalog.topic(name) ?? catalog.topicById(id)
  if (existing !== undefined) return `Topic '${existing.name}' does not have this partition.`
  const free = catalog.config.millraceMaxPartitions - catalog.partitionCount
  if (partitions > free) return `That would be more than ${free} partitions that are left.`
  const colliding = catalog.collidingTopic(name)
  if (colliding === undefined) return undefined
  return `'${name}' and '${colliding}' differ by '.' and '_' alone.`
}

export async function readTopicId(disk: Disk, path: string): Promise<string | undefined> {
  const content = await disk.readFile(`${path}/${METADATA_FILE}`)
  const id = /^topic_id: *(\S+)$/m.exec(content?.toString() ?? '')?.[1]
  return id !== undefined && isUuid(id) ? id : undefined
}
