// The disk port in memory: what an in-memory broker runs on. Nothing is ever lost or synced; the sum
// of all files is bounded, and beyond the bound a write meets `no-space`, as on a full disk.

import { type Disk, DiskError, type DiskFile } from './disk.ts'

const SMALLEST_CAPACITY = 4096

export function memoryDisk(options: { maxBytes: number }): Disk {
  return new MemoryDisk(options.maxBytes)
}

interface Content {
  bytes: Buffer
  size: number
  modifiedMs: number
}

class MemoryDisk implements Disk {
  readonly #maxBytes: number
  #usedBytes = 0
  readonly #files = new Map<string, Content>()
  readonly #folders = new Set<string>([''])

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  async open(path: string, options: { create?: boolean } = {}): Promise<DiskFile> {
    let content = this.#files.get(path)
    if (content === undefined) {
      if (options.create !== true || !this.#folders.has(parentOf(path))) throw missing(path)
      content = { bytes: Buffer.alloc(0), size: 0, modifiedMs: 0 }
      this.#files.set(path, content)
    }
    return new MemoryFile(path, content, (more) => this.#grow(path, more))
  }

  async list(folder: string): Promise<string[]> {
    const names = new Set<string>()
    for (const path of [...this.#files.keys(), ...this.#folders]) {
      if (path !== '' && parentOf(path) === folder) names.add(path.slice(path.lastIndexOf('/') + 1))
    }
    return [...names]
  }

  async stat(path: string) {
    if (this.#folders.has(path)) return { size: 0, isFolder: true, modifiedMs: 0 }
    const content = this.#files.get(path)
    if (content === undefined) return undefined
    return { size: content.size, isFolder: false, modifiedMs: content.modifiedMs }
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const content = this.#files.get(path)
    return content === undefined ? undefined : Buffer.from(content.bytes.subarray(0, content.size))
  }

  async replaceFile(path: string, content: Buffer | string): Promise<void> {
    if (!this.#folders.has(parentOf(path))) throw missing(path)
    const bytes = Buffer.from(content)
    this.#grow(path, bytes.length - (this.#files.get(path)?.size ?? 0))
    this.#files.set(path, { bytes, size: bytes.length, modifiedMs: 0 })
  }

  async makeFolder(path: string): Promise<void> {
    for (let folder = path; folder !== ''; folder = parentOf(folder)) this.#folders.add(folder)
  }

  async rename(from: string, to: string): Promise<void> {
    if (!this.#files.has(from) && !this.#folders.has(from)) throw missing(from)
    await this.remove(to)
    const moved = (path: string) => to + path.slice(from.length)
    for (const folder of this.#below(from, this.#folders)) {
      this.#folders.delete(folder)
      this.#folders.add(moved(folder))
    }
    for (const path of this.#below(from, this.#files.keys())) {
      this.#files.set(moved(path), this.#files.get(path)!)
      this.#files.delete(path)
    }
  }

  async remove(path: string): Promise<void> {
    for (const folder of this.#below(path, this.#folders)) this.#folders.delete(folder)
    for (const file of this.#below(path, this.#files.keys())) {
      this.#usedBytes -= this.#files.get(file)!.size
      this.#files.delete(file)
    }
  }

  async syncFolder(): Promise<void> {
    // Memory has nothing to make durable.
  }

  #grow(path: string, bytes: number): void {
    if (this.#usedBytes + bytes > this.#maxBytes) {
      throw new DiskError('no-space', path, `the bound of ${this.#maxBytes} bytes in memory`)
    }
    this.#usedBytes += bytes
  }

  #below(path: string, names: Iterable<string>): string[] {
    return [...names].filter((name) => name === path || name.startsWith(`${path}/`))
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly #content: Content
  readonly #grow: (bytes: number) => void

  constructor(path: string, content: Content, grow: (bytes: number) => void) {
    this.path = path
    this.#content = content
    this.#grow = grow
  }

  async read(target: Buffer, position: number): Promise<number> {
    return this.readSync(target, position)
  }

  readSync(target: Buffer, position: number): number {
    return this.#content.bytes.copy(target, 0, position, Math.max(position, this.#content.size))
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    this.writeSync(buffers, position)
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    this.#resize(Math.max(this.#content.size, position + length))
    let at = position
    for (const buffer of buffers) at += buffer.copy(this.#content.bytes, at)
  }

  async sync(): Promise<void> {
    // Memory has nothing to make durable.
  }

  async size(): Promise<number> {
    return this.#content.size
  }

  async truncate(size: number): Promise<void> {
    this.#resize(size)
  }

  async preallocate(size: number): Promise<void> {
    if (size > this.#content.size) this.#resize(size)
  }

  async close(): Promise<void> {
    // The content stays with the disk.
  }

  #resize(size: number): void {
    const content = this.#content
    this.#grow(size - content.size)
    if (size > content.bytes.length) {
      const grown = Buffer.alloc(Math.max(size, content.bytes.length * 2, SMALLEST_CAPACITY))
      content.bytes.copy(grown, 0, 0, content.size)
      content.bytes = grown
    } else if (size < content.size) content.bytes.fill(0, size, content.size)
    content.size = size
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

function missing(path: string): DiskError {
  return new DiskError('not-found', path, 'no such file or folder')
}
