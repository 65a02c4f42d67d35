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
  readonly bytes: Buffer
  readonly previous: Uint32Array
  readonly shortcuts: Uint32Array
  readonly idsHigh: Uint32Array
  readonly idsLow: Uint32Array
}

export class EventLinks {
  readonly #pages = new Map<number, Page>()
  #lastNumber = -1
  #last: Page | undefined

  get sizeBytes(): number {
    return this.#pages.size * LINK_PAGE_BYTES
  }

  /** @param previousOffset of the event before it in its stream, -1 when there is none */
  add(
    offset: number,
    version: number,
    previousOffset: number,
    id: { readonly high: number; readonly low: number } | undefined,
  ): void {
    const page = this.#pageToWrite(offset)
    const index = offset % LINKS_PER_PAGE
    page.previous[index] = distance(offset, previousOffset)
    const olderOffset = (version & 1) === 1 ? previousOffset : this.#older(version, previousOffset)
    page.shortcuts[index] = distance(offset, olderOffset)
    page.idsHigh[index] = id?.high ?? 0
    page.idsLow[index] = id?.low ?? 0
  }

  /** -1 when there is none. */
  previousOf(offset: number): number {
    const page = this.#pageOf(offset)
    const back = page?.previous[offset % LINKS_PER_PAGE] ?? 0
    return back === 0 ? -1 : offset - back
  }

  hasId(offset: number, idHigh: number, idLow: number): boolean {
    const page = this.#pageOf(offset)
    if (page === undefined) return false
    const index = offset % LINKS_PER_PAGE
    return page.idsLow[index] === idLow && page.idsHigh[index] === idHigh
  }

  idLowOf(offset: number): number {
    return this.#pageOf(offset)?.idsLow[offset % LINKS_PER_PAGE] ?? 0
  }

  idHighOf(offset: number): number {
    return this.#pageOf(offset)?.idsHigh[offset % LINKS_PER_PAGE] ?? 0
  }

  /** The event did not happen: its id is unknown. */
  forgetId(offset: number): void {
    const page = this.#pageOf(offset)
    if (page === undefined) return
    page.idsHigh[offset % LINKS_PER_PAGE] = 0
    page.idsLow[offset % LINKS_PER_PAGE] = 0
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
    this.#pages.set(number, pageOver(bytes))
  }

  /** Pages that hold nothing from an offset on are let go. */
  dropBefore(offset: number): void {
    const first = Math.floor(offset / LINKS_PER_PAGE)
    for (const number of this.#pages.keys()) if (number < first) this.#pages.delete(number)
    this.#lastNumber = -1
    this.#last = undefined
  }

  #older(version: number, previousOffset: number): number {
    if (version === 0 || previousOffset < 0) return -1
    return this.seek({ version: version - 1, offset: previousOffset }, clearLowestBit(version))
  }

  #shortcutOf(offset: number): number {
    const back = this.#pageOf(offset)?.shortcuts[offset % LINKS_PER_PAGE] ?? 0
    return back === 0 ? -1 : offset - back
  }

  #pageOf(offset: number): Page | undefined {
    const number = Math.floor(offset / LINKS_PER_PAGE)
    if (number === this.#lastNumber) return this.#last
    const page = this.#pages.get(number)
    if (page === undefined) return undefined
    this.#lastNumber = number
    this.#last = page
    return page
  }

  #pageToWrite(offset: number): Page {
    const known = this.#pageOf(offset)
    if (known !== undefined) return known
    const page = pageOver(Buffer.from(new ArrayBuffer(LINK_PAGE_BYTES)))
    this.#pages.set(Math.floor(offset / LINKS_PER_PAGE), page)
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

function pageOver(bytes: Buffer): Page {
  const { buffer, byteOffset: start } = bytes
  const n = LINKS_PER_PAGE
  return {
    bytes,
    previous: new Uint32Array(buffer, start, n),
    shortcuts: new Uint32Array(buffer, start + n * 4, n),
    idsHigh: new Uint32Array(buffer, start + n * 8, n),
    idsLow: new Uint32Array(buffer, start + n * 12, n),
  }
}
