// For tests of the coordinators: a clock that only they move, and a log of records whose
// appends they let through or refuse, one by one.

import type { Clock, Timer, Timers } from '../../host/clock.ts'
import type { GroupSettings, JoinRequest } from '../coordinators/groups/input.ts'
import type { GroupRecord } from '../coordinators/groups/records.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { ConsumerGroupNeeds } from './coordinator-consumer-group.ts'

/** Timers run when `advance` passes them; `stall` moves time without letting any run in between. */
export class ManualTime implements Clock, Timers {
  #nowMs = 1_000
  readonly #timers = new Set<{ dueMs: number; callback: () => void }>()

  nowMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  async yield(): Promise<void> {
    await Promise.resolve()
  }

  get timerCount(): number {
    return this.#timers.size
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined || next.dueMs > untilMs) break
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      this.#timers.delete(next)
      next.callback()
    }
    this.#nowMs = untilMs
  }

  stall(ms: number): void {
    this.#nowMs += ms
    this.advance(0)
  }
}

/** Appends settle when the test says so, oldest first. */
export class ManualLog<Record = GroupRecord> {
  readonly durable: Record[] = []
  /** Records of each append. */
  readonly batchSizes: number[] = []
  readonly #waiting: { records: readonly Record[]; settle: (code: ErrorCode) => void }[] = []

  readonly append = (records: readonly Record[]): Promise<ErrorCode> => {
    const { promise, resolve } = Promise.withResolvers<ErrorCode>()
    this.#waiting.push({ records, settle: resolve })
    this.batchSizes.push(records.length)
    return promise
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Lets one append through, or refuses it, and what waited for it go on. */
  async settle(errorCode: ErrorCode = ErrorCode.NONE): Promise<void> {
    const append = this.#waiting.shift()
    if (append === undefined) throw new Error('no append waits')
    if (errorCode === ErrorCode.NONE) this.durable.push(...append.records)
    append.settle(errorCode)
    await nextTurn()
  }

  /** The power goes: what waits is never heard of again. */
  lose(): void {
    this.#waiting.length = 0
  }

  async settleAll(errorCode: ErrorCode = ErrorCode.NONE): Promise<void> {
    while (this.#waiting.length > 0) await this.settle(errorCode)
  }
}

export const TEST_SETTINGS: GroupSettings = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 0,
  maxMembers: 100,
}

/** What members of consumer groups are told; no topic exists. */
export const TEST_CONSUMERS: ConsumerGroupNeeds = {
  topics: { version: 0, byName: () => undefined, byId: () => undefined },
  regexes: { resolve: async () => new Map() },
  settingsOf: () => ({
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 5_000,
    assignmentIntervalMs: 0,
    maxMembers: 100,
    assignors: ['uniform', 'range'],
  }),
}

export const TEST_MEMORY = {
  replace: () => undefined,
  add: () => undefined,
  hasRoomForBytes: () => true,
}

export function joinRequest(
  request: Partial<JoinRequest> = {},
): Omit<JoinRequest, 'kind' | 'token'> {
  return {
    groupId: 'orders',
    memberId: '',
    groupInstanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('a') }],
    newMemberId: 'a',
    requiresMemberId: false,
    maySkipAssignment: true,
    ...request,
  }
}

/** Everything that can go on without the clock or the disk has gone on. */
export async function nextTurn(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

/** What a promise has come to, or 'waiting'. */
export async function outcomeOf<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  return Promise.race([promise, nextTurn().then(() => 'waiting' as const)])
}
