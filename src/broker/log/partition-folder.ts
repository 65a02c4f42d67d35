// The folder of one partition: made with the first append, not with the topic, so that a topic of
// thousands of partitions costs nothing until it is used. Carries `partition.metadata`, as Kafka's.
// Invariant: `hasDurableName` once the folder's name in its parent survives a power cut.

import type { Disk } from '../../host/disk.ts'

const METADATA_FILE = 'partition.metadata'

export interface PartitionFolderOptions {
  readonly disk: Disk
  readonly path: string
  readonly topicId: string
}

export class PartitionFolder {
  readonly path: string
  readonly #disk: Disk
  readonly #topicId: string
  #exists = false
  hasDurableName = false

  constructor({ disk, path, topicId }: PartitionFolderOptions) {
    this.#disk = disk
    this.path = path
    this.#topicId = topicId
  }

  get parent(): string {
    const slash = this.path.lastIndexOf('/')
    return slash < 0 ? '.' : this.path.slice(0, slash)
  }

  /** The folder was found on disk; whether its name is durable is not known. */
  found(): void {
    this.#exists = true
  }

  async create(): Promise<void> {
    if (this.#exists) return
    await this.#disk.makeFolder(this.path)
    const file = await this.#disk.open(this.#metadataPath, { create: true })
    try {
      const text = Buffer.from(`version: 0\ntopic_id: ${this.#topicId}\n`)
      await file.write([text], 0)
    } finally {
      await file.close()
    }
    this.#exists = true
  }

  /** Makes the names inside the folder durable; the folder's own is its parent's to sync. */
  async syncNames(): Promise<void> {
    await this.#disk.syncFolder(this.path)
  }

  get #metadataPath(): string {
    return `${this.path}/${METADATA_FILE}`
  }
}
