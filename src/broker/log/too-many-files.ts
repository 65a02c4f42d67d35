// The process, or the machine, may open no more files. Nothing is broken then: idle files of the cache
// make room, and where none is idle, whoever asked is refused or waits, and tries again.

import type { Timers } from '../../host/clock.ts'
import { type Disk, DiskError } from '../../host/disk.ts'

const RETRY_MS = 50
/** Whoever closed a few in vain, because others were quicker, gives up. */
const MAX_TRIES = 4

export function isTooManyFiles(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'too-many-files'
}

/** For what must not fail for that reason: waits until it is over. Only `work` that has done nothing. */
export async function onceFilesOpen<T>(timers: Timers, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isTooManyFiles(error)) throw error
      await new Promise<void>((resolve) => timers.after(RETRY_MS, resolve))
    }
  }
}

/**
 * The same disk, where whatever opens a file tries again when there was no room for it.
 * @param makeRoom closes idle files; false when there are none
 */
export function makingRoom(disk: Disk, makeRoom: () => Promise<boolean>): Disk {
  const retrying = async <T>(operation: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await operation()
      } catch (error) {
        if (!isTooManyFiles(error) || tries === MAX_TRIES || !(await makeRoom())) throw error
      }
    }
  }
  return {
    open: (path, options) => retrying(() => disk.open(path, options)),
    list: (folder) => retrying(() => disk.list(folder)),
    stat: (path) => disk.stat(path),
    readFile: (path) => retrying(() => disk.readFile(path)),
    replaceFile: (path, content) => retrying(() => disk.replaceFile(path, content)),
    makeFolder: (path) => disk.makeFolder(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => retrying(() => disk.remove(path)),
    syncFolder: (path) => retrying(() => disk.syncFolder(path)),
  }
}
