// The offsets of one partition, which leader epoch wrote which of them, and who hears when they move.
// Invariant: logStartOffset <= highWatermark <= logEndOffset, and only what an append was refused for
// takes the log end back. A log start is told only once a checkpoint has it.

import type { LeaderEpochs } from './leader-epochs.ts'
import type { RecoveredLog } from './recovered-log.ts'

export interface LogOffsetsOptions {
  readonly recovered: Pick<RecoveredLog, 'epochs' | 'logStartOffset' | 'endOffset'>
  /** The broker's. */
  readonly leaderEpoch: number
  readonly wasCleanStop: boolean
}

export class LogOffsets {
  readonly epochs: LeaderEpochs
  readonly #listeners = new Set<() => void>()
  #leaderEpoch: number
  #logStartOffset: number
  #nextLogStart = 0
  #highWatermark: number
  #logEndOffset: number

  constructor({ recovered, leaderEpoch, wasCleanStop }: LogOffsetsOptions) {
    this.epochs = recovered.epochs
    const ownEpoch = this.epochs.last?.epoch ?? -1
    const leastEpoch = wasCleanStop || ownEpoch < 0 ? ownEpoch : ownEpoch + 1
    this.#leaderEpoch = Math.max(leaderEpoch, leastEpoch)
    this.#logStartOffset = recovered.logStartOffset
    this.#highWatermark = recovered.endOffset
    this.#logEndOffset = recovered.endOffset
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** Where the log will start once a checkpoint has said so: until then nobody is told. */
  get nextLogStart(): number {
    return Math.max(this.#logStartOffset, this.#nextLogStart)
  }

  /** Exclusive: the end of what is durable. */
  get highWatermark(): number {
    return this.#highWatermark
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.#logEndOffset
  }

  raiseLeaderEpoch(epoch: number): void {
    this.#leaderEpoch = Math.max(this.#leaderEpoch, epoch)
  }

  /** A batch of the current leader epoch was given the offsets up to this one, inclusive. */
  append(lastOffset: number): void {
    this.epochs.note(this.#leaderEpoch, this.#logEndOffset)
    this.#logEndOffset = lastOffset + 1
  }

  /** Nothing from this offset on was kept. */
  takeBack(baseOffset: number): void {
    this.epochs.truncateEnd(baseOffset)
    this.#logEndOffset = baseOffset
  }

  /** Everything below is durable; whoever listens is told by `tell`. */
  durable(endOffset: number): void {
    this.#highWatermark = endOffset
  }

  /** Of the next checkpoint. */
  announceLogStart(offset: number): void {
    this.#nextLogStart = Math.max(this.#nextLogStart, offset)
  }

  raiseLogStart(offset: number): void {
    if (offset <= this.#logStartOffset) return
    this.#logStartOffset = offset
    this.epochs.truncateStart(offset)
    this.tell()
  }

  /** Calls at every `tell`. @returns how to stop listening */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
