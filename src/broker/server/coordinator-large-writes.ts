// Records of one group that are too many for one batch and for one turn of the event loop: a new target
// of a thousand members. They are handed to the log in pieces, and what comes after them waits until
// all pieces are handed in, so that the log has them in the order of the calls.

import type { Timers } from '../../host/clock.ts'
import type { GroupRecord } from '../coordinators/groups/records.ts'
import { ErrorCode } from '../wire/error-codes.ts'

/** A batch of so many stays within max.message.bytes, and takes a few milliseconds to build. */
const RECORDS_PER_BATCH = 200

export class LargeWrites {
  readonly #timers: Pick<Timers, 'yield'>
  readonly #append: (records: readonly GroupRecord[]) => Promise<ErrorCode>
  #handingIn = 0
  #handedIn: Promise<unknown> = Promise.resolve()

  constructor(
    timers: Pick<Timers, 'yield'>,
    append: (records: readonly GroupRecord[]) => Promise<ErrorCode>,
  ) {
    this.#timers = timers
    this.#append = append
  }

  /**
   * @param keep told of the records that are durable, piece by piece
   * @returns NONE once all are durable
   */
  async write(
    records: readonly GroupRecord[],
    keep: (records: readonly GroupRecord[]) => void,
  ): Promise<ErrorCode> {
    if (records.length <= RECORDS_PER_BATCH && this.#handingIn === 0) {
      return await this.#writePiece(records, keep)
    }
    const written: Promise<ErrorCode>[] = []
    const handedIn = this.#handIn(this.#handedIn, records, (piece) =>
      written.push(this.#writePiece(piece, keep)),
    )
    this.#handedIn = handedIn
    await handedIn
    const errorCodes = await Promise.all(written)
    return errorCodes.find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE
  }

  async #handIn(
    before: Promise<unknown>,
    records: readonly GroupRecord[],
    write: (piece: readonly GroupRecord[]) => void,
  ): Promise<void> {
    this.#handingIn += 1
    await before
    for (let at = 0; at < records.length; at += RECORDS_PER_BATCH) {
      write(records.slice(at, at + RECORDS_PER_BATCH))
      await this.#timers.yield()
    }
    this.#handingIn -= 1
  }

  async #writePiece(
    piece: readonly GroupRecord[],
    keep: (records: readonly GroupRecord[]) => void,
  ): Promise<ErrorCode> {
    const errorCode = await this.#append(piece)
    if (errorCode === ErrorCode.NONE) keep(piece)
    return errorCode
  }
}
