// Reading a partition: from the files, or from memory what is durable in the journal and not in its
// file yet. Damage that a read lands on is first blamed on the index, which is built anew once.
// Invariant: no byte at or beyond the bound leaves; what leaves is whole batches.
// Source: KIP-74 (at least one batch), KIP-98 (read_committed and its list of aborted transactions).

import { readBatchSize, readLastOffset } from '../batch/header.ts'
import type { LogFaults } from './faults.ts'
import { LandedOnDamage, type LogPosition, LogReader, NO_BYTES } from './log-reader.ts'
import type { LogWriter } from './log-writer.ts'
import type { Lookup } from './lookup.ts'
import { isTooManyFiles } from './too-many-files.ts'
import { overlapping } from './transaction-index.ts'

/** How far a reader may see; `logEnd` includes what a power cut could take back. */
export type ReadBound = 'highWatermark' | 'lastStableOffset' | 'logEnd'

export interface ReadRequest {
  readonly fromOffset: number
  readonly maxBytes: number
  readonly upTo: ReadBound
  /** Returns the first batch even when it is larger than `maxBytes` (KIP-74). */
  readonly atLeastOneBatch: boolean
  /** Gives the memory that is read into, which the caller may use again later. Default: new memory. */
  readonly allocate?: ((bytes: number) => Buffer) | undefined
}

export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: number
}

export type ReadOutcome =
  | {
      readonly kind: 'records'
      /** Whole batches as stored, the first one contains `fromOffset`; empty at the bound. */
      readonly bytes: Buffer
      /** In offset order; only when reading up to the last stable offset. */
      readonly abortedTransactions: readonly AbortedRange[]
    }
  | { readonly kind: 'out-of-range' }
  /** Or could not be read just now: the disk opens no more files. */
  | { readonly kind: 'offline' }

const NO_ABORTED: readonly AbortedRange[] = []

export class LogView {
  readonly #writer: LogWriter
  readonly #reader: LogReader
  readonly #lookup: Lookup
  readonly #faults: LogFaults
  /** How often segments were removed or rewritten. */
  #changeCount = 0

  constructor(writer: LogWriter, lookup: Lookup, faults: LogFaults) {
    this.#writer = writer
    this.#faults = faults
    this.#reader = new LogReader(writer.segments)
    this.#lookup = lookup
  }

  /** @param endOffset what `request.upTo` stands for now; `fromOffset` is in range */
  read(request: ReadRequest, endOffset: number): ReadOutcome | Promise<ReadOutcome> {
    const { fromOffset, upTo } = request
    if (fromOffset >= endOffset) return records(NO_BYTES)
    try {
      const bytes =
        fromOffset >= this.#writer.writtenEndOffset
          ? this.#fromMemory(request, endOffset)
          : this.#fromFiles(request, endOffset)
      if (bytes instanceof Promise || upTo === 'lastStableOffset')
        return this.#finish(bytes, request, endOffset)
      return records(bytes)
    } catch (error) {
      return this.#failed(error, request, endOffset)
    }
  }

  /** How much a read would find, at least nearly; costs no I/O. */
  readableBytes(fromOffset: number, endOffset: number): number {
    const end = this.#writer.durableEnd
    let bytes = 0
    for (const { bytes: batch } of this.#writer.unwrittenFrom(fromOffset, endOffset)) {
      bytes += batch.length
    }
    if (fromOffset < endOffset && end !== undefined) {
      const found = this.#reader.placeOf(fromOffset)
      if (found !== undefined) bytes += this.#reader.bytesBetween(found.place, end)
    } else if (end !== undefined && fromOffset === this.#writer.writtenEndOffset) {
      // Whoever waits at the end reads on from there.
      this.#reader.remember(fromOffset, end)
    }
    return bytes
  }

  /** Positions have changed: segments were removed or rewritten. */
  forgetPlaces(): void {
    this.#changeCount += 1
    this.#reader.forgetPlaces()
  }

  #fromFiles(request: ReadRequest, endOffset: number): Buffer | Promise<Buffer> {
    const { durableEnd, writtenEnd } = this.#writer
    const isUnsynced = request.upTo === 'logEnd' || this.#faults.unsyncedShown === true
    const end: LogPosition | undefined = isUnsynced ? writtenEnd : durableEnd
    if (end === undefined) return NO_BYTES
    return this.#reader.read({ ...request, endOffset, end })
  }

  #fromMemory(request: ReadRequest, endOffset: number): Buffer {
    const { fromOffset, maxBytes, atLeastOneBatch } = request
    const batches: Buffer[] = []
    let total = 0
    for (const { bytes } of this.#writer.unwrittenFrom(fromOffset, endOffset)) {
      const isNeeded = atLeastOneBatch && batches.length === 0
      if (!isNeeded && total + bytes.length > maxBytes) break
      batches.push(bytes)
      total += bytes.length
    }
    return batches.length === 1 ? batches[0]! : Buffer.concat(batches, total)
  }

  async #finish(
    reading: Buffer | Promise<Buffer>,
    request: ReadRequest,
    endOffset: number,
  ): Promise<ReadOutcome> {
    const changeCount = this.#changeCount
    try {
      const bytes = await reading
      if (request.upTo !== 'lastStableOffset' || bytes.length === 0) return records(bytes)
      const abortedTransactions = await this.#abortedIn(request.fromOffset, endOffsetOf(bytes))
      // Compaction drops aborted records, and forgets their transactions once they are gone.
      if (changeCount !== this.#changeCount) {
        return await this.#finish(this.#fromFiles(request, endOffset), request, endOffset)
      }
      return { kind: 'records', bytes, abortedTransactions }
    } catch (error) {
      return await this.#failed(error, request, endOffset)
    }
  }

  async #abortedIn(fromOffset: number, endOffset: number): Promise<AbortedRange[]> {
    const range = { fromOffset, endOffset }
    const unwritten = overlapping(this.#writer.unwrittenAborted(), range)
    const written = await this.#lookup.abortedIn(range)
    if (this.#faults.abortedNotListed === true) return []
    const sign = this.#faults.abortedListReversed === true ? -1 : 1
    return [...written, ...unwritten].sort((a, b) => sign * (a.firstOffset - b.firstOffset))
  }

  async #failed(error: unknown, request: ReadRequest, endOffset: number): Promise<ReadOutcome> {
    try {
      if (!(error instanceof LandedOnDamage)) throw error
      await this.#lookup.rebuild(error.segment)
      this.#reader.forgetPlaces()
      const bytes = await this.#fromFiles(request, endOffset)
      if (request.upTo !== 'lastStableOffset') return records(bytes)
      const abortedTransactions = await this.#abortedIn(request.fromOffset, endOffsetOf(bytes))
      return { kind: 'records', bytes, abortedTransactions }
    } catch (damage) {
      if (!isTooManyFiles(damage)) this.#writer.fail(damage)
      return { kind: 'offline' }
    }
  }
}

function records(bytes: Buffer): ReadOutcome {
  return { kind: 'records', bytes, abortedTransactions: NO_ABORTED }
}

/** The offset behind the last of some whole batches. */
function endOffsetOf(batches: Buffer): number {
  let at = 0
  let endOffset = 0
  while (at < batches.length) {
    endOffset = readLastOffset(batches, at) + 1
    at += readBatchSize(batches, at)
  }
  return endOffset
}
