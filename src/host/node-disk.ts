// The disk port on real files, below one folder. Raw file descriptors, not FileHandle: no object
// per call, and nothing that the garbage collector closes.
// Invariant: a write that resolves has written every byte; one that rejects may have written some.
// Every failure is a DiskError of one of its few codes.

import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from './disk.ts'

/** The most buffers that one writev takes on Linux and macOS. */
const IOV_MAX = 1024
/** Zeros are written in pieces of this size when space is reserved. */
const ZEROS_BYTES = 1024 * 1024
const { O_CREAT, O_RDONLY, O_RDWR } = fs.constants

const openFile = promisify(fs.open)
const closeFile = promisify(fs.close)
const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)
const fstat = promisify(fs.fstat)
const ftruncate = promisify(fs.ftruncate)

/** @param folder where the paths start; it need not exist yet */
export function nodeDisk(folder: string): Disk {
  return new NodeDisk(folder)
}

class NodeDisk implements Disk {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  async open(
    path: string,
    options: { create?: boolean; readOnly?: boolean } = {},
  ): Promise<DiskFile> {
    const access = options.readOnly === true ? O_RDONLY : O_RDWR
    const flags = options.create === true ? access | O_CREAT : access
    const fd = await attempt(path, openFile(this.#resolve(path), flags, 0o644))
    return new NodeFile(path, fd)
  }

  async list(folder: string): Promise<string[]> {
    const names = await orMissing(folder, fs.promises.readdir(this.#resolve(folder)))
    return names ?? []
  }

  async stat(path: string) {
    const stats = await orMissing(path, fs.promises.stat(this.#resolve(path)))
    if (stats === undefined) return undefined
    return {
      size: stats.size,
      isFolder: stats.isDirectory(),
      modifiedMs: Math.floor(stats.mtimeMs),
    }
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    return orMissing(path, fs.promises.readFile(this.#resolve(path)))
  }

  async replaceFile(path: string, content: Buffer | string): Promise<void> {
    const temporary = `${path}.tmp`
    const file = await this.open(temporary, { create: true })
    try {
      await file.truncate(0)
      await file.write([Buffer.from(content)], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.rename(temporary, path)
    await this.syncFolder(dirname(path))
  }

  async makeFolder(path: string): Promise<void> {
    await attempt(path, fs.promises.mkdir(this.#resolve(path), { recursive: true }))
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(from, fs.promises.rename(this.#resolve(from), this.#resolve(to)))
  }

  async remove(path: string): Promise<void> {
    await attempt(path, fs.promises.rm(this.#resolve(path), { recursive: true, force: true }))
  }

  async syncFolder(path: string): Promise<void> {
    const fd = await attempt(path, openFile(this.#resolve(path), O_RDONLY))
    try {
      await attempt(path, fsync(fd))
    } finally {
      await attempt(path, closeFile(fd))
    }
  }

  /** Names come from clients: one that was let through by mistake must not leave the folder. */
  #resolve(path: string): string {
    if (path.split('/').includes('..')) throw new Error(`Path leaves the data folder: ${path}`)
    return join(this.#root, path)
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
    let done = 0
    while (done < target.length) {
      const count = await attempt(this.path, readAt(this.#fd, target, done, position + done))
      if (count === 0) break
      done += count
    }
    return done
  }

  readSync(target: Buffer, position: number): number {
    let done = 0
    try {
      while (done < target.length) {
        const count = fs.readSync(this.#fd, target, done, target.length - done, position + done)
        if (count === 0) break
        done += count
      }
    } catch (error) {
      throw toDiskError(this.path, error)
    }
    return done
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    let rest = buffers
    let at = position
    while (rest.length > 0) {
      const group = rest.length > IOV_MAX ? rest.slice(0, IOV_MAX) : rest
      const count = await attempt(this.path, writeAt(this.#fd, group, at))
      rest = this.#unwritten(rest, count)
      at += count
    }
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    let rest = buffers
    let at = position
    while (rest.length > 0) {
      const group = rest.length > IOV_MAX ? rest.slice(0, IOV_MAX) : rest
      const count = this.#writeAtSync(group, at)
      rest = this.#unwritten(rest, count)
      at += count
    }
  }

  async sync(): Promise<void> {
    await attempt(this.path, fdatasync(this.#fd))
  }

  async size(): Promise<number> {
    return (await attempt(this.path, fstat(this.#fd))).size
  }

  async truncate(size: number): Promise<void> {
    await attempt(this.path, ftruncate(this.#fd, size))
  }

  /** Node has no fallocate: zeros are written, which later overwrites find allocated. */
  async preallocate(size: number): Promise<void> {
    let at = await this.size()
    if (at >= size) return
    const zeros = Buffer.alloc(Math.min(ZEROS_BYTES, size - at))
    while (at < size) {
      const piece = zeros.subarray(0, Math.min(zeros.length, size - at))
      await this.write([piece], at)
      at += piece.length
    }
  }

  async close(): Promise<void> {
    await attempt(this.path, closeFile(this.#fd))
  }

  #writeAtSync(buffers: readonly Buffer[], position: number): number {
    try {
      const first = buffers[0]!
      return buffers.length === 1
        ? fs.writeSync(this.#fd, first, 0, first.length, position)
        : fs.writevSync(this.#fd, buffers, position)
    } catch (error) {
      throw toDiskError(this.path, error)
    }
  }

  #unwritten(buffers: readonly Buffer[], count: number): readonly Buffer[] {
    const rest = withoutFirstBytes(buffers, count)
    // A file takes at least one byte or fails; a loop that gets nowhere must not spin for ever.
    if (count === 0 && rest.length > 0) {
      throw new DiskError('io', this.path, new Error('the write took no bytes'))
    }
    return rest
  }
}

/** What is left of `buffers` once their first `count` bytes are done; empty buffers go as well. */
export function withoutFirstBytes(buffers: readonly Buffer[], count: number): readonly Buffer[] {
  let left = count
  let index = 0
  while (index < buffers.length && buffers[index]!.length <= left) left -= buffers[index++]!.length
  if (index === buffers.length) return []
  return left === 0
    ? buffers.slice(index)
    : [buffers[index]!.subarray(left), ...buffers.slice(index + 1)]
}

function readAt(fd: number, target: Buffer, from: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, target, from, target.length - from, position, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

function writeAt(fd: number, buffers: readonly Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, count: number) => {
      if (error === null) resolve(count)
      else reject(error)
    }
    const first = buffers[0]!
    if (buffers.length === 1) fs.write(fd, first, 0, first.length, position, done)
    else fs.writev(fd, buffers, position, done)
  })
}

async function attempt<Result>(path: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    throw toDiskError(path, error)
  }
}

async function orMissing<Result>(path: string, work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await attempt(path, work)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'not-found') return undefined
    throw error
  }
}

const codeByErrno: Record<string, DiskErrorCode> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'no-space',
  EACCES: 'permission',
  EPERM: 'permission',
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EMFILE: 'too-many-files',
  ENFILE: 'too-many-files',
}

/** What isn't in the table (EIO, EROFS and the unheard-of) is an I/O error: the log stops there. */
export function toDiskError(path: string, error: unknown): DiskError {
  const errno =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return new DiskError(codeByErrno[errno] ?? 'io', path, error)
}
