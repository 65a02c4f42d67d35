// When progress is committed: soon after something was finished, at once when much is uncommitted, and
// until it works. What to commit and how is the committer's.

import type { Timer } from '../../../host/clock.ts'
import { FencedMemberError } from '../../transport/errors.ts'
import type { GroupMember } from '../../transport/group-member.ts'
import type { World } from '../../transport/transport.ts'
import { type Backoff, exponential } from '../failing/backoff.ts'
import type { ConsumerLimits } from '../limits.ts'
import type { Untold } from '../notifications.ts'
import type { Committer } from './committer.ts'
import type { PartitionRun } from './partition-run.ts'
import { sleep } from './waiting.ts'

interface CommitLoopOptions {
  readonly committer: Committer
  readonly world: World
  readonly limits: ConsumerLimits
  /** Aborted when the consumer closes: only last commits are made then. */
  readonly closing: AbortSignal
  member(): GroupMember | undefined
  runs(): Iterable<PartitionRun>
  /** There may be room again. */
  committed(run: PartitionRun): void
  notify(notification: Untold): void
}

export class CommitLoop {
  readonly #options: CommitLoopOptions
  readonly #trouble: Backoff
  #timer: Timer | undefined
  #troubles = 0
  #isCommitting = false

  constructor(options: CommitLoopOptions) {
    const { troubleDelayMs, maxTroubleDelayMs } = options.limits
    this.#options = options
    this.#trouble = exponential(`${troubleDelayMs}ms`, {
      max: `${maxTroubleDelayMs}ms`,
      jitter: 'none',
    })
  }

  /** Something of this partition may be finished. */
  touched(run: PartitionRun): void {
    if (!run.hasUncommitted) return
    if (run.isCommitUrgent) void this.#commitAll()
    else this.#commitAfter(this.#options.limits.commitIntervalMs)
  }

  /** Resolves once it is durable, or the partition or the consumer is given up. */
  async untilDone(run: PartitionRun): Promise<void> {
    for (let troubles = 1; ; troubles++) {
      const isAlive = run.state === 'opening' || run.state === 'open'
      if (!isAlive || this.#options.closing.aborted) return
      if (await this.#tryCommit([run], true)) return
      await this.#pause(troubles, this.#options.closing)
    }
  }

  /** What is finished of partitions that are given up in good order. */
  async last(runs: readonly PartitionRun[]): Promise<void> {
    for (let troubles = 1; ; troubles++) {
      const alive = runs.filter(({ state }) => state === 'closing')
      if (alive.length === 0 || this.#options.member() === undefined) return
      if (await this.#tryCommit(alive, false)) return
      await this.#pause(troubles, undefined)
    }
  }

  close(): void {
    this.#timer?.cancel()
  }

  #commitAfter(delayMs: number): void {
    this.#timer ??= this.#options.world.timers.after(delayMs, () => {
      this.#timer = undefined
      void this.#commitAll()
    })
  }

  async #commitAll(): Promise<void> {
    const runs = [...this.#options.runs()].filter(
      (run) => run.state === 'open' && run.hasUncommitted,
    )
    if (this.#isCommitting || runs.length === 0) return
    this.#isCommitting = true
    const isDone = await this.#tryCommit(runs, true)
    this.#isCommitting = false
    this.#troubles = isDone ? 0 : this.#troubles + 1
    if (isDone) for (const run of runs) this.#options.committed(run)
    else this.#commitAfter(this.#delayMs(this.#troubles))
  }

  /** @returns whether there is nothing left to try */
  async #tryCommit(runs: readonly PartitionRun[], isOpen: boolean): Promise<boolean> {
    const member = this.#options.member()
    if (member === undefined) return false
    try {
      await this.#options.committer.commit(member, { runs, isOpen })
      return true
    } catch (error) {
      this.#options.notify({ kind: 'commit-failed', error })
      // It will be told of what it has lost; until then asking again is all there is to do.
      return !isOpen && error instanceof FencedMemberError
    }
  }

  #pause(troubles: number, until: AbortSignal | undefined): Promise<void> {
    return sleep(this.#options.world.timers, this.#delayMs(troubles), until)
  }

  #delayMs(troubles: number): number {
    return this.#trouble.delayMs(troubles, this.#options.world.random)
  }
}
