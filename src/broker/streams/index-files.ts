// A stream index on disk, so that a start replays only the tail of the log. Two files for a partition:
//
//   <topic id>-<partition>.links   pages of links, each written once, when all of it is durable
//   <topic id>-<partition>.index   a header and, one after the other, what it lists; replaced as a whole
//
// header: "MRSI", format (4 bytes), length of what follows (4), JSON, CRC-32C of the JSON (4).
// Invariant: never needed. What is missing, torn, of another log or ahead of it is not believed, and the
// index is learnt from the log again.

import type { Disk, DiskFile } from '../../host/disk.ts'
import { crc32c } from '../bytes/crc32c.ts'
import type { LogHost } from '../log/group-commit.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { TimeSlice } from '../log/time-slice.ts'
import { LINK_PAGE_BYTES, LINKS_PER_PAGE } from './event-links.ts'
import { type Seeds, StreamIndex } from './stream-index.ts'
import { NAME_CHUNK_BYTES, STREAMS_PER_PAGE } from './stream-table.ts'

export const INDEX_FOLDER = 'index/streams'
const MAGIC = Buffer.from('MRSI')
const FORMAT = 1
const PREFIX_BYTES = 12
const MAX_HEADER_BYTES = 64 * 1024 * 1024
const STREAMS_PER_TURN = 20_000

interface Section {
  readonly sizeBytes: number
  readonly crc: number
}

interface Header {
  readonly topicId: string
  readonly partition: number
  /** Exclusive: what the index has learnt, all of it durable. */
  readonly endOffset: number
  /** Of the record below: a log that was cut and written again has another there. */
  readonly leaderEpoch: number
  readonly seeds: Seeds
  readonly streamCount: number
  readonly namesEnd: number
  readonly minutes: readonly { startMs: number; offset: number }[]
  readonly idsBaseOffset: number
  readonly idCounts: readonly number[]
  /** Pages in the links file, from page `firstPage` on; undefined where there is none. */
  readonly firstPage: number
  readonly links: readonly (number | null)[]
  /** Numbers of pages of links that follow here, behind all the others. */
  readonly tailPages: readonly number[]
  readonly sections: readonly Section[]
}

export interface IndexFilesOptions {
  readonly host: LogHost
  readonly topicId: string
  readonly partition: number
}

export class IndexFiles {
  readonly host: LogHost
  readonly #disk: Disk
  readonly #topicId: string
  readonly #partition: number
  readonly #path: string
  /** Pages that the links file has, with their CRC. */
  #written = new Map<number, number>()
  #firstPage = -1

  constructor({ host, topicId, partition }: IndexFilesOptions) {
    this.host = host
    this.#disk = host.disk
    this.#topicId = topicId
    this.#partition = partition
    this.#path = `${INDEX_FOLDER}/${topicId}-${partition}`
  }

  nowMs(): number {
    return this.host.clock.monotonicMs()
  }

  emptyIndex(): StreamIndex {
    const bytes = this.host.random.bytes(12)
    return new StreamIndex({
      names: bytes.readInt32BE(0),
      idHigh: bytes.readInt32BE(4),
      idLow: bytes.readInt32BE(8),
    })
  }

  /** @returns undefined when there is none that can be believed */
  async load(log: PartitionLog): Promise<{ index: StreamIndex; endOffset: number } | undefined> {
    this.#written = new Map()
    this.#firstPage = -1
    const paths = [`${this.#path}.index`, `${this.#path}.links`]
    for (const path of paths) if ((await this.#disk.stat(path)) === undefined) return undefined
    const files: DiskFile[] = []
    try {
      for (const path of paths) files.push(await this.#disk.open(path, { readOnly: true }))
      return await this.#loadFrom(files[0]!, files[1]!, log)
    } finally {
      for (const file of files) await file.close()
    }
  }

  /**
   * @param endOffset everything below is durable, and no transaction is open
   * @throws DiskError
   */
  async save(index: StreamIndex, log: PartitionLog, endOffset: number): Promise<void> {
    const tail = Math.floor(endOffset / LINKS_PER_PAGE)
    index.links.dropBefore(log.logStartOffset)
    // Everything that goes on changing is copied now; the rest stays as it is.
    const pages = index.copyBelow(endOffset).bytes
    const { chunks, namesEnd } = namesNow(index)
    const buckets = index.ids.copyBuckets()
    const linkPages = index.links.pageNumbers().sort((a, b) => a - b)
    const tailPages = linkPages.filter((number) => number >= tail)
    const tails = tailPages.map((number) => Buffer.from(index.links.pageBytes(number)!))
    const known = {
      topicId: this.#topicId,
      partition: this.#partition,
      endOffset,
      leaderEpoch: log.epochOf(endOffset - 1) ?? -1,
      seeds: index.seeds,
      streamCount: index.streams.count,
      namesEnd,
      minutes: [...index.minutes],
      idsBaseOffset: index.ids.baseOffset,
      idCounts: index.ids.counts(),
      tailPages,
    }
    await this.#disk.makeFolder(INDEX_FOLDER)
    const slice = new TimeSlice(this.host)
    const stable = linkPages.filter((number) => number < tail)
    const links = await this.#saveLinks(index, stable, slice)
    const sections: Section[] = []
    const all = [...pages, ...chunks, ...buckets, ...tails]
    for (const bytes of all) {
      sections.push({ sizeBytes: bytes.length, crc: crc32c(bytes) })
      await slice.pause()
    }
    const header: Header = { ...known, firstPage: this.#firstPage, links, sections }
    await this.#replaceIndex([headerBytes(header), ...all])
  }

  async #saveLinks(
    index: StreamIndex,
    stable: readonly number[],
    slice: TimeSlice,
  ): Promise<(number | null)[]> {
    const first = stable[0]
    if (this.#firstPage < 0 && first !== undefined) this.#firstPage = first
    const file = await this.#disk.open(`${this.#path}.links`, { create: true })
    try {
      let isChanged = false
      for (const number of stable) {
        if (this.#written.has(number)) continue
        const bytes = index.links.pageBytes(number)
        if (bytes === undefined) continue
        await file.write([bytes], (number - this.#firstPage) * LINK_PAGE_BYTES)
        this.#written.set(number, crc32c(bytes))
        isChanged = true
        await slice.pause()
      }
      if (isChanged) await file.sync()
    } finally {
      await file.close()
    }
    const last = stable.at(-1) ?? -1
    const count = this.#firstPage < 0 ? 0 : Math.max(0, last - this.#firstPage + 1)
    return Array.from({ length: count }, (_, i) => this.#written.get(this.#firstPage + i) ?? null)
  }

  async #replaceIndex(parts: readonly Buffer[]): Promise<void> {
    const path = `${this.#path}.index`
    const file = await this.#disk.open(`${path}.new`, { create: true })
    try {
      await file.truncate(0)
      let at = 0
      for (const part of parts) {
        if (part.length > 0) await file.write([part], at)
        at += part.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.rename(`${path}.new`, path)
    await this.#disk.syncFolder(INDEX_FOLDER)
  }

  async #loadFrom(
    file: DiskFile,
    linksFile: DiskFile,
    log: PartitionLog,
  ): Promise<{ index: StreamIndex; endOffset: number } | undefined> {
    const read = await readHeader(file)
    if (read === undefined || !this.#isOf(read.header, log)) return undefined
    const { header } = read
    const index = new StreamIndex(header.seeds)
    const sections = await readSections(file, read.end, header.sections)
    if (sections === undefined) return undefined
    const pages = sections.splice(0, Math.ceil(header.streamCount / STREAMS_PER_PAGE))
    const chunkCount = Math.ceil(header.namesEnd / NAME_CHUNK_BYTES)
    const chunks = sections.splice(0, chunkCount)
    const buckets = sections.splice(0, header.idCounts.length)
    index.streams.load({ pages, chunks, namesEnd: header.namesEnd, count: header.streamCount })
    for (const [i, number] of header.tailPages.entries()) index.links.loadPage(number, sections[i]!)
    for (const [i, crc] of header.links.entries()) {
      if (crc === null) continue
      const bytes = await readExactly(linksFile, i * LINK_PAGE_BYTES, LINK_PAGE_BYTES)
      if (bytes === undefined || crc32c(bytes) !== crc) return undefined
      index.links.loadPage(header.firstPage + i, bytes)
      this.#written.set(header.firstPage + i, crc)
    }
    this.#firstPage = header.firstPage
    index.ids.load(header.idsBaseOffset, header.idCounts, buckets)
    for (const { startMs, offset } of header.minutes) index.noteTime(startMs, offset)
    for (let from = 0; from < header.streamCount; from += STREAMS_PER_TURN) {
      index.streams.enterRange(from, Math.min(header.streamCount, from + STREAMS_PER_TURN))
      await this.host.timers.yield()
    }
    return { index, endOffset: header.endOffset }
  }

  #isOf(header: Header, log: PartitionLog): boolean {
    const { topicId, partition, endOffset, leaderEpoch } = header
    if (topicId !== this.#topicId || partition !== this.#partition) return false
    if (endOffset > log.logEndOffset || endOffset < log.logStartOffset) return false
    return endOffset === 0 || (log.epochOf(endOffset - 1) ?? -1) === leaderEpoch
  }
}

/** Deletes the files of partitions that are no more. */
export async function removeIndexes(
  disk: Disk,
  isKept: (topicId: string) => boolean,
): Promise<void> {
  for (const name of await disk.list(INDEX_FOLDER)) {
    const topicId = name.slice(0, TOPIC_ID_CHARACTERS)
    if (!isKept(topicId)) await disk.remove(`${INDEX_FOLDER}/${name}`)
  }
}

const TOPIC_ID_CHARACTERS = 22

/** The names as they are now: what comes behind them in the last chunk is not meant. */
function namesNow(index: StreamIndex): { chunks: Buffer[]; namesEnd: number } {
  const chunks = [...index.streams.nameChunks()]
  const last = chunks.pop()
  if (last !== undefined) chunks.push(Buffer.from(last))
  return { chunks, namesEnd: index.streams.nameBytes }
}

function headerBytes(header: Header): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const bytes = Buffer.alloc(PREFIX_BYTES + json.length + 4)
  MAGIC.copy(bytes)
  bytes.writeUInt32BE(FORMAT, 4)
  bytes.writeUInt32BE(json.length, 8)
  json.copy(bytes, PREFIX_BYTES)
  bytes.writeUInt32BE(crc32c(json), PREFIX_BYTES + json.length)
  return bytes
}

async function readHeader(file: DiskFile): Promise<{ header: Header; end: number } | undefined> {
  const prefix = await readExactly(file, 0, PREFIX_BYTES)
  if (prefix === undefined || !prefix.subarray(0, 4).equals(MAGIC)) return undefined
  const length = prefix.readUInt32BE(8)
  if (prefix.readUInt32BE(4) !== FORMAT || length > MAX_HEADER_BYTES) return undefined
  const bytes = await readExactly(file, PREFIX_BYTES, length + 4)
  if (bytes === undefined) return undefined
  const json = bytes.subarray(0, length)
  if (crc32c(json) !== bytes.readUInt32BE(length)) return undefined
  // Its checksum says that we wrote it.
  return { header: JSON.parse(json.toString()) as Header, end: PREFIX_BYTES + length + 4 }
}

async function readSections(
  file: DiskFile,
  start: number,
  sections: readonly Section[],
): Promise<Buffer[] | undefined> {
  const read: Buffer[] = []
  let at = start
  for (const { sizeBytes, crc } of sections) {
    const bytes = await readExactly(file, at, sizeBytes)
    if (bytes === undefined || crc32c(bytes) !== crc) return undefined
    read.push(bytes)
    at += sizeBytes
  }
  return read
}

/** In memory of its own, so that typed arrays can begin at its first byte. */
async function readExactly(
  file: DiskFile,
  position: number,
  length: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.from(new ArrayBuffer(length))
  return (await file.read(bytes, position)) === length ? bytes : undefined
}
