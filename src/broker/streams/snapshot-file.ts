// Snapshots of streams: of each stream and name the newest that was saved, in one SQLite file beside the
// stream index. What they hold is the business of whoever saves them.
// Invariant: everything in here can be lost at any time, and is, rather than believed when it is damaged;
// whoever loads a snapshot must look whether it fits its stream.

import type { Disk } from '../../host/disk.ts'
import {
  type DatabaseSync,
  isSqliteBusy,
  openSqlite,
  SqliteCode,
  sqliteCode,
} from '../../host/sqlite.ts'

/** Of one snapshot: it is written and read within one turn. */
export const MAX_SNAPSHOT_BYTES = 1024 * 1024

const SNAPSHOTS_FOLDER = 'index'
const FILE = `${SNAPSHOTS_FOLDER}/snapshots.sqlite`
/** Of all of them where there are no files; on a disk its space is the bound. */
const MEMORY_BYTES = 64 * 1024 * 1024
const PAGE_BYTES = 4096
/** Of the table: a file of another format is dropped. */
const FORMAT = 1

interface SnapshotKey {
  readonly topicId: string
  readonly stream: string
  readonly name: string
}

export interface SnapshotFileOptions {
  readonly disk: Disk
  /** Where the data folder is; undefined: snapshots are kept in memory. */
  readonly folder: string | undefined
  /** Snapshots of topics that are gone are removed. */
  readonly isKept: (topicId: string) => boolean
  /** The file could not be used, and another one is begun. */
  readonly onDropped: (reason: unknown) => void
}

export class SnapshotFile {
  readonly #options: SnapshotFileOptions
  #database: DatabaseSync | undefined
  #opening: Promise<DatabaseSync> | undefined
  #isClosed = false

  constructor(options: SnapshotFileOptions) {
    this.#options = options
  }

  async load({ topicId, stream, name }: SnapshotKey): Promise<Buffer | undefined> {
    const row = await this.#use((database) => {
      const select = 'SELECT state FROM snapshot WHERE topic = ? AND stream = ? AND name = ?'
      return database.prepare(select).get(topicId, stream, name)
    })
    const state = row?.['state']
    return state instanceof Uint8Array ? Buffer.from(state) : undefined
  }

  /** @returns whether there was room for it; what was saved before is there all the same */
  async save({ topicId, stream, name }: SnapshotKey, state: Uint8Array): Promise<boolean> {
    const done = await this.#use((database) => {
      const insert =
        'INSERT OR REPLACE INTO snapshot (topic, stream, name, state) VALUES (?, ?, ?, ?)'
      return database.prepare(insert).run(topicId, stream, name, state)
    })
    return done !== undefined
  }

  async forgetStream({ topicId, stream }: Omit<SnapshotKey, 'name'>): Promise<void> {
    await this.#use((database) => {
      const remove = 'DELETE FROM snapshot WHERE topic = ? AND stream = ?'
      return database.prepare(remove).run(topicId, stream)
    })
  }

  /** Those of topics that are gone go with the next start where nobody has asked for any yet. */
  forgetTopic(topicId: string): void {
    if (this.#database === undefined) return
    void this.#use((database) =>
      database.prepare('DELETE FROM snapshot WHERE topic = ?').run(topicId),
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#opening?.catch(() => undefined)
    this.#database?.close()
    this.#database = undefined
  }

  /** @returns undefined when nothing came of it: no space, somebody looks at the file, it was dropped */
  async #use<T>(work: (database: DatabaseSync) => T): Promise<T | undefined> {
    if (this.#isClosed) return undefined
    try {
      const database = this.#database ?? (await this.#open())
      return this.#isClosed ? undefined : work(database)
    } catch (error) {
      if (isSqliteBusy(error) || sqliteCode(error) === SqliteCode.FULL) return undefined
      await this.#drop(error)
      return undefined
    }
  }

  #open(): Promise<DatabaseSync> {
    this.#opening ??= this.#openNow().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #openNow(): Promise<DatabaseSync> {
    const { disk, folder, isKept } = this.#options
    if (folder !== undefined) await disk.makeFolder(SNAPSHOTS_FOLDER)
    const database = openSqlite(folder === undefined ? ':memory:' : `${folder}/${FILE}`)
    try {
      // A power cut may take the newest ones, and leaves the file whole.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
      if (folder === undefined) {
        const pages = MEMORY_BYTES / PAGE_BYTES
        database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA max_page_count = ${pages}`)
      }
      if (database.prepare('PRAGMA user_version').get()?.['user_version'] !== FORMAT) {
        database.exec(`DROP TABLE IF EXISTS snapshot; ${TABLE}; PRAGMA user_version = ${FORMAT}`)
      }
      const remove = database.prepare('DELETE FROM snapshot WHERE topic = ?')
      for (const { topic } of database.prepare('SELECT DISTINCT topic FROM snapshot').all()) {
        if (!isKept(String(topic))) remove.run(topic!)
      }
    } catch (error) {
      database.close()
      throw error
    }
    this.#database = database
    return database
  }

  async #drop(reason: unknown): Promise<void> {
    const { disk, folder, onDropped } = this.#options
    this.#database?.close()
    this.#database = undefined
    onDropped(reason)
    if (folder === undefined) return
    for (const suffix of ['', '-wal', '-shm']) {
      await disk.remove(`${FILE}${suffix}`).catch(onDropped)
    }
  }
}

const TABLE =
  'CREATE TABLE snapshot (topic TEXT, stream TEXT, name TEXT, state BLOB NOT NULL, PRIMARY KEY (topic, stream, name))'
