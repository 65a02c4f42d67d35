import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../bytes/uuid.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { type FetchPartition, type FetchSession, FetchSessions } from './fetch-sessions.ts'

const NEWS = {
  errorCode: ErrorCode.NONE,
  highWatermark: 10,
  logStartOffset: 0,
  hasRecords: false,
  isDiverging: false,
}

function sessionsOf(maxSessions = 3, maxPartitions = 100) {
  const clock = { nowMs: () => 0, monotonicMs: () => clock.time, time: 0 }
  let seed = 0
  const random = {
    bytes: (length: number) => Buffer.alloc(length, ++seed),
    uuid: () => ZERO_UUID,
  }
  return { clock, sessions: new FetchSessions({ maxSessions, maxPartitions, clock, random }) }
}

function wanted(partition: number, fetchOffset = 0): FetchPartition {
  return {
    topic: 'orders',
    topicId: ZERO_UUID,
    partition,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1000,
  }
}

function request(
  sessionId: number,
  sessionEpoch: number,
  change: { partitions?: FetchPartition[]; forgotten?: number[]; usesTopicIds?: boolean } = {},
) {
  return {
    sessionId,
    sessionEpoch,
    usesTopicIds: change.usesTopicIds ?? false,
    partitions: change.partitions ?? [],
    forgotten: (change.forgotten ?? []).map((partition) => ({
      topic: 'orders',
      topicId: ZERO_UUID,
      partition,
    })),
  }
}

function create(sessions: FetchSessions, partitions: FetchPartition[]): FetchSession {
  const session = sessions.create(false, partitions)
  assert.ok(session !== undefined)
  return session
}

describe('fetch sessions', () => {
  it('a request with id 0 and epoch -1 has no session', () => {
    const { sessions } = sessionsOf()

    const context = sessions.begin(request(0, -1, { partitions: [wanted(0)] }))

    assert.equal(context.kind, 'sessionless')
    assert.deepEqual(context.kind === 'sessionless' && context.partitions, [wanted(0)])
  })

  it('an incremental request fetches what the session holds, changed by what it names', () => {
    const { sessions } = sessionsOf()
    const { id } = create(sessions, [wanted(0), wanted(1), wanted(2)])

    const change = { partitions: [wanted(1, 50), wanted(3)], forgotten: [0] }
    const context = sessions.begin(request(id, 1, change))

    assert.equal(context.kind, 'incremental')
    const partitions = context.kind === 'incremental' && context.partitions
    assert.deepEqual(partitions, [wanted(1, 50), wanted(2), wanted(3)])
  })

  it('each request carries the next epoch; any other is 71, an unknown id is 70', () => {
    const { sessions } = sessionsOf()
    const { id } = create(sessions, [wanted(0)])

    assert.equal(sessions.begin(request(id, 1)).kind, 'incremental')
    const repeated = sessions.begin(request(id, 1))
    const unknown = sessions.begin(request(id + 1, 1))
    assert.equal(sessions.begin(request(id, 2)).kind, 'incremental')

    const invalid = { kind: 'refused', errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH }
    assert.deepEqual(repeated, invalid)
    const notFound = { kind: 'refused', errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    assert.deepEqual(unknown, notFound)
  })

  it('the epoch wraps from 2^31-1 to 1, because 0 would start a new session', () => {
    const { sessions } = sessionsOf()
    const session = create(sessions, [wanted(0)])
    session.epoch = 2 ** 31 - 1

    assert.equal(sessions.begin(request(session.id, 2 ** 31 - 1)).kind, 'incremental')
    assert.equal(sessions.begin(request(session.id, 1)).kind, 'incremental')
  })

  it('a session does not change between topic names and topic ids: 106', () => {
    const { sessions } = sessionsOf()
    const { id } = create(sessions, [wanted(0)])

    const context = sessions.begin(request(id, 1, { usesTopicIds: true }))

    const switched = { kind: 'refused', errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR }
    assert.deepEqual(context, switched)
  })

  it('epoch -1 closes the session and is served without one; epoch 0 replaces it', () => {
    const { sessions } = sessionsOf()
    const closed = create(sessions, [wanted(0)])
    const replaced = create(sessions, [wanted(0)])

    assert.equal(sessions.begin(request(closed.id, -1)).kind, 'sessionless')
    assert.equal(sessions.begin(request(replaced.id, 0)).kind, 'new')

    assert.equal(sessions.size, 0)
  })

  it('a session whose last partition is forgotten ends', () => {
    const { sessions } = sessionsOf()
    const { id } = create(sessions, [wanted(0)])

    const context = sessions.begin(request(id, 1, { forgotten: [0] }))

    assert.deepEqual(context, { kind: 'sessionless', partitions: [] })
    assert.equal(sessions.size, 0)
  })

  it('tells a partition once, then only its news', () => {
    const { sessions } = sessionsOf()
    const session = create(sessions, [wanted(0)])

    assert.equal(session.tell(wanted(0), NEWS), true, 'never told before')
    assert.equal(session.tell(wanted(0), NEWS), false, 'nothing new')
    assert.equal(session.tell(wanted(0), { ...NEWS, highWatermark: 11 }), true)
    assert.equal(session.tell(wanted(0), { ...NEWS, highWatermark: 11, logStartOffset: 5 }), true)
    assert.equal(
      session.tell(wanted(0), { ...NEWS, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }),
      true,
    )
    assert.equal(session.tell(wanted(0), NEWS), true, 'the first good answer after an error')
    assert.equal(session.tell(wanted(0), { ...NEWS, hasRecords: true }), true)
  })

  it('a partition that gave data goes to the end, so that none starves', () => {
    const { sessions } = sessionsOf()
    const session = create(sessions, [wanted(0), wanted(1), wanted(2)])

    session.tell(wanted(0), { ...NEWS, hasRecords: true })
    const context = sessions.begin(request(session.id, 1))

    const order = context.kind === 'incremental' && context.partitions.map((p) => p.partition)
    assert.deepEqual(order, [1, 2, 0])
  })

  it('a full cache gives no session until the least recently used was idle for two minutes', () => {
    const { sessions, clock } = sessionsOf(2)
    const oldest = create(sessions, [wanted(0)])
    const younger = create(sessions, [wanted(0)])
    assert.equal(sessions.create(false, [wanted(0)]), undefined)
    clock.time = 60_000
    sessions.begin(request(oldest.id, 1))
    clock.time = 130_000

    const fresh = create(sessions, [wanted(0)])

    assert.equal(sessions.size, 2)
    assert.equal(sessions.begin(request(younger.id, 1)).kind, 'refused', 'the idle one went')
    assert.equal(sessions.begin(request(oldest.id, 2)).kind, 'incremental')
    assert.equal(sessions.begin(request(fresh.id, 1)).kind, 'incremental')
  })

  it('all sessions together hold no more partitions than their bound', () => {
    const { sessions } = sessionsOf(3, 4)
    const first = create(sessions, [wanted(0), wanted(1)])
    const second = create(sessions, [wanted(0)])

    assert.equal(sessions.create(false, [wanted(0), wanted(1)]), undefined)
    const grown = sessions.begin(request(second.id, 1, { partitions: [wanted(1), wanted(2)] }))

    const notFound = { kind: 'refused', errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    assert.deepEqual(grown, notFound)
    assert.equal(sessions.begin(request(first.id, 1)).kind, 'incremental', 'others go on')
    create(sessions, [wanted(0), wanted(1)])
  })
})
