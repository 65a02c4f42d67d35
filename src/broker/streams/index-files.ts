// A stream index on disk, so that a start replays only the tail of the log. Two files for a partition:
//
//   <topic id>-<partition>.links   pages of links, each written once, when all of it is durable
//   <topic id>-<partition>.index   a header and, one after the other, what it lists; replaced as a whole
//
// header: "MRSI", format (4 bytes), length of what follows (4), JSON, CRC-32C of the JSON (4).
// Each of the others: its bytes, CRC-32C of them (4).
// Written while appends go on, and read, some milliseconds at a time.
// Invariant: never needed. What is missing, torn, of another log or ahead of it is not believed, and the
// index is learnt from the log again.

import type { Disk, DiskFile } from '../../host/disk.ts'
import { crc32c } from '../bytes/crc32c.ts'
import { eachLimited } from '../log/checkpointer.ts'
import type { LogHost } from '../log/group-commit.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { TimeSlice } from '../log/time-slice.ts'
import { ID_BUCKETS } from './event-ids.ts'
import { LINK_PAGE_BYTES, LINKS_PER_PAGE } from './event-links.ts'
import { type Seeds, StreamIndex } from './stream-index.ts'
import { NAME_CHUNK_BYTES, STREAM_PAGE_BYTES, STREAMS_PER_PAGE } from './stream-table.ts'

export const INDEX_FOLDER = 'index/streams'
const MAGIC = Buffer.from('MRSI')
const FORMAT = 2
const PREFIX_BYTES = 12
const MAX_HEADER_BYTES = 64 * 1024 * 1024
const CRC_BYTES = 4
/** Between two looks at the time. */
const STREAMS_PER_LOOK = 2000
/** Reads that are under way at once: the next ones are there when one has been looked at. */
const PARALLEL_READS = 4
/** Small parts are written together. */
const WRITE_BYTES = 1024 * 1024

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
  /** Pages in the links file, from page `firstPage` on; undefined where there is none. */
  readonly firstPage: number
  readonly links: readonly (number | null)[]
  /** Numbers of pages of links that follow here, behind all the others. */
  readonly tailPages: readonly number[]
  /** Sizes of what follows: pages of streams, names, buckets of ids, pages of links. */
  readonly sections: readonly number[]
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
    const { streams, ids } = index
    index.links.dropBefore(log.logStartOffset)
    // All of this is of one moment. What goes on changing is small and copied, or kept as it is now.
    const chunks = namesNow(index)
    const linkPages = index.links.pageNumbers().sort((a, b) => a - b)
    const tailPages = linkPages.filter((number) => number >= tail)
    const tails = tailPages.map((number) => Buffer.from(index.links.pageBytes(number)!))
    const buckets = ids.bucketsNow()
    const known = {
      topicId: this.#topicId,
      partition: this.#partition,
      endOffset,
      leaderEpoch: log.epochOf(endOffset - 1) ?? -1,
      seeds: index.seeds,
      streamCount: streams.count,
      namesEnd: streams.nameBytes,
      minutes: [...index.minutes],
      idsBaseOffset: ids.baseOffset,
      tailPages,
    }
    const pages = Array.from({ length: streams.pageCount }, () => STREAM_PAGE_BYTES)
    streams.beginSnapshot(index.fieldsBefore(endOffset))
    try {
      await this.#disk.makeFolder(INDEX_FOLDER)
      const slice = new TimeSlice(this.host)
      const stable = linkPages.filter((number) => number < tail)
      const links = await this.#saveLinks(index, stable, slice)
      const lengths = [...buckets, ...chunks, ...tails].map(({ length }) => length)
      const sections = [...pages, ...lengths]
      const header: Header = { ...known, firstPage: this.#firstPage, links, sections }
      await this.#replaceIndex(async (file) => {
        const writer = new SectionWriter(file, slice, headerBytes(header))
        for (const number of pages.keys()) await writer.add(streams.takePage(number))
        for (const bucket of buckets) await writer.add(Buffer.from(bucket))
        for (const bytes of [...chunks, ...tails]) await writer.add(bytes)
        await writer.end()
      })
    } finally {
      streams.endSnapshot()
    }
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

  async #replaceIndex(write: (file: DiskFile) => Promise<void>): Promise<void> {
    const path = `${this.#path}.index`
    const file = await this.#disk.open(`${path}.new`, { create: true })
    try {
      await file.truncate(0)
      await write(file)
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
    const slice = new TimeSlice(this.host)
    const sections = await readSections(file, read.end, header.sections, slice)
    if (sections === undefined) return undefined
    const pages = sections.splice(0, Math.ceil(header.streamCount / STREAMS_PER_PAGE))
    const buckets = sections.splice(0, ID_BUCKETS)
    const chunks = sections.splice(0, Math.ceil(header.namesEnd / NAME_CHUNK_BYTES))
    index.streams.load({ pages, chunks, namesEnd: header.namesEnd, count: header.streamCount })
    for (const [i, number] of header.tailPages.entries()) index.links.loadPage(number, sections[i]!)
    if (!(await this.#loadLinks(index, linksFile, header, slice))) return undefined
    this.#firstPage = header.firstPage
    index.ids.load(header.idsBaseOffset, buckets)
    for (const { startMs, offset } of header.minutes) index.noteTime(startMs, offset)
    for (let from = 0; from < header.streamCount; from += STREAMS_PER_LOOK) {
      index.streams.enterRange(from, Math.min(header.streamCount, from + STREAMS_PER_LOOK))
      await slice.pause()
    }
    return { index, endOffset: header.endOffset }
  }

  /** @returns false when some of it cannot be believed */
  async #loadLinks(
    index: StreamIndex,
    file: DiskFile,
    { links, firstPage }: Header,
    slice: TimeSlice,
  ): Promise<boolean> {
    let isWhole = true
    await eachLimited([...links.entries()], PARALLEL_READS, async ([i, crc]) => {
      if (crc === null || !isWhole) return
      const bytes = await readExactly(file, i * LINK_PAGE_BYTES, LINK_PAGE_BYTES)
      await slice.pause()
      if (bytes === undefined || crc32c(bytes) !== crc) isWhole = false
      else {
        index.links.loadPage(firstPage + i, bytes)
        this.#written.set(firstPage + i, crc)
      }
    })
    return isWhole
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
function namesNow(index: StreamIndex): Buffer[] {
  const chunks = [...index.streams.nameChunks()]
  const last = chunks.pop()
  if (last !== undefined) chunks.push(Buffer.from(last))
  return chunks
}

/** Writes one part after the other, each with its CRC. */
class SectionWriter {
  readonly #file: DiskFile
  readonly #slice: TimeSlice
  #parts: Buffer[]
  #bytes: number
  #position = 0

  constructor(file: DiskFile, slice: TimeSlice, header: Buffer) {
    this.#file = file
    this.#slice = slice
    this.#parts = [header]
    this.#bytes = header.length
  }

  async add(part: Buffer): Promise<void> {
    const crc = Buffer.alloc(CRC_BYTES)
    crc.writeUInt32BE(crc32c(part))
    this.#parts.push(part, crc)
    this.#bytes += part.length + CRC_BYTES
    if (this.#bytes >= WRITE_BYTES) await this.end()
    await this.#slice.pause()
  }

  async end(): Promise<void> {
    const parts = this.#parts
    const position = this.#position
    this.#position += this.#bytes
    this.#parts = []
    this.#bytes = 0
    await this.#file.write(parts, position)
  }
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
  sizes: readonly number[],
  slice: TimeSlice,
): Promise<Buffer[] | undefined> {
  const places: { position: number; size: number }[] = []
  let position = start
  for (const size of sizes) {
    places.push({ position, size })
    position += size + CRC_BYTES
  }
  const sections: Buffer[] = []
  let isWhole = true
  await eachLimited([...places.entries()], PARALLEL_READS, async ([i, place]) => {
    if (!isWhole) return
    const bytes = await readExactly(file, place.position, place.size + CRC_BYTES)
    await slice.pause()
    const section = bytes?.subarray(0, place.size)
    if (section === undefined || bytes?.readUInt32BE(place.size) !== crc32c(section))
      isWhole = false
    else sections[i] = section
  })
  return isWhole ? sections : undefined
}

/** In memory of its own, so that typed arrays can begin at its first byte. */
async function readExactly(
  file: DiskFile,
  position: number,
  length: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(length)
  return (await file.read(bytes, position)) === length ? bytes : undefined
}
