// The data folder of a broker that does not run, for the verbs that look at it directly. It is locked
// meanwhile, so that no broker starts on it; a folder that is in use or not ours is refused untouched.

import { basename } from 'node:path'
import { openCatalog, openStores } from '../broker/broker.ts'
import type { Catalog } from '../broker/catalog/catalog.ts'
import {
  CATALOG_FOLDER,
  hasFormatVersion,
  UnknownFormatError,
} from '../broker/catalog/format-version.ts'
import { parsePartitionFolder } from '../broker/catalog/topic-name.ts'
import type { LogCheckOptions } from '../broker/log/check-log.ts'
import { decodeNote, type LogNote, logKey, readCheckpoint } from '../broker/log/checkpoint-file.ts'
import { type JournalContent, readJournal } from '../broker/log/journal-content.ts'
import { type EventStores, NoStoreError } from '../broker/server/event-stores.ts'
import { readTopicId, TOPICS_FOLDER } from '../broker/server/topic-folders.ts'
import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import { FolderInUseError, lockFolder } from '../host/folder-lock.ts'
import { nodeDisk } from '../host/node-disk.ts'
import { nodeTimers } from '../host/node-host.ts'
import { CliError, ExitCode, usageError } from './exit-code.ts'
import { DEFAULT_FOLDER } from './serve-options.ts'
import { noStore } from './store-topic.ts'
import type { Terminal } from './terminal.ts'

export const JOURNAL_FOLDER = 'journal'
export const CHECKPOINT_PATH = `${JOURNAL_FOLDER}/checkpoint`

export interface StoppedPartition {
  /** `orders-0`; the catalogue is `meta`. */
  readonly name: string
  readonly topicId: string
  readonly partition: number
  readonly note: LogNote | undefined
  readonly check: Omit<LogCheckOptions, 'onBatch'>
}

export interface StoppedFolder {
  readonly path: string
  readonly disk: Disk
  readonly journal: readonly JournalContent[]
  /** false when there is a checkpoint that cannot be read. */
  readonly isCheckpointSound: boolean
  /** The catalogue first, then by topic and partition. */
  readonly partitions: readonly StoppedPartition[]
}

export function stoppedPath({ env }: Terminal, { data }: { data?: string }): string {
  return data ?? (env['MILLRACE_DATA'] || DEFAULT_FOLDER)
}

/** Locks the folder while it is used. @throws CliError (usage) in use, unknown, or not ours */
export async function withStoppedFolder(
  terminal: Terminal,
  options: { data?: string },
  use: (folder: StoppedFolder) => Promise<void>,
): Promise<void> {
  const path = stoppedPath(terminal, options)
  const disk = nodeDisk(path)
  try {
    await assertOurs(path, disk)
    const lock = await lockFolder(path)
    try {
      await use(await read(path, disk))
    } finally {
      await lock.release()
    }
  } catch (error) {
    throw explainFolderError(error, path)
  }
}

/**
 * The catalogue of a folder whose broker does not run; what is written is durable when it returns.
 * @param options.mayMake a folder that is not there is made. @throws CliError (usage) in use, or not ours
 */
export async function withStoppedCatalog<T>(
  path: string,
  { mayMake }: { mayMake: boolean },
  use: (catalog: Catalog) => Promise<T>,
): Promise<T> {
  try {
    if (!mayMake) await assertOurs(path, nodeDisk(path))
    await using opened = await openCatalog(path)
    return await use(opened.catalog)
  } catch (error) {
    throw explainFolderError(error, path)
  }
}

/**
 * The event stores of a folder whose broker does not run.
 * @param options.forgetsIndex of which stores the index is learnt from the log again
 * @throws CliError (usage) in use, or not ours
 */
export async function withStoppedStores(
  path: string,
  options: { forgetsIndex?: (topic: string) => boolean },
  use: (opened: { catalog: Catalog; stores: EventStores }) => Promise<void>,
): Promise<void> {
  try {
    await assertOurs(path, nodeDisk(path))
    await using opened = await openStores(path, options)
    await use(opened)
  } catch (error) {
    throw explainFolderError(error, path)
  }
}

/** @throws CliError (usage) when there is none of that name */
export function partitionNamed(folder: StoppedFolder, name: string): StoppedPartition {
  const found = folder.partitions.find((partition) => partition.name === name)
  if (found !== undefined) return found
  throw usageError(
    `${folder.path} has no partition '${name}': write TOPIC-PARTITION, as \`millrace log check\` lists them.`,
  )
}

export function noTopic(name: string, path: string): CliError {
  return new CliError(ExitCode.NOT_FOUND, `${path} has no topic ${name}.`)
}

async function assertOurs(path: string, disk: Disk): Promise<void> {
  if (await hasFormatVersion(disk)) return
  throw usageError(`${path} is no data folder of Millrace: name one with --data DIR.`)
}

async function read(path: string, disk: Disk): Promise<StoppedFolder> {
  const journal = await readJournal(disk, JOURNAL_FOLDER)
  const lines = await readCheckpoint(disk, CHECKPOINT_PATH)
  const partitions: StoppedPartition[] = []
  const add = async (name: string, folder: string, partition: number) => {
    const topicId = await readTopicId(disk, folder)
    if (topicId === undefined) return
    const line = lines?.get(logKey(topicId, partition))
    const note = line === undefined ? undefined : decodeNote(line)
    const entries = journal.flatMap((file) =>
      file.entries.filter((entry) => entry.topicId === topicId && entry.partition === partition),
    )
    const check = { disk, timers: nodeTimers, folder, note, journal: entries }
    partitions.push({ name, topicId, partition, note, check })
  }
  await add(CATALOG_FOLDER, CATALOG_FOLDER, 0)
  const places = (await disk.list(TOPICS_FOLDER)).flatMap((name) => {
    const place = parsePartitionFolder(name)
    return place === undefined ? [] : [{ name, ...place }]
  })
  places.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
  for (const { name, partition } of places) await add(name, `${TOPICS_FOLDER}/${name}`, partition)
  const isCheckpointSound = lines !== undefined || (await disk.stat(CHECKPOINT_PATH)) === undefined
  return { path, disk, journal, isCheckpointSound, partitions }
}

/** In one line what a person can do about it, where that is known. */
export function explainFolderError(error: unknown, path: string): unknown {
  if (error instanceof NoStoreError) return noStore(error.topic)
  if (error instanceof UnknownFormatError) return usageError(error.message)
  if (error instanceof FolderInUseError) {
    const holder = error.pid === undefined ? 'another process' : `process ${error.pid}`
    return usageError(`The data folder ${path} is in use by ${holder}: stop it first.`)
  }
  if (error instanceof DiskError) {
    const message = `${basename(path)} can't be read: ${error.message}.`
    return new CliError(ExitCode.FAILURE, message, error)
  }
  return error
}
