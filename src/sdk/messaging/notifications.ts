// What a consumer tells of itself while it runs. Each is a fact with its numbers, for a log line, a
// metric or an alarm; nothing depends on somebody listening.

import type { Position } from '../events/record.ts'
import type { TopicPartition } from '../transport/group-member.ts'
import type { Failure, ParkReason } from './parking-lot.ts'

/**
 * Why events wait although there is room: `outage`, events of several keys failed one after another;
 * `park-limit`, so many were given up that the code is suspected.
 */
export type PauseReason = 'outage' | 'park-limit'

export type ConsumerNotification = Untold & { readonly group: string }

/** Before it says whose it is. */
export type Untold =
  | { readonly kind: 'assigned'; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'revoked'; readonly partitions: readonly TopicPartition[] }
  /** Gone before anything could be committed: what was not is handled again by the next owner. */
  | { readonly kind: 'lost'; readonly partitions: readonly TopicPartition[] }
  | {
      readonly kind: 'parked'
      readonly reason: ParkReason
      readonly position: Position
      readonly failure: Failure | undefined
    }
  /** The lot could not be written or is full; the event waits, and its key with it. */
  | { readonly kind: 'park-failed'; readonly position: Position; readonly error: unknown }
  /** Its partition waits until it can be read which keys are parked. */
  | { readonly kind: 'lot-unreadable'; readonly partition: TopicPartition; readonly error: unknown }
  | { readonly kind: 'paused'; readonly reason: PauseReason; readonly error: unknown }
  | { readonly kind: 'resumed' }
  /** More events are waiting than before, or a limit was crossed; `lag` counts unread offsets. */
  | { readonly kind: 'lagging'; readonly partition: TopicPartition; readonly lag: number }
  /** A handler did not stop when it was aborted; its event goes on without it. */
  | { readonly kind: 'stalled'; readonly position: Position; readonly forMs: number }
  /** The event loop was held: heartbeats and timers were that late. */
  | { readonly kind: 'event-loop-held'; readonly forMs: number }
  | { readonly kind: 'commit-failed'; readonly error: unknown }
  | { readonly kind: 'rejoining'; readonly error: unknown }
  /** It has ended by itself, and stays so. */
  | { readonly kind: 'stopped'; readonly error: unknown }
