// Open files, bounded: 10,000 partitions must serve within 1,024 file handles. A file is opened on
// first use and the one that was not used for longest is closed when another needs its place.
// Invariant: at most `maxOpenFiles` handles are open or being opened; a file with an operation under
// way (`use`) is never closed under it; who finds every handle busy waits for one.

import type { Disk, DiskFile } from '../../host/disk.ts'
import { makingRoom } from './too-many-files.ts'

/** Closed at once when the system has no more files: the next few will ask as well. */
const ROOM_FILES = 16

export interface FileCacheOptions {
  readonly disk: Disk
  readonly maxOpenFiles: number
}

export class FileCache {
  /** Makes room by closing idle files of this cache, when the system has none left to open. */
  readonly disk: Disk
  readonly #maxOpenFiles: number
  readonly #open = new Set<CachedFile>()
  readonly #waiting: (() => void)[] = []
  #opening = 0
  #tick = 0

  constructor({ disk, maxOpenFiles }: FileCacheOptions) {
    this.disk = makingRoom(disk, () => this.#makeRoom())
    this.#maxOpenFiles = maxOpenFiles
  }

  get openCount(): number {
    return this.#open.size + this.#opening
  }

  /** A name for now; nothing is opened. Each path must have at most one of these. */
  file(path: string): CachedFile {
    return new CachedFile(this, path)
  }

  nextTick(): number {
    this.#tick += 1
    return this.#tick
  }

  /** Opens within the bound; waits while every handle is busy. */
  async openFor(file: CachedFile, create: boolean): Promise<DiskFile> {
    while (this.openCount >= this.#maxOpenFiles) {
      const victim = this.#leastRecentlyUsed()
      if (victim !== undefined) await victim.close()
      else await this.nextRelease()
    }
    this.#opening += 1
    try {
      const opened = await this.disk.open(file.path, { create })
      this.#open.add(file)
      return opened
    } finally {
      this.#opening -= 1
    }
  }

  closed(file: CachedFile): void {
    this.#open.delete(file)
    this.released()
  }

  /** A handle became free to close or its place free to take: whoever waits looks again. */
  released(): void {
    if (this.#waiting.length === 0) return
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves when some operation has ended. */
  nextRelease(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** @returns false when no file is idle */
  async #makeRoom(): Promise<boolean> {
    for (let closed = 0; closed < ROOM_FILES; closed++) {
      const victim = this.#leastRecentlyUsed()
      if (victim === undefined) return closed > 0
      await victim.close()
    }
    return true
  }

  #leastRecentlyUsed(): CachedFile | undefined {
    let oldest: CachedFile | undefined
    for (const file of this.#open) {
      if (file.isBusy) continue
      if (oldest === undefined || file.lastUsedTick < oldest.lastUsedTick) oldest = file
    }
    return oldest
  }
}

/** One file by path, open or not. */
export class CachedFile {
  readonly #cache: FileCache
  #path: string
  #file: DiskFile | undefined
  #opening: Promise<DiskFile> | undefined
  #closing: Promise<void> | undefined
  #users = 0
  lastUsedTick = 0

  constructor(cache: FileCache, path: string) {
    this.#cache = cache
    this.#path = path
  }

  get path(): string {
    return this.#path
  }

  get isBusy(): boolean {
    return this.#users > 0
  }

  /** The open file for a synchronous operation right now; undefined when it must be opened first. */
  get openNow(): DiskFile | undefined {
    if (this.#file !== undefined) this.lastUsedTick = this.#cache.nextTick()
    return this.#file
  }

  /** Opens the file if need be; it stays open at least until `operation` has ended. */
  async use<T>(
    operation: (file: DiskFile) => Promise<T> | T,
    options: { create?: boolean } = {},
  ): Promise<T> {
    this.#users += 1
    try {
      const file = this.#file ?? (await this.#openOnce(options.create ?? false))
      this.lastUsedTick = this.#cache.nextTick()
      return await operation(file)
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#cache.released()
    }
  }

  /** Waits for the close; a later use opens again. Must not be called while an operation runs. */
  close(): Promise<void> {
    const file = this.#file
    if (file === undefined) return this.#closing ?? Promise.resolve()
    this.#file = undefined
    this.#closing = file.close().finally(() => {
      this.#closing = undefined
      this.#cache.closed(this)
    })
    return this.#closing
  }

  /** Closes once nobody uses it; whoever comes later opens it again. */
  async closeWhenIdle(): Promise<void> {
    while (this.isBusy) await this.#cache.nextRelease()
    await this.close()
  }

  /** The file was renamed on disk; open handles follow it by themselves. */
  renamed(path: string): void {
    this.#path = path
  }

  #openOnce(create: boolean): Promise<DiskFile> {
    this.#opening ??= this.#openAfterClose(create).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #openAfterClose(create: boolean): Promise<DiskFile> {
    await this.#closing
    this.#file = await this.#cache.openFor(this, create)
    return this.#file
  }
}
