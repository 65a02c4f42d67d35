// One process per data folder. The lock is an exclusive transaction on an empty SQLite file, the only
// lock of Node's that the operating system itself releases when the process dies, however it dies.
// A file beside it names the holder, for the message alone: nobody decides by it.

import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toDiskError } from './node-disk.ts'
import { type DatabaseSync, isSqliteBusy, openSqlite } from './sqlite.ts'

const LOCK_FILE = 'lock'
const HOLDER_FILE = 'lock.pid'

export interface FolderLock {
  release(): Promise<void>
}

/** Another process, or another broker in this one, has the folder. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError'
  readonly folder: string
  /** Process id of the holder; undefined when it could not be found out. */
  readonly pid: number | undefined

  constructor(folder: string, pid: number | undefined) {
    const holder = pid === undefined ? 'another process' : `process ${pid}`
    super(`The data folder ${folder} is in use by ${holder}: stop it, or choose another folder.`)
    this.folder = folder
    this.pid = pid
  }
}

/**
 * Makes the folder if need be and takes it for this process until `release`, or until it ends.
 * @throws FolderInUseError somebody has it; DiskError it cannot be made or written to
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, LOCK_FILE)
  const holderPath = join(folder, HOLDER_FILE)
  try {
    await mkdir(folder, { recursive: true })
    // Opened once by ourselves: SQLite would not say why it cannot.
    await (await open(path, 'a')).close()
  } catch (error) {
    throw toDiskError(path, error)
  }
  const database = takeExclusively(path)
  if (database === undefined) throw new FolderInUseError(folder, await readHolder(holderPath))
  await nameHolder(holderPath, database)
  return {
    release: async () => {
      await rm(holderPath, { force: true })
      database.close()
    },
  }
}

/** On a full disk the lock is held without a name. */
async function nameHolder(path: string, database: DatabaseSync): Promise<void> {
  try {
    await writeFile(path, `${process.pid}\n`)
  } catch (cause) {
    const error = toDiskError(path, cause)
    if (error.code === 'no-space') return
    database.close()
    throw error
  }
}

function takeExclusively(path: string): DatabaseSync | undefined {
  const database = openSqlite(path)
  try {
    // In memory: no journal file appears, and none is left behind by a killed process.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    if (isSqliteBusy(error)) return undefined
    throw toDiskError(path, error)
  }
}

async function readHolder(path: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(path, 'utf8'), 10)
    return Number.isSafeInteger(pid) ? pid : undefined
  } catch {
    return undefined // the holder is about to write it, or has just gone
  }
}
