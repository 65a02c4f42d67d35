// The port by which consumers give up an event without losing it: the lot keeps the exact bytes, and
// the events of the same key that come after it, in order, until a redrive hands them back.
// A lot whose entries stand in the partition itself only notes them: see delaying/.
// Invariant: what `park` has resolved is durable; only then may the group's offset pass the event.

import type { IncomingRecord } from '../events/record.ts'
import type { TopicPartition } from '../transport/group-member.ts'
import type { SendRequest } from '../transport/producer.ts'

/**
 * Why an event is in the lot. `failed`: its handler, once too often; `crashed`: the process died in
 * its handler; `follows`: an earlier event of its key is there.
 */
export type ParkReason = 'failed' | 'undecodable' | 'invalid' | 'unknown' | 'crashed' | 'follows'

/** What went wrong, as far as it can be written down. */
export interface Failure {
  /** How often the handler ran; 0 when it never did. */
  readonly attempts: number
  readonly firstFailedMs: number
  readonly lastFailedMs: number
  readonly errorName: string
  readonly errorMessage: string
  /** `code` of the error, where it has one. */
  readonly errorCode: string | undefined
  readonly stack: string | undefined
}

export interface ParkEntry {
  /** As it was read: its position is its identity in the lot, so that parking twice is harmless. */
  readonly record: IncomingRecord
  readonly reason: ParkReason
  /** Undefined for a follower: it never ran. */
  readonly failure: Failure | undefined
  /** From now on the later events of its key follow it. Never with a record whose key is null. */
  readonly holdsKey: boolean
}

/**
 * `full`: a limit of the lot is reached. Nothing was written; the partition waits, nothing is dropped.
 * `live`: the last event that a follower would have followed has just left; it is to be handled.
 */
export type ParkOutcome =
  | { readonly kind: 'parked' }
  | { readonly kind: 'live' }
  | { readonly kind: 'full'; readonly limit: string }

/** What a redriven event came to. After `failed` it stays where it is, and its key stays parked. */
export type RedriveOutcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The partition is being given up: go on where it is owned next. */
  | { readonly kind: 'revoked' }

/** What the consumer offers to a lot that has events to hand back. */
export interface Redriving {
  /**
   * Runs the event through the consumer's handlers, with its retries. Events of one key are to be
   * handed over one after another; live events of the key follow into the lot meanwhile.
   * @param alongside written together with what the handler publishes: in one transaction where the
   * engine has them, else after it. This is where the lot notes that the event has left it.
   */
  handle(record: IncomingRecord, alongside: readonly SendRequest[]): Promise<RedriveOutcome>
  /**
   * The partition's offset as it is committed: what stands below will not come again. Only that is
   * redriven, or a crash could bring an event back that has been redriven already.
   */
  committedBelow(): number
}

/** What the consumer offers besides to a lot that writes on its own account. */
export interface PartitionOwner extends Redriving {
  /**
   * Together, where the engine has transactions; refused then once the partition is somebody else's.
   * Waits until the partition is worked on.
   * @throws FencedMemberError, and what the engine says. After OutcomeUnknownError it is decided
   * whether they stand, and can be read.
   */
  send(requests: readonly SendRequest[]): Promise<void>
}

/** One assigned partition's part of the lot. One owner at a time: the group's generation sees to it. */
export interface ParkedPartition {
  /**
   * Whether an event of this key follows into the lot. Must answer from memory: it is asked per event.
   * @param offset of the event; one that is earlier than what is parked comes again after a crash, and
   * does not follow. Undefined: an event that is yet to come.
   */
  holds(key: Uint8Array, offset?: number): boolean
  /**
   * Entries of a partition are given one after another for a key, several keys at a time.
   * @throws when it could not be written: the event is not finished then, and is tried again
   */
  park(entry: ParkEntry): Promise<ParkOutcome>
  /** The partition is given up; what is being redriven is told `revoked`. Idempotent. */
  close(): Promise<void>
}

/** How many events may be parked. Beyond that the partition of the next one stops until there is room. */
export interface ParkedLimits {
  /** Of one key, the failed one included. Default: 1,000. */
  readonly perKey?: number
  /** Of one partition that is read. Default: 10,000. */
  readonly perPartition?: number
  /**
   * Of the whole group, in equal shares for all partitions that it reads: each knows its own without
   * asking the others. At least one event each. Default: what the partitions may have together.
   */
  readonly perGroup?: number
}

export interface ParkingLot {
  /**
   * Called at assignment, before the partition's first event is handled: reads which keys are parked.
   * @throws when that cannot be read: the consumer then does not begin with the partition, and asks again
   */
  open(partition: TopicPartition, owner: PartitionOwner): Promise<ParkedPartition>
}
