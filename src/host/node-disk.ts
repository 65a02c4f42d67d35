// The disk port on Node's files. Operating system errors become DiskErrors of the few kinds that the
// log treats differently; short writes are continued until all is written or an error is told.

import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  open,
  promises,
  read,
  readSync,
  writev,
  writevSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from './disk.ts'

/** writev takes no more buffers than this in one call (IOV_MAX on Linux and macOS). */
const MAX_GATHERED = 1024
const PREALLOCATE_STEP_BYTES = 1024 * 1024

const openFile = promisify(open)
const closeFile = promisify(close)
const syncData = promisify(fdatasync)
const syncAll = promisify(fsync)
const statFile = promisify(fstat)
const truncateFile = promisify(ftruncate)

const KINDS: Record<string, DiskErrorCode> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'permission',
  EPERM: 'permission',
  ENOENT: 'not-found',
  EMFILE: 'too-many-files',
  ENFILE: 'too-many-files',
}

/** @param root the data folder; every path of the port is relative to it */
export function nodeDisk(root: string): Disk {
  const at = (path: string) => join(root, path)

  return {
    open: (path, options = {}) =>
      guard(path, async () => {
        const access = options.readOnly === true ? constants.O_RDONLY : constants.O_RDWR
        const create = options.create === true ? constants.O_CREAT : 0
        return new NodeFile(path, await openFile(at(path), access | create, 0o644))
      }),

    list: (folder) => guardMissing(folder, [], () => promises.readdir(at(folder))),

    stat: (path) =>
      guardMissing(path, undefined, async () => {
        const stat = await promises.stat(at(path))
        return { size: stat.size, isFolder: stat.isDirectory(), modifiedMs: stat.mtimeMs }
      }),

    readFile: (path) => guardMissing(path, undefined, () => promises.readFile(at(path))),

    replaceFile: (path, content) =>
      guard(path, async () => {
        const temporary = `${at(path)}.tmp`
        const file = await promises.open(temporary, 'w', 0o644)
        try {
          await file.writeFile(content)
          await file.datasync()
        } finally {
          await file.close()
        }
        await promises.rename(temporary, at(path))
        await syncPath(dirname(at(path)))
      }),

    makeFolder: (path) =>
      guard(path, async () => {
        await promises.mkdir(at(path), { recursive: true })
      }),

    rename: (from, to) => guard(from, () => promises.rename(at(from), at(to))),

    remove: (path) => guard(path, () => promises.rm(at(path), { recursive: true, force: true })),

    syncFolder: (path) => guard(path, () => syncPath(at(path))),
  }
}

class NodeFile implements DiskFile {
  readonly path: string
  readonly #fd: number

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  async read(target: Buffer, position: number): Promise<number> {
    let total = 0
    while (total < target.length) {
      const count = await this.#readOnce(target, total, position + total)
      if (count === 0) break
      total += count
    }
    return total
  }

  readSync(target: Buffer, position: number): number {
    let total = 0
    try {
      while (total < target.length) {
        const count = readSync(this.#fd, target, total, target.length - total, position + total)
        if (count === 0) break
        total += count
      }
    } catch (error) {
      throw toDiskError(this.path, error)
    }
    return total
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    let left: Buffer[] = [...buffers]
    let at = position
    while (left.length > 0) {
      const written = await this.#writeOnce(left.slice(0, MAX_GATHERED), at)
      left = dropBytes(left, written)
      at += written
    }
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    let left: Buffer[] = [...buffers]
    let at = position
    try {
      while (left.length > 0) {
        const written = writevSync(this.#fd, left.slice(0, MAX_GATHERED), at)
        left = dropBytes(left, written)
        at += written
      }
    } catch (error) {
      throw toDiskError(this.path, error)
    }
  }

  sync(): Promise<void> {
    return guard(this.path, () => syncData(this.#fd))
  }

  size(): Promise<number> {
    return guard(this.path, async () => (await statFile(this.#fd)).size)
  }

  truncate(size: number): Promise<void> {
    return guard(this.path, () => truncateFile(this.#fd, size))
  }

  /** Node has no fallocate: zeros are written, so that later writes overwrite blocks that exist. */
  async preallocate(size: number): Promise<void> {
    const zeros = Buffer.alloc(PREALLOCATE_STEP_BYTES)
    for (let at = await this.size(); at < size; at += zeros.length) {
      await this.write([zeros.subarray(0, Math.min(zeros.length, size - at))], at)
    }
  }

  close(): Promise<void> {
    return guard(this.path, () => closeFile(this.#fd))
  }

  #readOnce(target: Buffer, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, target, offset, target.length - offset, position, (error, count) => {
        if (error === null) resolve(count)
        else reject(toDiskError(this.path, error))
      })
    })
  }

  #writeOnce(buffers: readonly Buffer[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      writev(this.#fd, buffers, position, (error, count) => {
        if (error === null) resolve(count)
        else reject(toDiskError(this.path, error))
      })
    })
  }
}

/** What is left of `buffers` after their first `count` bytes. */
function dropBytes(buffers: readonly Buffer[], count: number): Buffer[] {
  let skip = count
  let index = 0
  while (index < buffers.length && skip >= buffers[index]!.length) skip -= buffers[index++]!.length
  const left = buffers.slice(index)
  if (skip > 0) left[0] = left[0]!.subarray(skip)
  return left
}

async function syncPath(path: string): Promise<void> {
  const fd = await openFile(path, constants.O_RDONLY)
  try {
    await syncAll(fd)
  } finally {
    await closeFile(fd)
  }
}

async function guard<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw toDiskError(path, error)
  }
}

async function guardMissing<Result>(
  path: string,
  missing: Result,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const translated = toDiskError(path, error)
    if (translated.code === 'not-found') return missing
    throw translated
  }
}

function toDiskError(path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new DiskError(KINDS[code] ?? 'io', path, error)
}
