// The disk port on simulated storage. Every operation takes virtual time, is counted, and may be the
// one at which the power goes or which fails. A fresh one of these is made for each life of a broker;
// the storage goes on.
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from '../../src/host/disk.ts'
import { SimContent } from './sim-content.ts'
import { SimFolder, type SimNode, type SimStorage, segmentsOf } from './sim-storage.ts'
import { PowerCut, type SimWorld } from './sim-world.ts'

/** What may be counted and made to fail: changes of any kind, what makes them durable, and reads. */
export type DiskAction = 'write' | 'sync' | 'read'

export interface PlannedError {
  readonly on: DiskAction
  /** Counted per action from 0, over the life of this disk; with `path`, among those paths. */
  readonly index: number
  readonly code: DiskErrorCode
  /** Only operations on paths that contain this. */
  readonly path?: string
}

export interface DiskFaults {
  /** The power goes at this operation: before it, or somewhere in the middle of it. */
  readonly cutAt?: { readonly action: 'write' | 'sync'; readonly index: number } | undefined
  readonly errors?: readonly PlannedError[]
  /** Planted: `sync` answers and does nothing. */
  readonly syncDoesNothing?: boolean
  /** Planted: `syncFolder` answers and does nothing. */
  readonly folderSyncDoesNothing?: boolean
}

const LATENCY_MS: Record<DiskAction, number> = { write: 0.1, sync: 0.5, read: 0.1 }

export class SimDisk implements Disk {
  readonly #world: SimWorld
  readonly #storage: SimStorage
  readonly #faults: DiskFaults
  /** Operations per action, and what was done to them, by name. */
  readonly counts: Record<string, number> = {}
  /** So many times as slow as usual. */
  slowness = 1
  readonly #matches = new Map<PlannedError, number>()

  constructor(world: SimWorld, storage: SimStorage, faults: DiskFaults = {}) {
    this.#world = world
    this.#storage = storage
    this.#faults = faults
  }

  async open(
    path: string,
    options: { create?: boolean; readOnly?: boolean } = {},
  ): Promise<DiskFile> {
    const isNew = this.#storage.find(path) === undefined
    const action = isNew && options.create === true ? 'write' : 'read'
    const content = await this.#perform(action, 'open', path, () => this.#openNow(path, options))
    return new SimFile(this, { path, content, isReadOnly: options.readOnly === true })
  }

  list(path: string): Promise<string[]> {
    return this.#perform('read', 'list', path, () => {
      const node = this.#storage.find(path)
      return node?.kind === 'folder' ? [...node.children.keys()] : []
    })
  }

  stat(path: string) {
    return this.#perform('read', 'stat', path, () => {
      const node = this.#storage.find(path)
      if (node === undefined) return undefined
      return node.kind === 'folder'
        ? { size: 0, isFolder: true, modifiedMs: 0 }
        : { size: node.size, isFolder: false, modifiedMs: node.modifiedMs }
    })
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return this.#perform('read', 'readFile', path, () => {
      const node = this.#storage.find(path)
      if (node?.kind !== 'file') return undefined
      const bytes = Buffer.alloc(node.size)
      node.read(bytes, 0)
      return bytes
    })
  }

  /** In the same steps as on a real disk, each of which the power may interrupt. */
  async replaceFile(path: string, content: Buffer | string): Promise<void> {
    const temporary = `${path}.tmp`
    const file = await this.open(temporary, { create: true })
    await file.truncate(0)
    await file.write([Buffer.from(content)], 0)
    await file.sync()
    await file.close()
    await this.rename(temporary, path)
    await this.syncFolder(segmentsOf(path).slice(0, -1).join('/'))
  }

  makeFolder(path: string): Promise<void> {
    return this.#perform('write', 'makeFolder', path, () => {
      let folder = this.#storage.root
      for (const name of segmentsOf(path)) {
        let next = folder.children.get(name)
        if (next === undefined) {
          next = new SimFolder()
          folder.set([name, next])
        }
        if (next.kind === 'file') throw ioError(path, 'a file is in the way')
        folder = next
      }
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#perform('write', 'rename', from, () => {
      const source = this.#parentOf(from)
      const target = this.#parentOf(to)
      const node = source.folder.children.get(source.name)
      if (node === undefined) throw notFound(from)
      if (source.folder === target.folder) {
        source.folder.set([source.name, undefined], [target.name, node])
        return
      }
      target.folder.set([target.name, node])
      source.folder.set([source.name, undefined])
    })
  }

  remove(path: string): Promise<void> {
    return this.#perform('write', 'remove', path, () => {
      const parent = this.#storage.parentOf(path)
      if (parent?.folder.children.has(parent.name)) parent.folder.set([parent.name, undefined])
    })
  }

  async syncFolder(path: string): Promise<void> {
    const folder = this.#folderAt(path)
    const asked = folder?.lastChange ?? 0
    await this.#perform('sync', 'syncFolder', path, () => {
      if (folder === undefined) throw notFound(path)
      if (this.#faults.folderSyncDoesNothing !== true) folder.syncUpTo(asked)
    })
  }

  // What the files of this disk share.

  now<Result>(action: DiskAction, name: string, path: string, effect: () => Result): Result {
    this.#alive()
    const error = this.#begin(action, name, path, effect)
    this.#alive()
    if (error !== undefined) throw error
    return effect()
  }

  async later<Result>(
    action: DiskAction,
    name: string,
    path: string,
    effect: () => Result,
  ): Promise<Result> {
    return await this.#perform(action, name, path, effect)
  }

  async syncContent(path: string, content: SimContent): Promise<void> {
    const asked = content.lastOperation
    await this.#perform(
      'sync',
      'sync',
      path,
      () => {
        if (this.#faults.syncDoesNothing !== true) content.syncUpTo(asked)
      },
      () => content.loseUpTo(asked),
    )
  }

  /** @throws DiskError no-space, when the first part of it was written */
  writeContent(path: string, content: SimContent, bytes: Buffer, at: number): void {
    const { capacityBytes } = this.#storage
    const more = Math.max(0, at + bytes.length - content.size)
    const free =
      capacityBytes === undefined ? more : Math.max(0, capacityBytes - this.#storage.usedBytes)
    content.modifiedMs = this.#world.clock.nowMs()
    if (more <= free) {
      content.write(bytes, at)
      return
    }
    this.#count('no space')
    const fitting = bytes.length - more + free
    content.write(bytes.subarray(0, this.#world.random.below(fitting + 1)), at)
    throw new DiskError('no-space', path, new Error('the simulated disk is full'))
  }

  resizeContent(path: string, content: SimContent, size: number): void {
    const { capacityBytes } = this.#storage
    const more = size - content.size
    if (capacityBytes !== undefined && more > capacityBytes - this.#storage.usedBytes && more > 0) {
      this.#count('no space')
      throw new DiskError('no-space', path, new Error('the simulated disk is full'))
    }
    content.resize(size)
  }

  #perform<Result>(
    action: DiskAction,
    name: string,
    path: string,
    effect: () => Result,
    onError?: () => void,
  ): Promise<Result> {
    if (this.#world.isCut) return new Promise(() => undefined)
    const { random } = this.#world
    const error = this.#begin(action, name, path, effect)
    if (this.#world.isCut) return new Promise(() => undefined)
    const takesMs = random.fraction() * LATENCY_MS[action] * this.slowness
    // A sync counts when it ends; anything else may show at any time while it runs.
    const isAtOnce = action !== 'sync' && error === undefined && random.chance(0.5)
    const early = isAtOnce ? attempt(effect) : undefined
    return this.#world.pass(takesMs).then(() => {
      if (error !== undefined) {
        onError?.()
        throw error
      }
      const outcome = early ?? attempt(effect)
      if ('error' in outcome) throw outcome.error
      return outcome.result
    })
  }

  /** Counts the operation; cuts the power or finds the error that is planned for it. */
  #begin(
    action: DiskAction,
    name: string,
    path: string,
    effect: () => unknown,
  ): DiskError | undefined {
    const index = this.counts[action] ?? 0
    this.#count(action)
    if (name !== action) this.#count(name)
    this.#world.note(`${name} ${path}`)
    const { cutAt } = this.#faults
    if (cutAt?.action === action && cutAt.index === index) {
      this.#cutAround(effect)
      return undefined
    }
    return this.#plannedError(action, path)
  }

  #cutAround(effect: () => unknown): void {
    if (this.#world.random.chance(0.5)) {
      this.#count('cut after')
      attempt(effect)
    } else {
      this.#count('cut before')
    }
    this.#world.cutPower()
  }

  #plannedError(action: DiskAction, path: string): DiskError | undefined {
    for (const planned of this.#faults.errors ?? []) {
      if (planned.on !== action || !path.includes(planned.path ?? '')) continue
      const seen = this.#matches.get(planned) ?? 0
      this.#matches.set(planned, seen + 1)
      if (seen !== planned.index) continue
      this.#count(`${planned.code} on ${action}`)
      return new DiskError(planned.code, path, new Error(`planned for ${action} ${planned.index}`))
    }
    return undefined
  }

  #openNow(path: string, options: { create?: boolean }): SimContent {
    const { folder, name } = this.#parentOf(path)
    const node = folder.children.get(name)
    if (node?.kind === 'folder') throw ioError(path, 'is a folder')
    if (node !== undefined) return node
    if (options.create !== true) throw notFound(path)
    const content = new SimContent()
    folder.set([name, content])
    return content
  }

  #parentOf(path: string): { folder: SimFolder; name: string } {
    const parent = this.#storage.parentOf(path)
    if (parent === undefined) throw notFound(path)
    return parent
  }

  #folderAt(path: string): SimFolder | undefined {
    const node: SimNode | undefined = this.#storage.find(path)
    return node?.kind === 'folder' ? node : undefined
  }

  #alive(): void {
    if (this.#world.isCut) throw new PowerCut('the power is off')
  }

  #count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }
}

class SimFile implements DiskFile {
  readonly path: string
  readonly #disk: SimDisk
  readonly #content: SimContent
  readonly #isReadOnly: boolean

  constructor(disk: SimDisk, file: { path: string; content: SimContent; isReadOnly: boolean }) {
    this.path = file.path
    this.#disk = disk
    this.#content = file.content
    this.#isReadOnly = file.isReadOnly
  }

  read(target: Buffer, position: number): Promise<number> {
    return this.#disk.later('read', 'read', this.path, () => this.#content.read(target, position))
  }

  readSync(target: Buffer, position: number): number {
    return this.#disk.now('read', 'readSync', this.path, () => this.#content.read(target, position))
  }

  write(buffers: readonly Buffer[], position: number): Promise<void> {
    return this.#disk.later('write', 'write', this.path, () => this.#put(buffers, position))
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    this.#disk.now('write', 'writeSync', this.path, () => this.#put(buffers, position))
  }

  sync(): Promise<void> {
    return this.#disk.syncContent(this.path, this.#content)
  }

  size(): Promise<number> {
    return this.#disk.later('read', 'size', this.path, () => this.#content.size)
  }

  truncate(size: number): Promise<void> {
    return this.#disk.later('write', 'truncate', this.path, () => this.#resize(size))
  }

  preallocate(size: number): Promise<void> {
    return this.#disk.later('write', 'preallocate', this.path, () => {
      if (size > this.#content.size) this.#resize(size)
    })
  }

  async close(): Promise<void> {
    await this.#disk.later('read', 'close', this.path, () => undefined)
  }

  #put(buffers: readonly Buffer[], position: number): void {
    if (this.#isReadOnly) throw ioError(this.path, 'opened for reading only')
    this.#disk.writeContent(this.path, this.#content, Buffer.concat(buffers), position)
  }

  #resize(size: number): void {
    if (this.#isReadOnly) throw ioError(this.path, 'opened for reading only')
    this.#disk.resizeContent(this.path, this.#content, size)
  }
}

function attempt<Result>(effect: () => Result): { result: Result } | { error: unknown } {
  try {
    return { result: effect() }
  } catch (error) {
    return { error }
  }
}

function ioError(path: string, reason: string): DiskError {
  return new DiskError('io', path, new Error(reason))
}

function notFound(path: string): DiskError {
  return new DiskError('not-found', path, new Error('no such file or folder'))
}
