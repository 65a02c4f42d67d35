// One assigned partition in the hands of this member: what was fetched, what is finished, what waits
// to be sent with the progress, and whether the last owner died over it.
//
// An event that kills the process must be found although nobody survives to tell. The progress says
// `isOpen` while somebody works on the partition, so the next owner knows that the last one died. After
// the second death in a row the events that may have been running then are run one at a time, each
// counted durably before its handler runs. That zone is small: no more than `maxUncommittedEvents`
// are ever begun beyond what is committed.

import type { IncomingRecord, OutgoingRecord } from '../../events/record.ts'
import type {
  AssignedPartition,
  FetchedPartition,
  OffsetCommit,
  TopicPartition,
} from '../../transport/group-member.ts'
import { Fifo } from '../ordering/fifo.ts'
import { OffsetTracker } from '../ordering/offset-tracker.ts'
import { decodeProgress, encodeProgress, FULL_FROM, type Suspect } from '../ordering/progress.ts'
import type { ParkedPartition } from '../parking-lot.ts'

/** A record that a handler published, or that its failure left behind. */
export interface Output {
  readonly topic: string
  readonly record: OutgoingRecord
}

/** What one handling published, and what to do when the engine will not take it. */
export interface FinishedOutputs {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly outputs: readonly Output[]
  /** Resolves once the events are given up; then the outputs are no more. */
  giveUp(error: unknown): Promise<void>
}

/** What is to be committed, and what is to be sent with it. */
export interface Snapshot {
  readonly run: PartitionRun
  readonly commit: OffsetCommit
  readonly outputs: readonly FinishedOutputs[]
  readonly finishes: number
  readonly uncovered: number
}

/** Deaths after which the events that were running are run one at a time. */
const CRASHES_TO_SUSPECT = 2
const MAX_SUSPECTS = 8

export class PartitionRun {
  readonly id: string
  readonly place: TopicPartition
  /** `opening`: nothing is handled yet; `closing`: nothing is begun any more; `closed`: too late. */
  state: 'opening' | 'open' | 'closing' | 'closed' = 'opening'
  lot: ParkedPartition | undefined
  isPaused = false
  isLagging = false
  /** Handlings that have begun and not ended. */
  underWay = 0
  /** Something was finished, and its owner is still to be told. */
  isTouched = false
  readonly #tracker: OffsetTracker
  readonly #maxUncommitted: number
  readonly #backlog = new Fifo<IncomingRecord>()
  #backlogBytes = 0
  #received: number
  #fetchedTo: number
  #endOffset: number | undefined
  #outputs: FinishedOutputs[] = []
  #finishes = 0
  #committedFinishes = 0
  #committedOffset: number
  #lastCommit: OffsetCommit | undefined
  #uncovered = 0
  #fullness = 0
  #crashes: number
  #suspects: Suspect[]
  #zoneEvents: number
  #zoneEnd = Number.POSITIVE_INFINITY

  constructor(assigned: AssignedPartition, maxUncommitted: number) {
    const { topic, partition, offset, metadata } = assigned
    this.id = partitionId(assigned)
    this.place = { topic, partition }
    const progress = decodeProgress(offset, metadata)
    this.#tracker = new OffsetTracker(offset, progress.done)
    this.#maxUncommitted = maxUncommitted
    this.#zoneEvents = maxUncommitted
    this.#received = offset
    this.#committedOffset = offset
    this.#fetchedTo = offset
    this.#crashes = progress.crashes + (progress.isOpen ? 1 : 0)
    this.#suspects = [...progress.suspects]
  }

  /** The events that may have killed the process are run one at a time. */
  get isSuspect(): boolean {
    return this.#crashes >= CRASHES_TO_SUSPECT
  }

  get backlog(): { readonly count: number; readonly bytes: number } {
    return { count: this.#backlog.size, bytes: this.#backlogBytes }
  }

  /** Offsets that can be read and are not finished; undefined before anything was fetched. */
  get lag(): number | undefined {
    return this.#endOffset === undefined
      ? undefined
      : Math.max(0, this.#endOffset - this.#tracker.watermark)
  }

  get watermark(): number {
    return this.#tracker.watermark
  }

  get committedOffset(): number {
    return this.#committedOffset
  }

  /** What this owner has committed last; undefined before the first time. */
  get lastCommit(): OffsetCommit | undefined {
    return this.#lastCommit
  }

  get hasUncommitted(): boolean {
    return (
      this.#finishes > this.#committedFinishes || this.#tracker.watermark > this.#committedOffset
    )
  }

  /** A commit would make so much room that it should not wait for its time. */
  get isCommitUrgent(): boolean {
    const finished = this.#finishes - this.#committedFinishes
    return finished * 2 >= this.#maxUncommitted - this.#uncovered || this.#fullness >= FULL_FROM
  }

  fetched(fetched: FetchedPartition): void {
    for (const record of fetched.records) {
      if (record.offset < this.#fetchedTo) continue
      this.#backlog.push(record)
      this.#backlogBytes += recordBytes(record)
    }
    this.#fetchedTo = Math.max(this.#fetchedTo, fetched.nextOffset)
    if (this.#endOffset === undefined) this.#zoneEnd = fetched.endOffset
    this.#endOffset = fetched.endOffset
    this.#advance()
  }

  /** The next event to begin with; undefined when there is none, or too much is begun already. */
  next(): { readonly record: IncomingRecord; readonly ticket: number } | undefined {
    while (this.state === 'open' && this.#hasRoom) {
      const record = this.#backlog.shift()
      if (record === undefined) break
      this.#backlogBytes -= recordBytes(record)
      this.#received = record.offset + 1
      const ticket = this.#tracker.receive(record.offset)
      if (ticket === undefined) continue
      if (this.#zoneEvents > 0 && --this.#zoneEvents === 0) {
        this.#zoneEnd = Math.min(this.#zoneEnd, this.#received)
      }
      return { record, ticket }
    }
    this.#advance()
    return undefined
  }

  /** @param finished consecutive events of one handling */
  finish(finished: readonly { readonly offset: number; readonly ticket: number }[]): void {
    for (const { offset, ticket } of finished) {
      this.#tracker.finish(ticket)
      this.#forgetSuspect(offset)
    }
    this.#finishes += finished.length
    if (this.#crashes > 0 && this.#tracker.watermark >= this.#zoneEnd) {
      this.#crashes = 0
      this.#suspects = []
    }
  }

  /** What events that were just finished published: it goes with all of them. */
  keep(outputs: FinishedOutputs): void {
    this.#outputs.push(outputs)
  }

  /** How often the process died while this event ran alone. */
  deathsOf(offset: number): number {
    return this.#suspects.find((suspect) => suspect.offset === offset)?.deaths ?? 0
  }

  /** Its handler is about to run alone; to be committed before it does. */
  count(offset: number): void {
    const deaths = this.deathsOf(offset) + 1
    const others = this.#suspects.filter((suspect) => suspect.offset !== offset)
    this.#suspects = [...others, { offset, deaths }].slice(-MAX_SUSPECTS)
    this.#finishes++
  }

  /** Its handler has ended without killing anybody. */
  discount(offset: number): void {
    this.#forgetSuspect(offset)
  }

  /** @param isOpen false when the partition is given up in good order */
  snapshot(isOpen: boolean): Snapshot {
    const offset = this.#tracker.watermark
    const spans = this.#tracker.spans()
    const encode = (below: number) => {
      const done = spans.filter(({ start }) => start < below)
      const suspects = this.#suspects.filter((suspect) => suspect.offset >= offset)
      const encoded = encodeProgress(offset, { isOpen, crashes: this.#crashes, suspects, done })
      return { ...encoded, coveredBelow: Math.min(below, encoded.coveredBelow) }
    }
    let encoded = encode(Number.POSITIVE_INFINITY)
    // What was handled together is recorded together, or what it published would be lost or doubled.
    for (;;) {
      const below = encoded.coveredBelow
      const split = this.#outputs.find(({ firstOffset, lastOffset }) => {
        return firstOffset < below && lastOffset >= below
      })
      if (split === undefined) break
      encoded = encode(split.firstOffset)
    }
    this.#fullness = encoded.fullness
    const { metadata, coveredBelow } = encoded
    const isCovered = ({ lastOffset }: FinishedOutputs) =>
      lastOffset < Math.max(coveredBelow, offset)
    const uncovered = Number.isFinite(coveredBelow) ? this.#tracker.finishedFrom(coveredBelow) : 0
    return {
      run: this,
      commit: { ...this.place, offset, metadata },
      outputs: this.#outputs.filter(isCovered),
      finishes: this.#finishes,
      uncovered,
    }
  }

  committed(snapshot: Snapshot): void {
    this.#committedFinishes = snapshot.finishes
    this.#committedOffset = snapshot.commit.offset
    this.#lastCommit = snapshot.commit
    this.#uncovered = snapshot.uncovered
    this.dropOutputs(snapshot.outputs)
  }

  /** They went out, or were given up: they are not to be sent any more. */
  dropOutputs(dropped: readonly FinishedOutputs[]): void {
    const gone = new Set(dropped)
    if (gone.size > 0) this.#outputs = this.#outputs.filter((one) => !gone.has(one))
  }

  get #uncommitted(): number {
    return this.#tracker.unfinished + this.#uncovered + (this.#finishes - this.#committedFinishes)
  }

  get #hasRoom(): boolean {
    return this.#uncommitted < this.#maxUncommitted && this.#fullness < FULL_FROM
  }

  /** Offsets between records, and after the last one, hold no event. */
  #advance(): void {
    if (this.#backlog.size > 0) return
    this.#tracker.advanceTo(this.#fetchedTo)
  }

  #forgetSuspect(offset: number): void {
    if (this.#suspects.length === 0) return
    this.#suspects = this.#suspects.filter((suspect) => suspect.offset !== offset)
  }
}

export function partitionId({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

export function recordBytes(record: IncomingRecord): number {
  return record.sizeBytes ?? (record.key?.length ?? 0) + (record.value?.length ?? 0)
}
