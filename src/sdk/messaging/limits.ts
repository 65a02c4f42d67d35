// The limits of a running consumer, by name. Those that a definition sets are not here.

export interface ConsumerLimits {
  /** Events that are fetched and not finished, over all partitions; each has its share. */
  readonly maxBufferedEvents: number
  readonly maxBufferedBytes: number
  /** Soft. More at once is not faster on a near broker, and what waits unread costs collections of garbage. */
  readonly maxPollBytes: number
  /**
   * Events of a partition that are begun and not known as finished by what is committed. A process
   * that dies was in one of them: see `isSuspect` in partition-run.ts.
   */
  readonly maxUncommittedEvents: number
  readonly commitIntervalMs: number
  /** How long a handler whose signal was aborted may take to stop. */
  readonly abortGraceMs: number
  /** How long handlers may go on when their partition goes to another member. */
  readonly revokeWaitMs: number
  /** Between attempts to commit, to park, to join, to open a lot. */
  readonly troubleDelayMs: number
  readonly maxTroubleDelayMs: number
  /** How often the process may die while an event runs alone before the event is parked. */
  readonly maxDeaths: number
  readonly circuit: {
    readonly failures: number
    readonly keys: number
    readonly probeMs: number
    readonly maxProbeMs: number
  }
  readonly parking: {
    readonly consecutive: number
    readonly ratio: number
    readonly window: number
  }
  /** Unread events of a partition above which it is called lagging. */
  readonly lagThreshold: number
  /** An event loop held for longer is told of. */
  readonly eventLoopHeldMs: number
}

export const DEFAULT_LIMITS: ConsumerLimits = {
  maxBufferedEvents: 2_000,
  maxBufferedBytes: 32 * 1024 * 1024,
  maxPollBytes: 512 * 1024,
  maxUncommittedEvents: 1_000,
  commitIntervalMs: 100,
  abortGraceMs: 5_000,
  revokeWaitMs: 10_000,
  troubleDelayMs: 200,
  maxTroubleDelayMs: 30_000,
  maxDeaths: 2,
  circuit: { failures: 20, keys: 5, probeMs: 1_000, maxProbeMs: 30_000 },
  parking: { consecutive: 100, ratio: 0.5, window: 1_000 },
  lagThreshold: 10_000,
  eventLoopHeldMs: 1_000,
}
