// The shared journal: one place in which a commit that touches many partitions becomes durable with
// one sync. Two files of a fixed size are used in turn. A file is used again only once every
// partition file that was written meanwhile is synced; emptying is nothing but starting over with a
// higher generation, which makes whatever stands behind the new entries invalid.
//
//   at  bytes  entry
//    0    4    magic 'MRJ1'
//    4    4    length of the batches
//    8    4    CRC-32C of bytes 12..67; the batches carry their own
//   12    8    generation      of the file's current filling; the later filling has the higher one
//   20    8    nonce           random per filling, so that no record can pass for an entry
//   28    4    sequence        consecutive within a filling
//   32    4    synced          entries of the filling below this one were durable when it was written
//   36   16    topic id
//   52    4    partition
//   56    4    leader epoch
//   60    8    base offset     of the first batch
//   68    n    whole batches, as in the partition's file
//
// Invariant: an entry counts only if generation and nonce are those of the file's first entry. Damage
// in the middle loses what is damaged, not what follows: replay goes by offset and notices gaps. What
// was written behind a hole before the hole was synced is no sign of damage: pages are lost in any order.

import type { Disk, DiskFile } from '../../host/disk.ts'
import type { Random } from '../../host/random.ts'
import { readBaseOffset, readBatchSize, readLastOffset, writeInt64 } from '../batch/header.ts'
import { crc32c } from '../bytes/crc32c.ts'
import { formatUuid, writeUuid } from '../bytes/uuid.ts'
import { isIntactBatch } from './intact-batch.ts'
import { isNoSpace } from './space-reserve.ts'

const HEADER_BYTES = 68
const CRC_FROM = 12
const MAGIC = Buffer.from('MRJ1')
const NONCE_BYTES = 8
const TOPIC_ID_AT = 36
const UUID_BYTES = 16

export interface JournalEntry {
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly baseOffset: number
  /** Whole batches, in pieces. */
  readonly pieces: readonly Buffer[]
  /** Of the pieces together. */
  readonly sizeBytes: number
}

/** An entry found at start; its batches passed their checks. */
export interface ReplayEntry {
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly baseOffset: number
  readonly bytes: Buffer
  /** Entries before it are missing that may never have been durable; nor was this one, then. */
  readonly isBehindUnsynced: boolean
}

/** A journal file as it stands. */
export interface JournalContent {
  readonly path: string
  readonly entries: readonly (ReplayEntry & { readonly position: number })[]
  /** Entries that must have been between those that are there: damaged. */
  readonly lostCount: number
  /** Where the first of them was looked for; -1 when none is lost. */
  readonly lostPosition: number
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

/** Both files of a journal that nobody has open, the earlier filling first. */
export async function readJournal(disk: Disk, folder: string): Promise<JournalContent[]> {
  const fillings: (JournalContent & { generation: number })[] = []
  for (const path of journalPaths(folder)) {
    const content = await disk.readFile(path)
    if (content !== undefined) fillings.push({ path, ...readFilling(content) })
  }
  return fillings.sort((a, b) => a.generation - b.generation)
}

/**
 * Takes the batches from an offset on out of a journal that nobody has open. The entries' headers are
 * rewritten where they stand: shortened, or given to no topic. Entries of others stay as they are.
 * @param options.isDryRun only looks
 * @returns what was taken out
 */
export async function cutJournal(
  disk: Disk,
  folder: string,
  from: { topicId: string; partition: number; offset: number },
  { isDryRun = false } = {},
): Promise<Buffer[]> {
  const taken: Buffer[] = []
  for (const { path, entries } of await readJournal(disk, folder)) {
    const file = await disk.open(path)
    try {
      let isChanged = false
      for (const { topicId, partition, position, bytes } of entries) {
        if (topicId !== from.topicId || partition !== from.partition) continue
        const kept = bytesBelow(bytes, from.offset)
        if (kept === bytes.length) continue
        taken.push(bytes.subarray(kept))
        if (isDryRun) continue
        const header = Buffer.alloc(HEADER_BYTES)
        await file.read(header, position)
        if (kept === 0) header.fill(0, TOPIC_ID_AT, TOPIC_ID_AT + UUID_BYTES)
        else header.writeInt32BE(kept, 4)
        header.writeUInt32BE(crc32c(header.subarray(CRC_FROM)), 8)
        await file.write([header], position)
        isChanged = true
      }
      if (isChanged) await file.sync()
    } finally {
      await file.close()
    }
  }
  return taken
}

function bytesBelow(batches: Buffer, offset: number): number {
  let at = 0
  while (at < batches.length && readLastOffset(batches, at) < offset)
    at += readBatchSize(batches, at)
  return at
}

function journalPaths(folder: string): [string, string] {
  return [`${folder}/journal-0`, `${folder}/journal-1`]
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

function writeHeader(target: Buffer, at: number, entry: JournalEntry, file: JournalFile): void {
  MAGIC.copy(target, at)
  target.writeInt32BE(entry.sizeBytes, at + 4)
  writeInt64(target, at + 12, file.generation)
  file.nonce.copy(target, at + 20)
  target.writeUInt32BE(file.sequence, at + 28)
  target.writeUInt32BE(file.syncedSequence, at + 32)
  writeUuid(target, entry.topicId, at + 36)
  target.writeInt32BE(entry.partition, at + 52)
  target.writeInt32BE(entry.leaderEpoch, at + 56)
  writeInt64(target, at + 60, entry.baseOffset)
  target.writeUInt32BE(crc32c(target.subarray(at + CRC_FROM, at + HEADER_BYTES)), at + 8)
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

interface Filling {
  readonly generation: number
  readonly entries: (ReplayEntry & { position: number })[]
  readonly lostCount: number
  readonly lostPosition: number
}

interface FoundEntry extends Header {
  readonly position: number
  readonly bytes: Buffer
}

/** The entries of a file's last filling. */
function readFilling(content: Buffer): Filling {
  const found: FoundEntry[] = []
  let at = 0
  const first = readHeader(content, at)
  if (first === undefined) return { generation: 0, ...judgeHoles([]) }
  let nextSequence = 0
  while (at >= 0) {
    const header = readHeader(content, at)
    const isOurs =
      header !== undefined &&
      header.generation === first.generation &&
      header.nonce === first.nonce &&
      header.sequence >= nextSequence
    if (!isOurs) {
      at = content.indexOf(MAGIC, at + 1)
      continue
    }
    const from = at + HEADER_BYTES
    const bytes = content.subarray(from, from + header.length)
    if (bytes.length === header.length && areIntact(bytes, header.baseOffset)) {
      found.push({ ...header, position: at, bytes })
      nextSequence = header.sequence + 1
      at = from + header.length
    } else {
      at = content.indexOf(MAGIC, at + 1)
    }
  }
  return { generation: first.generation, ...judgeHoles(found) }
}

/** What is missing was lost only if it was durable when the last entry was written. */
function judgeHoles(found: readonly FoundEntry[]): Omit<Filling, 'generation'> {
  const syncedSequence = found.at(-1)?.syncedSequence ?? 0
  const entries: Filling['entries'] = []
  let lostCount = 0
  let lostPosition = -1
  let nextSequence = 0
  let end = 0
  let isBehindUnsynced = false
  for (const entry of found) {
    const { sequence, position, bytes } = entry
    if (sequence > nextSequence && nextSequence < syncedSequence) {
      if (lostCount === 0) lostPosition = end
      lostCount += Math.min(sequence, syncedSequence) - nextSequence
    } else if (sequence > nextSequence) isBehindUnsynced = lostCount === 0
    entries.push({ ...entry, isBehindUnsynced })
    nextSequence = sequence + 1
    end = position + HEADER_BYTES + bytes.length
  }
  return { entries, lostCount, lostPosition }
}

interface Header {
  readonly length: number
  readonly generation: number
  readonly nonce: string
  readonly sequence: number
  readonly syncedSequence: number
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly baseOffset: number
}

function readHeader(content: Buffer, at: number): Header | undefined {
  if (at + HEADER_BYTES > content.length) return undefined
  if (content.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return undefined
  const crc = crc32c(content.subarray(at + CRC_FROM, at + HEADER_BYTES))
  if (crc !== content.readUInt32BE(at + 8)) return undefined
  return {
    length: content.readInt32BE(at + 4),
    generation: Number(content.readBigInt64BE(at + 12)),
    nonce: content.toString('latin1', at + 20, at + 28),
    sequence: content.readUInt32BE(at + 28),
    syncedSequence: content.readUInt32BE(at + 32),
    topicId: formatUuid(content, at + 36),
    partition: content.readInt32BE(at + 52),
    leaderEpoch: content.readInt32BE(at + 56),
    baseOffset: Number(content.readBigInt64BE(at + 60)),
  }
}

/** Whether the bytes are whole batches, the first at `baseOffset`, each with its right CRC. */
function areIntact(bytes: Buffer, baseOffset: number): boolean {
  let at = 0
  while (at < bytes.length) {
    if (!isIntactBatch(bytes, at)) return false
    if (at === 0 && readBaseOffset(bytes, at) !== baseOffset) return false
    at += readBatchSize(bytes, at)
  }
  return true
}
