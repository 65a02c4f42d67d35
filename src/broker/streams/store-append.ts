// One append from code in this process, on its way through its partition: what it wants, what was decided
// at its turn, and what it is answered once that is durable.

import { type AppendOutcome, refuse } from '../log/append-outcome.ts'
import { ErrorCode, errorName } from '../wire/error-codes.ts'
import type { AppendDecision, WantedCheck, WantedRecord } from './decide-append.ts'
import { type BatchEncoder, roomOf } from './encode-batch.ts'
import type {
  AppendedStream,
  NewEvent,
  StoreOutcome,
  StoreRefusal,
  StreamAppend,
} from './event-store.ts'
import type { ExpectedVersion } from './expected-version.ts'
import { firstVersionIn } from './read-wanted.ts'
import { ID_HEADER, kindOfTypeBytes, TYPE_HEADER } from './store-names.ts'
import { explainStreamRefusal, type StreamRefusal } from './stream-refusal.ts'
import type { StreamTable } from './stream-table.ts'

const UNDECIDED = refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'The append was not decided on.')

export interface AppendOwner {
  readonly topic: string
  readonly partition: number
  /** Of a stream that is held: when another try is worth it; undefined: that is not known. */
  readonly whenFree?: (stream: string) => Promise<void> | undefined
}

type Taken = Extract<AppendDecision, { kind: 'append' | 'duplicate' }>

export class StoreAppend {
  /** One for each event, in their order. */
  readonly wanted: readonly WantedRecord[]
  readonly checks: readonly WantedCheck[]
  /** Its records take at most so many bytes. */
  readonly room: number
  readonly outcome: Promise<StoreOutcome>
  readonly #owner: AppendOwner
  readonly #appends: readonly StreamAppend[]
  #resolve: (outcome: StoreOutcome) => void = unset
  #reject: (reason: unknown) => void = unset
  #decision: AppendDecision | undefined
  #baseOffset = -1
  #heads: readonly number[] = []

  constructor(owner: AppendOwner, appends: readonly StreamAppend[]) {
    // Arrays of the right length: one that grows takes room for 17 at once, and there are many of them.
    const wanted = new Array<WantedRecord>(countOf(appends))
    const checks: WantedCheck[] = []
    let room = 0
    let count = 0
    for (const { stream, expectedVersion, events } of appends) {
      const name = Buffer.from(stream)
      if (events.length === 0) checks.push({ name, expected: expectedVersion })
      for (let i = 0; i < events.length; i++) {
        wanted[count++] = wantedOf(name, i === 0 ? expectedVersion : undefined, events[i]!)
        room += roomOf(name.length, events[i]!)
      }
    }
    this.wanted = wanted
    this.checks = checks
    this.room = room
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#owner = owner
    this.#appends = appends
  }

  /** @param streams as they are right now */
  decided(decision: AppendDecision, baseOffset: number, streams: StreamTable): void {
    this.#decision = decision
    this.#baseOffset = baseOffset
    if (this.checks.length === 0 || isRefused(decision)) return
    this.#heads = this.checks.map(({ name }) => {
      const slot = streams.find(name, 0, name.length)
      return slot < 0 ? -1 : streams.headVersion(slot)
    })
  }

  encode(encoder: BatchEncoder, versions: readonly number[], nowMs: number): void {
    let i = 0
    for (const { events } of this.#appends) {
      for (const { value, headers, timestampMs = nowMs } of events) {
        const key = this.wanted[i]!.name
        encoder.add({ key, value, headers, timestampMs, version: versions[i]! })
        i += 1
      }
    }
  }

  /** Its stream was held by somebody else: resolves when it should be decided on anew. */
  get freed(): Promise<void> | undefined {
    const decision = this.#decision
    if (decision?.kind !== 'busy') return undefined
    return this.#owner.whenFree?.(decision.stream)
  }

  /** @param outcome says that what was decided is durable, or why it never will be */
  answer(outcome: AppendOutcome): void {
    const decision = this.#decision
    if (outcome.kind === 'refused' || decision === undefined) {
      const { errorCode, message } = outcome.kind === 'refused' ? outcome : UNDECIDED
      this.#resolve(refused({ kind: 'log', errorCode }, message ?? errorName(errorCode)))
    } else if (isRefused(decision)) {
      this.#resolve(refused(decision, explainStreamRefusal(decision, this.#owner.topic)))
    } else {
      const deduplicated = decision.kind === 'duplicate'
      this.#resolve({ kind: 'appended', streams: this.#streams(decision), deduplicated })
    }
  }

  fail(error: unknown): void {
    this.#reject(error)
  }

  #streams(decision: Taken): AppendedStream[] {
    const { topic, partition } = this.#owner
    let last = -1
    let checked = 0
    return this.#appends.map(({ stream, events }) => {
      if (events.length === 0) {
        return { stream, version: this.#heads[checked++] ?? -1, position: undefined }
      }
      last += events.length
      const known = decision.kind === 'duplicate' ? decision.events[last]! : undefined
      const version = decision.kind === 'append' ? decision.versions[last]! : known!.version
      const offset = known?.offset ?? this.#baseOffset + last
      return { stream, version, position: { topic, partition, offset } }
    })
  }
}

function countOf(appends: readonly StreamAppend[]): number {
  let count = 0
  for (const { events } of appends) count += events.length
  return count
}

const unset = () => undefined

export function refused(reason: StoreRefusal, message: string): StoreOutcome {
  return { kind: 'refused', reason, message }
}

function isRefused(decision: AppendDecision): decision is StreamRefusal {
  return decision.kind !== 'append' && decision.kind !== 'duplicate'
}

function wantedOf(
  name: Buffer,
  expected: ExpectedVersion | undefined,
  { headers, value }: NewEvent,
): WantedRecord {
  let id: Uint8Array | undefined
  let kind: WantedRecord['kind'] = 'event'
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    const bytes = header[1]
    if (bytes === null) continue
    if (header[0] === ID_HEADER) id = bytes
    else if (header[0] === TYPE_HEADER) kind = kindOfTypeBytes(bytes)
  }
  const beforeVersion = kind === 'truncated' ? firstVersionIn(value) : undefined
  return { name, nameStart: 0, nameEnd: name.length, kind, expected, id, beforeVersion }
}
