// The disk port in memory: what in-memory mode and quick tests run the log on. Sync does nothing,
// since nothing outlives the process. Bounded: the sizes of all files together.
// A file lives on while it is open, also after it was renamed or removed, as on a real disk.

import { type Disk, DiskError, type DiskFile } from './disk.ts'

/** The first page of a file grows by doubling up to this size, further pages have it at once. */
const PAGE_BYTES = 1024 * 1024
const SMALLEST_PAGE_BYTES = 256

interface Folder {
  readonly kind: 'folder'
  readonly children: Map<string, Folder | Content>
}

interface Budget {
  readonly maxBytes: number
  usedBytes: number
}

/** @param maxBytes of all files together; a write beyond it fails with 'no-space' */
export function memoryDisk({ maxBytes }: { maxBytes: number }): Disk {
  return new MemoryDisk(maxBytes)
}

class MemoryDisk implements Disk {
  readonly #root: Folder = { kind: 'folder', children: new Map() }
  readonly #budget: Budget

  constructor(maxBytes: number) {
    this.#budget = { maxBytes, usedBytes: 0 }
  }

  async open(
    path: string,
    options: { create?: boolean; readOnly?: boolean } = {},
  ): Promise<DiskFile> {
    const { folder, name } = this.#parentOf(path)
    const found = folder.children.get(name)
    if (found?.kind === 'folder') throw new DiskError('io', path, new Error('is a folder'))
    if (found !== undefined) return new MemoryFile(path, found, options.readOnly === true)
    if (options.create !== true) throw notFound(path)
    const content = new Content(this.#budget)
    folder.children.set(name, content)
    return new MemoryFile(path, content, options.readOnly === true)
  }

  async list(path: string): Promise<string[]> {
    const node = this.#find(path)
    if (node === undefined) return []
    if (node.kind === 'file') throw new DiskError('io', path, new Error('is a file'))
    return [...node.children.keys()]
  }

  async stat(path: string) {
    const node = this.#find(path)
    if (node === undefined) return undefined
    return node.kind === 'folder'
      ? { size: 0, isFolder: true, modifiedMs: 0 }
      : { size: node.size, isFolder: false, modifiedMs: node.modifiedMs }
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const node = this.#find(path)
    if (node?.kind !== 'file') return undefined
    const bytes = Buffer.allocUnsafe(node.size)
    node.read(bytes, 0)
    return bytes
  }

  async replaceFile(path: string, content: Buffer | string): Promise<void> {
    const { folder, name } = this.#parentOf(path)
    const bytes = Buffer.from(content)
    const fresh = new Content(this.#budget)
    fresh.write(path, [bytes], 0)
    release(folder.children.get(name))
    folder.children.set(name, fresh)
  }

  async makeFolder(path: string): Promise<void> {
    let folder = this.#root
    for (const name of segmentsOf(path)) {
      let next = folder.children.get(name)
      if (next === undefined) {
        next = { kind: 'folder', children: new Map() }
        folder.children.set(name, next)
      }
      if (next.kind === 'file') throw new DiskError('io', path, new Error('a file is in the way'))
      folder = next
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parentOf(from)
    const target = this.#parentOf(to)
    const node = source.folder.children.get(source.name)
    if (node === undefined) throw notFound(from)
    const replaced = target.folder.children.get(target.name)
    if (replaced === node) return
    release(replaced)
    source.folder.children.delete(source.name)
    target.folder.children.set(target.name, node)
  }

  async remove(path: string): Promise<void> {
    const segments = segmentsOf(path)
    const parent = this.#find(segments.slice(0, -1).join('/'))
    if (parent?.kind !== 'folder') return
    const name = segments.at(-1) ?? ''
    release(parent.children.get(name))
    parent.children.delete(name)
  }

  async syncFolder(path: string): Promise<void> {
    if (this.#find(path)?.kind !== 'folder') throw notFound(path)
  }

  #find(path: string): Folder | Content | undefined {
    let node: Folder | Content = this.#root
    for (const name of segmentsOf(path)) {
      if (node.kind === 'file') return undefined
      const next = node.children.get(name)
      if (next === undefined) return undefined
      node = next
    }
    return node
  }

  #parentOf(path: string): { folder: Folder; name: string } {
    const segments = segmentsOf(path)
    const folder = this.#find(segments.slice(0, -1).join('/'))
    const name = segments.at(-1)
    if (folder?.kind !== 'folder' || name === undefined) throw notFound(path)
    return { folder, name }
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly #content: Content
  readonly #readOnly: boolean

  constructor(path: string, content: Content, readOnly: boolean) {
    this.path = path
    this.#content = content
    this.#readOnly = readOnly
  }

  async read(target: Buffer, position: number): Promise<number> {
    return this.#content.read(target, position)
  }

  readSync(target: Buffer, position: number): number {
    return this.#content.read(target, position)
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    this.writeSync(buffers, position)
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    this.#assertWritable()
    this.#content.write(this.path, buffers, position)
  }

  async sync(): Promise<void> {
    // Nothing outlives the process: what was written is as durable as it gets.
  }

  async size(): Promise<number> {
    return this.#content.size
  }

  async truncate(size: number): Promise<void> {
    this.#assertWritable()
    this.#content.resize(this.path, size)
  }

  async preallocate(size: number): Promise<void> {
    this.#assertWritable()
    if (size > this.#content.size) this.#content.resize(this.path, size)
  }

  async close(): Promise<void> {
    // The content goes with its last reference.
  }

  #assertWritable(): void {
    if (this.#readOnly) throw new DiskError('io', this.path, new Error('opened for reading only'))
  }
}

/** The bytes of one file in pages; a page that was never written is a hole and reads as zeros. */
class Content {
  readonly kind = 'file'
  size = 0
  modifiedMs = 0
  readonly #budget: Budget
  readonly #pages: (Buffer | undefined)[] = []
  #isCounted = true

  constructor(budget: Budget) {
    this.#budget = budget
  }

  read(target: Buffer, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.size - position))
    let done = 0
    while (done < count) {
      const within = (position + done) % PAGE_BYTES
      const length = Math.min(count - done, PAGE_BYTES - within)
      const page = this.#pages[Math.floor((position + done) / PAGE_BYTES)]
      // The first page may be shorter than the file says: its rest is a hole.
      const copied = page === undefined ? 0 : page.copy(target, done, within, within + length)
      target.fill(0, done + copied, done + length)
      done += length
    }
    return count
  }

  write(path: string, buffers: readonly Buffer[], position: number): void {
    let end = position
    for (const buffer of buffers) end += buffer.length
    if (end > this.size) this.resize(path, end)
    let at = position
    for (const buffer of buffers) {
      this.#put(buffer, at)
      at += buffer.length
    }
    this.modifiedMs = Date.now()
  }

  resize(path: string, size: number): void {
    this.#charge(path, size - this.size)
    if (size < this.size) this.#cut(size)
    this.size = size
    this.modifiedMs = Date.now()
  }

  /** The file lost its name: its bytes no longer count. */
  release(): void {
    if (this.#isCounted) this.#budget.usedBytes -= this.size
    this.#isCounted = false
  }

  #charge(path: string, bytes: number): void {
    if (!this.#isCounted) return
    if (bytes > 0 && this.#budget.usedBytes + bytes > this.#budget.maxBytes) {
      const cause = new Error(`the memory limit of ${this.#budget.maxBytes} bytes is reached`)
      throw new DiskError('no-space', path, cause)
    }
    this.#budget.usedBytes += bytes
  }

  #put(bytes: Buffer, position: number): void {
    let done = 0
    while (done < bytes.length) {
      const within = (position + done) % PAGE_BYTES
      const length = Math.min(bytes.length - done, PAGE_BYTES - within)
      const page = this.#pageFor(Math.floor((position + done) / PAGE_BYTES), within + length)
      bytes.copy(page, within, done, done + length)
      done += length
    }
  }

  #pageFor(index: number, usedBytes: number): Buffer {
    const page = this.#pages[index]
    if (page !== undefined && page.length >= usedBytes) return page
    const doubled = 2 ** Math.ceil(Math.log2(usedBytes))
    const length = index > 0 ? PAGE_BYTES : Math.max(SMALLEST_PAGE_BYTES, doubled)
    const grown = Buffer.alloc(length)
    page?.copy(grown)
    this.#pages[index] = grown
    return grown
  }

  #cut(size: number): void {
    const kept = Math.ceil(size / PAGE_BYTES)
    this.#pages.length = Math.min(this.#pages.length, kept)
    // What a later, longer size shows again must be zeros.
    const last = this.#pages[kept - 1]
    if (last !== undefined) last.fill(0, size - (kept - 1) * PAGE_BYTES)
  }
}

function release(node: Folder | Content | undefined): void {
  if (node === undefined) return
  if (node.kind === 'file') node.release()
  else for (const child of node.children.values()) release(child)
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '.')
}

function notFound(path: string): DiskError {
  return new DiskError('not-found', path, new Error('no such file or folder'))
}
