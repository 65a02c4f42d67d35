// Who waits for an answer about an append: batches on their way to the disk, and resent ones whose
// original is. Invariant: each is answered exactly once, a resent batch never before its original
// could have been.

import type { AppendOutcome } from './append-outcome.ts'
import type { PendingAppend } from './log-writer.ts'
import type { ProducerEntry } from './producer-state.ts'
import type { CompletedTransaction } from './producer-table.ts'

/** An append that was decided: what is answered, and what is needed to undo it. */
export interface Appended extends PendingAppend {
  readonly outcome: AppendOutcome
  readonly resolve: (outcome: AppendOutcome) => void
  /** Monotonic; a later answer is that it timed out. */
  readonly deadlineMs: number
  readonly producerId: number
  /** What was known of the producer before. */
  readonly producerBefore: ProducerEntry | undefined
  readonly completed: CompletedTransaction | undefined
  isAnswered: boolean
}

/** A resent batch that waits for its original. */
export interface WaitingDuplicate {
  readonly lastOffset: number
  readonly acks: -1 | 0 | 1
  readonly outcome: AppendOutcome
  readonly resolve: (outcome: AppendOutcome) => void
  readonly deadlineMs: number
}

export interface Ends {
  /** Exclusive; handed to the operating system. */
  readonly acceptedEndOffset: number
  /** Exclusive; survives a power cut. */
  readonly durableEndOffset: number
}

export class WaitingAppends {
  /** In offset order, until durable. */
  readonly #appended: Appended[] = []
  /** So many of them, from the first on, are with the operating system. */
  #acceptedCount = 0
  #duplicates: WaitingDuplicate[] = []

  add(appended: Appended): void {
    this.#appended.push(appended)
  }

  addDuplicate(duplicate: WaitingDuplicate): void {
    this.#duplicates.push(duplicate)
  }

  /** More was handed to the operating system: whoever asked for no more than that is answered. */
  accepted(ends: Ends): void {
    while (this.#acceptedCount < this.#appended.length) {
      const appended = this.#appended[this.#acceptedCount]!
      if (appended.lastOffset >= ends.acceptedEndOffset) break
      if (appended.acks !== -1) answer(appended, appended.outcome)
      this.#acceptedCount += 1
    }
    this.#answerDuplicates(ends)
  }

  durable(ends: Ends): void {
    let count = 0
    for (const appended of this.#appended) {
      if (appended.lastOffset >= ends.durableEndOffset) break
      answer(appended, appended.outcome)
      count += 1
    }
    this.#appended.splice(0, count)
    this.#acceptedCount = Math.max(0, this.#acceptedCount - count)
    this.#answerDuplicates(ends)
  }

  /** Takes away, unanswered, everything from an offset on; the last one first. */
  takeFrom(baseOffset: number): Appended[] {
    const from = this.#appended.findIndex((appended) => appended.baseOffset >= baseOffset)
    if (from < 0) return []
    this.#acceptedCount = Math.min(this.#acceptedCount, from)
    return this.#appended.splice(from).reverse()
  }

  refuse(undone: readonly Appended[], refusal: AppendOutcome): void {
    const first = undone.at(-1)
    for (const appended of undone) answer(appended, refusal)
    if (first === undefined) return
    this.#answerWhere((duplicate) => duplicate.lastOffset >= first.baseOffset, refusal)
  }

  refuseAll(refusal: AppendOutcome): void {
    for (const appended of this.#appended.splice(0)) answer(appended, refusal)
    this.#acceptedCount = 0
    this.#answerWhere(() => true, refusal)
  }

  /** Whoever is overdue hears so; the batches stay. */
  expire(monotonicMs: number, refusal: AppendOutcome): void {
    for (const appended of this.#appended) {
      if (appended.deadlineMs <= monotonicMs) answer(appended, refusal)
    }
    this.#answerWhere((duplicate) => duplicate.deadlineMs <= monotonicMs, refusal)
  }

  #answerDuplicates(ends: Ends): void {
    if (this.#duplicates.length === 0) return
    const isCovered = ({ acks, lastOffset }: WaitingDuplicate) =>
      lastOffset < (acks === -1 ? ends.durableEndOffset : ends.acceptedEndOffset)
    this.#answerWhere(isCovered, undefined)
  }

  /** @param outcome undefined gives each its own */
  #answerWhere(
    isMeant: (duplicate: WaitingDuplicate) => boolean,
    outcome: AppendOutcome | undefined,
  ): void {
    this.#duplicates = this.#duplicates.filter((duplicate) => {
      if (!isMeant(duplicate)) return true
      duplicate.resolve(outcome ?? duplicate.outcome)
      return false
    })
  }
}

function answer(appended: Appended, outcome: AppendOutcome): void {
  if (appended.isAnswered) return
  appended.isAnswered = true
  appended.resolve(outcome)
}
