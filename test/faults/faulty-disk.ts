// A disk that fails where a test says: wraps another one and makes chosen operations on chosen files
// fail, write only a part, or wait. It counts what it is asked for, so that a test can tell that
// something was *not* done again.
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from '../../src/host/disk.ts'

export type Operation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'sync-folder'
  | 'replace'
  | 'rename'

export interface FaultRule {
  readonly on: Operation
  /** Which paths below the data folder. */
  readonly path: RegExp
  readonly fails?: DiskErrorCode
  /** Of a write: as many bytes get through before it fails. */
  readonly afterBytes?: number
  /** The operation waits for this before it goes on; not for the synchronous ones. */
  readonly waitsFor?: () => Promise<void>
}

/** A rule in force. */
export interface Fault {
  /** How often it struck. */
  readonly hits: number
  heal(): void
}

export class FaultyDisk implements Disk {
  readonly #disk: Disk
  readonly #faults = new Set<{ rule: FaultRule; hits: number }>()
  readonly #counts = new Map<string, number>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  inject(rule: FaultRule): Fault {
    const entry = { rule, hits: 0 }
    this.#faults.add(entry)
    return {
      get hits() {
        return entry.hits
      },
      heal: () => this.#faults.delete(entry),
    }
  }

  healAll(): void {
    this.#faults.clear()
  }

  /** How often an operation was asked for on matching paths. */
  count(on: Operation, path: RegExp): number {
    let sum = 0
    for (const [key, count] of this.#counts) {
      const at = key.indexOf(' ')
      if (key.slice(0, at) === on && path.test(key.slice(at + 1))) sum += count
    }
    return sum
  }

  /** Before an operation that may wait. @returns the rule that makes it fail */
  async meet(on: Operation, path: string): Promise<FaultRule | undefined> {
    const rule = this.meetNow(on, path)
    for (const { rule: waiting } of this.#matching(on, path)) await waiting.waitsFor?.()
    return rule
  }

  meetNow(on: Operation, path: string): FaultRule | undefined {
    const key = `${on} ${path}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let failing: FaultRule | undefined
    for (const entry of this.#matching(on, path)) {
      entry.hits++
      if (entry.rule.fails !== undefined) failing ??= entry.rule
    }
    return failing
  }

  async open(path: string, options?: { create?: boolean; readOnly?: boolean }): Promise<DiskFile> {
    throwIf(await this.meet('open', path), path)
    return new FaultyFile(this, await this.#disk.open(path, options))
  }

  list(folder: string): Promise<string[]> {
    return this.#disk.list(folder)
  }

  stat(path: string) {
    return this.#disk.stat(path)
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    throwIf(await this.meet('read', path), path)
    return this.#disk.readFile(path)
  }

  async replaceFile(path: string, content: Buffer | string): Promise<void> {
    throwIf(await this.meet('replace', path), path)
    await this.#disk.replaceFile(path, content)
  }

  makeFolder(path: string): Promise<void> {
    return this.#disk.makeFolder(path)
  }

  async rename(from: string, to: string): Promise<void> {
    throwIf(await this.meet('rename', from), from)
    await this.#disk.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path)
  }

  async syncFolder(path: string): Promise<void> {
    throwIf(await this.meet('sync-folder', path), path)
    await this.#disk.syncFolder(path)
  }

  #matching(on: Operation, path: string) {
    return [...this.#faults].filter(({ rule }) => rule.on === on && rule.path.test(path))
  }
}

class FaultyFile implements DiskFile {
  readonly #disk: FaultyDisk
  readonly #file: DiskFile

  constructor(disk: FaultyDisk, file: DiskFile) {
    this.#disk = disk
    this.#file = file
  }

  get path(): string {
    return this.#file.path
  }

  async read(target: Buffer, position: number): Promise<number> {
    throwIf(await this.#disk.meet('read', this.path), this.path)
    return this.#file.read(target, position)
  }

  readSync(target: Buffer, position: number): number {
    throwIf(this.#disk.meetNow('read', this.path), this.path)
    return this.#file.readSync(target, position)
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    const rule = await this.#disk.meet('write', this.path)
    if (rule !== undefined) this.#failWrite(rule, buffers, position)
    await this.#file.write(buffers, position)
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    const rule = this.#disk.meetNow('write', this.path)
    if (rule !== undefined) this.#failWrite(rule, buffers, position)
    this.#file.writeSync(buffers, position)
  }

  async sync(): Promise<void> {
    throwIf(await this.#disk.meet('sync', this.path), this.path)
    await this.#file.sync()
  }

  size(): Promise<number> {
    return this.#file.size()
  }

  async truncate(size: number): Promise<void> {
    throwIf(await this.#disk.meet('truncate', this.path), this.path)
    await this.#file.truncate(size)
  }

  preallocate(size: number): Promise<void> {
    return this.#file.preallocate(size)
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  #failWrite(rule: FaultRule, buffers: readonly Buffer[], position: number): never {
    const part = Buffer.concat(buffers).subarray(0, rule.afterBytes ?? 0)
    if (part.length > 0) this.#file.writeSync([part], position)
    throw diskError(rule, this.path)
  }
}

function throwIf(rule: FaultRule | undefined, path: string): void {
  if (rule !== undefined) throw diskError(rule, path)
}

function diskError({ fails, on }: FaultRule, path: string): DiskError {
  return new DiskError(fails ?? 'io', path, new Error(`injected into ${on}`))
}
