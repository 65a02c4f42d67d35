// The shared journal: one place in which a commit that touches many partitions becomes durable with
// one sync. Two files of a fixed size are used in turn. A file is used again only once every
// partition file that was written meanwhile is synced; emptying is nothing but starting over with a
// higher generation, which makes whatever stands behind the new entries invalid.

import type { Disk, DiskFile } from '../../host/disk.ts'
import type { Random } from '../../host/random.ts'
import { journalPaths, type ReplayEntry, readFilling } from './journal-content.ts'
import { HEADER_BYTES, type HeadedEntry, NONCE_BYTES, writeHeader } from './journal-header.ts'
import { isNoSpace } from './space-reserve.ts'

export interface JournalEntry extends HeadedEntry {
  /** Whole batches, in pieces. */
  readonly pieces: readonly Buffer[]
}

export interface JournalOptions {
  readonly disk: Disk
  readonly random: Random
  readonly folder: string
  /** Of each of the two files. */
  readonly fileBytes: number
}

interface JournalFile {
  readonly path: string
  file: DiskFile | undefined
  /** All of its space is taken, and its name durable. */
  isReserved: boolean
  generation: number
  nonce: Buffer
  position: number
  sequence: number
  /** Exclusive. */
  syncedSequence: number
}

export class Journal {
  readonly #disk: Disk
  readonly #random: Random
  readonly #folder: string
  readonly #fileBytes: number
  readonly #files: [JournalFile, JournalFile]
  #current: 0 | 1 = 0
  #lastGeneration = 0
  /** Where the current file ended before the last append to it. */
  #endBefore = { position: 0, sequence: 0 }

  private constructor({ disk, random, folder, fileBytes }: JournalOptions) {
    this.#disk = disk
    this.#random = random
    this.#folder = folder
    this.#fileBytes = fileBytes
    const [first, second] = journalPaths(folder)
    this.#files = [emptyFile(first), emptyFile(second)]
  }

  /** Reads what an earlier run left. @returns its entries in the order in which they were written */
  static async open(
    options: JournalOptions,
  ): Promise<{ journal: Journal; entries: ReplayEntry[] }> {
    const journal = new Journal(options)
    const fillings = []
    for (const file of journal.#files) {
      const content = await journal.#disk.readFile(file.path)
      if (content !== undefined) fillings.push(readFilling(content))
    }
    fillings.sort((a, b) => a.generation - b.generation)
    journal.#lastGeneration = fillings.at(-1)?.generation ?? 0
    return { journal, entries: fillings.flatMap((filling) => filling.entries) }
  }

  /** Whether one more group of that size fits into the file in use. */
  fits(bytes: number): boolean {
    return this.#files[this.#current].position + bytes <= this.#fileBytes
  }

  /** Whether a group of that size can fit into any file. */
  canHold(bytes: number): boolean {
    return bytes <= this.#fileBytes
  }

  /**
   * Begins a new filling of the other file, whose content must be of no use any more.
   * @throws DiskError without space for it the current one stays in use
   */
  async switch(): Promise<void> {
    const other = this.#current === 0 ? 1 : 0
    await this.#reserve(this.#files[other])
    this.#current = other
    this.#beginFilling()
  }

  get hasBegun(): boolean {
    return this.#files[this.#current].generation > 0
  }

  /** Begins the first filling of the current file. @throws DiskError without space for it */
  async begin(): Promise<void> {
    await this.#reserve(this.#files[this.#current])
    this.#beginFilling()
  }

  /** Takes a file's space at its first use. Half of it would only be missing elsewhere. */
  async #reserve(target: JournalFile): Promise<void> {
    if (target.isReserved) return
    target.file ??= await this.#disk.open(target.path, { create: true })
    try {
      await target.file.preallocate(this.#fileBytes)
    } catch (error) {
      await target.file.truncate(0)
      throw error
    }
    await target.file.sync()
    await this.#disk.syncFolder(this.#folder)
    target.isReserved = true
  }

  #beginFilling(): void {
    const target = this.#files[this.#current]
    this.#lastGeneration += 1
    target.generation = this.#lastGeneration
    target.nonce = this.#random.bytes(NONCE_BYTES)
    target.position = 0
    target.sequence = 0
    target.syncedSequence = 0
  }

  /**
   * Writes one small commit group in one piece. It must fit. Durable only after `sync`.
   * @returns for each entry its batches, in memory that is nobody else's
   */
  appendCopied(entries: readonly JournalEntry[], totalBytes: number): Buffer[] {
    const target = this.#files[this.#current]
    this.#endBefore = { position: target.position, sequence: target.sequence }
    const block = Buffer.allocUnsafeSlow(totalBytes)
    const copies: Buffer[] = []
    let at = 0
    for (const entry of entries) {
      const from = at + HEADER_BYTES
      writeHeader(block, at, entry, target)
      at = from
      for (const piece of entry.pieces) at += piece.copy(block, at)
      copies.push(block.subarray(from, at))
      target.sequence += 1
    }
    const { position } = target
    target.position += totalBytes
    target.file!.writeSync([block], position)
    return copies
  }

  /** Writes one large commit group, without copying it. */
  async append(entries: readonly JournalEntry[], totalBytes: number): Promise<void> {
    const target = this.#files[this.#current]
    this.#endBefore = { position: target.position, sequence: target.sequence }
    const buffers: Buffer[] = []
    for (const entry of entries) {
      const header = Buffer.allocUnsafe(HEADER_BYTES)
      writeHeader(header, 0, entry, target)
      buffers.push(header, ...entry.pieces)
      target.sequence += 1
    }
    const { position } = target
    target.position += totalBytes
    await target.file!.write(buffers, position)
  }

  /**
   * The last append found no space, which a file system that copies on write may lack even for what
   * was reserved: nothing of it may ever count.
   */
  async cutFailed(): Promise<void> {
    const target = this.#files[this.#current]
    Object.assign(target, this.#endBefore)
    target.isReserved = false
    await target.file!.truncate(target.position)
  }

  /** Makes everything durable that the file in use was given before this call. */
  async sync(): Promise<void> {
    const target = this.#files[this.#current]
    const { sequence, generation } = target
    await target.file!.sync()
    if (target.generation === generation) {
      target.syncedSequence = Math.max(target.syncedSequence, sequence)
    }
  }

  /** Forgets every entry, durably. All partition files must be synced. */
  async empty(): Promise<void> {
    for (const target of this.#files) {
      const isThere = target.file !== undefined || (await this.#disk.stat(target.path))
      if (!isThere) continue
      target.file ??= await this.#disk.open(target.path)
      await invalidate(target.file)
      await target.file.sync()
      target.isReserved = false
      target.generation = 0
      target.position = this.#fileBytes
    }
  }

  async close(): Promise<void> {
    for (const target of this.#files) {
      const { file } = target
      target.file = undefined
      await file?.close()
    }
  }
}

export function journalBytes(entry: JournalEntry): number {
  return HEADER_BYTES + entry.sizeBytes
}

function emptyFile(path: string): JournalFile {
  return {
    path,
    file: undefined,
    isReserved: false,
    generation: 0,
    nonce: Buffer.alloc(NONCE_BYTES),
    position: 0,
    sequence: 0,
    syncedSequence: 0,
  }
}

/** Overwrites what makes the first entry one, and with it all of them; without space for that, cuts. */
async function invalidate(file: DiskFile): Promise<void> {
  try {
    await file.write([Buffer.alloc(HEADER_BYTES)], 0)
  } catch (error) {
    if (!isNoSpace(error)) throw error
    await file.truncate(0)
  }
}
