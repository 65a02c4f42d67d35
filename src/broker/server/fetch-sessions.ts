// Fetch sessions (KIP-227): the broker remembers which partitions a client fetches, so that later
// requests name only what changed, and answers leave out partitions with nothing new.
// Invariant: a session is as the client believes it to be, or the client is told 70 or 71 and starts
// over. Partitions that gave data go to the end of the order, so that none starves under
// `max_bytes`. Sessions are bounded (`max.incremental.fetch.session.cache.slots`), and so are the
// partitions in all of them (`millrace.max.fetch.session.partitions`).

import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { ErrorCode } from '../wire/error-codes.ts'

/** What a client asks of one partition. By name up to Fetch v12, by topic id from v13 on. */
export interface FetchPartition {
  /** Empty when the request names topics by id. */
  readonly topic: string
  /** ZERO_UUID when the request names topics by name. */
  readonly topicId: string
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly fetchOffset: number
  readonly lastFetchedEpoch: number
  readonly partitionMaxBytes: number
}

/** What the client was last told of a partition: an answer without news may leave it out. */
interface CachedPartition {
  wanted: FetchPartition
  highWatermark: number
  logStartOffset: number
}

export interface PartitionNews {
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly hasRecords: boolean
  readonly isDiverging: boolean
}

export interface FetchSessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  /** Whether the request names topics by id (v13 and up). */
  readonly usesTopicIds: boolean
  readonly partitions: readonly FetchPartition[]
  readonly forgotten: readonly { topic: string; topicId: string; partition: number }[]
}

export type FetchContext =
  | { readonly kind: 'sessionless'; readonly partitions: readonly FetchPartition[] }
  | { readonly kind: 'new'; readonly partitions: readonly FetchPartition[] }
  | {
      readonly kind: 'incremental'
      readonly partitions: readonly FetchPartition[]
      readonly session: FetchSession
    }
  | { readonly kind: 'refused'; readonly errorCode: ErrorCode }

const NO_SESSION = 0
const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_INT32 = 2 ** 31 - 1
/** A session that was not used for this long may be evicted by a new one. */
const EVICT_AFTER_MS = 120_000
/** An unknown mark: whatever the partition's is, it is news. */
const NEVER_TOLD = -2

export class FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  /** The epoch that the next request has to carry. */
  epoch = 1
  lastUsedMs: number
  readonly #partitions = new Map<string, CachedPartition>()

  constructor(options: { id: number; usesTopicIds: boolean; nowMs: number }) {
    this.id = options.id
    this.usesTopicIds = options.usesTopicIds
    this.lastUsedMs = options.nowMs
  }

  get size(): number {
    return this.#partitions.size
  }

  wanted(): FetchPartition[] {
    return [...this.#partitions.values()].map((cached) => cached.wanted)
  }

  put(wanted: FetchPartition): void {
    const cached = this.#partitions.get(keyOf(wanted))
    if (cached !== undefined) cached.wanted = wanted
    else {
      const fresh = { wanted, highWatermark: NEVER_TOLD, logStartOffset: NEVER_TOLD }
      this.#partitions.set(keyOf(wanted), fresh)
    }
  }

  forget(partition: { topic: string; topicId: string; partition: number }): void {
    this.#partitions.delete(keyOf(partition))
  }

  /** Notes what the client is being told. Returns whether an incremental answer must say it. */
  tell(wanted: FetchPartition, news: PartitionNews): boolean {
    const key = keyOf(wanted)
    const cached = this.#partitions.get(key)
    if (cached === undefined) return true
    const isNews =
      news.hasRecords ||
      news.errorCode !== ErrorCode.NONE ||
      news.isDiverging ||
      news.highWatermark !== cached.highWatermark ||
      news.logStartOffset !== cached.logStartOffset
    // After an error the client does not know the marks: the next good answer is news.
    const isError = news.errorCode !== ErrorCode.NONE
    cached.highWatermark = isError ? NEVER_TOLD : news.highWatermark
    cached.logStartOffset = isError ? NEVER_TOLD : news.logStartOffset
    if (news.hasRecords) {
      this.#partitions.delete(key)
      this.#partitions.set(key, cached)
    }
    return isNews
  }
}

export class FetchSessions {
  readonly #maxSessions: number
  readonly #maxPartitions: number
  readonly #clock: Clock
  readonly #random: Random
  /** In the order of their last use. */
  readonly #sessions = new Map<number, FetchSession>()
  /** Of all sessions. */
  #partitionCount = 0

  constructor(options: {
    maxSessions: number
    maxPartitions: number
    clock: Clock
    random: Random
  }) {
    this.#maxSessions = options.maxSessions
    this.#maxPartitions = options.maxPartitions
    this.#clock = options.clock
    this.#random = options.random
  }

  get size(): number {
    return this.#sessions.size
  }

  /** What this request fetches: it moves the session on, or ends it, as the request says. */
  begin(request: FetchSessionRequest): FetchContext {
    const { sessionId, sessionEpoch, partitions } = request
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.#remove(this.#sessions.get(sessionId))
      return { kind: sessionEpoch === FINAL_EPOCH ? 'sessionless' : 'new', partitions }
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) {
      return { kind: 'refused', errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    }
    if (session.epoch !== sessionEpoch) {
      return { kind: 'refused', errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH }
    }
    if (session.usesTopicIds !== request.usesTopicIds) {
      return { kind: 'refused', errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR }
    }
    return this.#moveOn(session, request)
  }

  /** Remembers a new session after its first answer. undefined: the cache is full of live ones. */
  create(usesTopicIds: boolean, partitions: readonly FetchPartition[]): FetchSession | undefined {
    if (partitions.length === 0 || !this.#makeRoom()) return undefined
    if (this.#partitionCount + partitions.length > this.#maxPartitions) return undefined
    const nowMs = this.#clock.monotonicMs()
    const session = new FetchSession({ id: this.#freeId(), usesTopicIds, nowMs })
    for (const wanted of partitions) session.put(wanted)
    this.#add(session)
    return session
  }

  #moveOn(session: FetchSession, request: FetchSessionRequest): FetchContext {
    this.#remove(session)
    for (const wanted of request.partitions) session.put(wanted)
    for (const forgotten of request.forgotten) session.forget(forgotten)
    if (session.size === 0) return { kind: 'sessionless', partitions: [] }
    if (this.#partitionCount + session.size > this.#maxPartitions) {
      // The client starts over, and is then served without a session.
      return { kind: 'refused', errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    }
    session.epoch = session.epoch === MAX_INT32 ? 1 : session.epoch + 1
    session.lastUsedMs = this.#clock.monotonicMs()
    this.#add(session)
    return { kind: 'incremental', partitions: session.wanted(), session }
  }

  #add(session: FetchSession): void {
    this.#sessions.set(session.id, session)
    this.#partitionCount += session.size
  }

  #remove(session: FetchSession | undefined): void {
    if (session === undefined) return
    this.#sessions.delete(session.id)
    this.#partitionCount -= session.size
  }

  #makeRoom(): boolean {
    if (this.#sessions.size < this.#maxSessions) return true
    const [oldest] = this.#sessions.values()
    if (oldest === undefined) return false
    if (this.#clock.monotonicMs() - oldest.lastUsedMs < EVICT_AFTER_MS) return false
    this.#remove(oldest)
    return true
  }

  /** Not to be guessed: a session is another client's state. */
  #freeId(): number {
    for (;;) {
      const id = this.#random.bytes(4).readUInt32BE(0) & MAX_INT32
      if (id !== NO_SESSION && !this.#sessions.has(id)) return id
    }
  }
}

function keyOf(partition: { topic: string; topicId: string; partition: number }): string {
  return `${partition.topicId} ${partition.topic} ${partition.partition}`
}
