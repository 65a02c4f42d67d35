// For each event of a partition, by its offset: how far back the event before it in its stream stands,
// how far back an older one that shortens long ways, and a hash of its id. 16 bytes an event, in pages
// of 65,536 offsets that are never copied.
// The second link of version v leads to v with its lowest bit cleared, so that any version is reached in
// few steps whatever the stream's length. A distance of 0 is no link: there is no such event, or it was
// removed before this index was built. An id of 0, 0 is none.

export const LINKS_PER_PAGE = 1 << 16
export const LINK_PAGE_BYTES = LINKS_PER_PAGE * 16
const MAX_DISTANCE = 0xffff_ffff

interface Page {
  readonly firstOffset: number
  readonly bytes: Buffer
  readonly previous: Uint32Array
  readonly shortcuts: Uint32Array
  readonly idsHigh: Int32Array
  readonly idsLow: Int32Array
}

export class EventLinks {
  readonly #pages = new Map<number, Page>()
  /** The one that was used last. */
  #last = NO_PAGE

  get sizeBytes(): number {
    return this.#pages.size * LINK_PAGE_BYTES
  }

  /** @param previousOffset of the event before it in its stream, -1 when there is none */
  add(
    offset: number,
    version: number,
    previousOffset: number,
    idHigh: number,
    idLow: number,
  ): void {
    const page = this.#pageToWrite(offset)
    const index = offset - page.firstOffset
    page.previous[index] = distance(offset, previousOffset)
    const olderOffset = (version & 1) === 1 ? previousOffset : this.#older(version, previousOffset)
    page.shortcuts[index] = distance(offset, olderOffset)
    page.idsHigh[index] = idHigh
    page.idsLow[index] = idLow
  }

  /** -1 when there is none. */
  previousOf(offset: number): number {
    const page = this.#pageOf(offset)
    if (page === undefined) return -1
    const back = page.previous[offset - page.firstOffset]!
    return back === 0 ? -1 : offset - back
  }

  hasId(offset: number, idHigh: number, idLow: number): boolean {
    const page = this.#pageOf(offset)
    if (page === undefined) return false
    const index = offset - page.firstOffset
    return page.idsLow[index] === idLow && page.idsHigh[index] === idHigh
  }

  idLowOf(offset: number): number {
    const page = this.#pageOf(offset)
    return page?.idsLow[offset - page.firstOffset] ?? 0
  }

  /** The event did not happen: its id is unknown. */
  forgetId(offset: number): void {
    const page = this.#pageOf(offset)
    if (page === undefined) return
    page.idsHigh[offset - page.firstOffset] = 0
    page.idsLow[offset - page.firstOffset] = 0
  }

  /** Where an older version stands, from a newer one on. @returns -1 when it cannot be reached */
  seek(from: { version: number; offset: number }, version: number): number {
    let at = from.offset
    let current = from.version
    while (current > version && at >= 0) {
      const shortcut = clearLowestBit(current)
      const older = shortcut >= version ? this.#shortcutOf(at) : -1
      if (older >= 0) {
        at = older
        current = shortcut
      } else {
        at = this.previousOf(at)
        current -= 1
      }
    }
    return current === version ? at : -1
  }

  /** Which version stands at an offset of the same stream. @returns -1 when none does */
  versionAt(from: { version: number; offset: number }, offset: number): number {
    let at = from.offset
    let current = from.version
    while (at > offset) {
      const older = this.#shortcutOf(at)
      if (older >= offset) {
        at = older
        current = clearLowestBit(current)
      } else {
        at = this.previousOf(at)
        current -= 1
      }
    }
    return at === offset ? current : -1
  }

  pageNumbers(): number[] {
    return [...this.#pages.keys()]
  }

  pageBytes(number: number): Buffer | undefined {
    return this.#pages.get(number)?.bytes
  }

  loadPage(number: number, bytes: Buffer): void {
    this.#pages.set(number, pageOver(number, bytes))
  }

  /** Pages that hold nothing from an offset on are let go. */
  dropBefore(offset: number): void {
    const first = Math.floor(offset / LINKS_PER_PAGE)
    for (const number of this.#pages.keys()) if (number < first) this.#pages.delete(number)
    this.#last = NO_PAGE
  }

  #older(version: number, previousOffset: number): number {
    if (version === 0 || previousOffset < 0) return -1
    return this.seek({ version: version - 1, offset: previousOffset }, clearLowestBit(version))
  }

  #shortcutOf(offset: number): number {
    const page = this.#pageOf(offset)
    if (page === undefined) return -1
    const back = page.shortcuts[offset - page.firstOffset]!
    return back === 0 ? -1 : offset - back
  }

  #pageOf(offset: number): Page | undefined {
    const index = offset - this.#last.firstOffset
    if (index >= 0 && index < LINKS_PER_PAGE) return this.#last
    const page = this.#pages.get(Math.floor(offset / LINKS_PER_PAGE))
    if (page !== undefined) this.#last = page
    return page
  }

  #pageToWrite(offset: number): Page {
    const known = this.#pageOf(offset)
    if (known !== undefined) return known
    const number = Math.floor(offset / LINKS_PER_PAGE)
    const page = pageOver(number, Buffer.from(new ArrayBuffer(LINK_PAGE_BYTES)))
    this.#pages.set(number, page)
    return page
  }
}

/** Versions go beyond 2^31: no plain `&` between signed numbers. */
function clearLowestBit(version: number): number {
  return (version & (version - 1)) >>> 0
}

function distance(offset: number, olderOffset: number): number {
  if (olderOffset < 0) return 0
  const back = offset - olderOffset
  return back > MAX_DISTANCE ? 0 : back
}

function pageOver(number: number, bytes: Buffer): Page {
  const { buffer, byteOffset: start } = bytes
  const n = LINKS_PER_PAGE
  return {
    firstOffset: number * LINKS_PER_PAGE,
    bytes,
    previous: new Uint32Array(buffer, start, n),
    shortcuts: new Uint32Array(buffer, start + n * 4, n),
    idsHigh: new Int32Array(buffer, start + n * 8, n),
    idsLow: new Int32Array(buffer, start + n * 12, n),
  }
}

/** Holds no offset. */
const NO_PAGE: Page = {
  firstOffset: -2 * LINKS_PER_PAGE,
  bytes: Buffer.alloc(0),
  previous: new Uint32Array(0),
  shortcuts: new Uint32Array(0),
  idsHigh: new Int32Array(0),
  idsLow: new Int32Array(0),
}
