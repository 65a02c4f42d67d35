import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../bytes/uuid.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { OffsetToCommit } from './coordinator-commits.ts'
import { HostedGroup } from './coordinator-group.ts'
import {
  joinRequest,
  ManualLog,
  ManualTime,
  nextTurn,
  outcomeOf,
  TEST_CONSUMERS,
  TEST_MEMORY,
  TEST_SETTINGS,
} from './coordinator-test-world.ts'

class World {
  readonly time = new ManualTime()
  readonly log = new ManualLog()
  readonly forgotten: string[] = []
  group = this.newGroup()

  newGroup(): HostedGroup {
    return new HostedGroup('orders', {
      host: { clock: this.time, timers: this.time },
      settings: TEST_SETTINGS,
      memory: TEST_MEMORY,
      consumers: TEST_CONSUMERS,
      append: this.log.append,
      forget: (groupId) => this.forgotten.push(groupId),
    })
  }

  /** As after `kill -9`: only what was durable comes back. */
  restart(): void {
    this.group = this.newGroup()
    for (const record of this.log.durable) this.group.replay(record)
    this.group.restore()
  }

  sync(memberId: string, assignment?: string) {
    const assignments =
      assignment === undefined ? [] : [{ memberId, assignment: Buffer.from(assignment) }]
    return this.group.sync({
      memberId,
      groupInstanceId: null,
      generationId: this.group.group?.generationId ?? -1,
      protocolType: null,
      protocolName: null,
      assignments,
    })
  }

  heartbeat(memberId: string, generationId = this.group.group?.generationId ?? -1): ErrorCode {
    return this.group.heartbeat({ memberId, groupInstanceId: null, generationId })
  }

  commit(offset: number, claim: { memberId?: string; generationId?: number } = {}) {
    const committed: OffsetToCommit = {
      topic: 'events',
      partition: 0,
      offset,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: this.time.nowMs(),
      expireTimestampMs: -1,
      topicId: ZERO_UUID,
    }
    const who = { memberId: '', groupInstanceId: null, generationId: -1, ...claim }
    return this.group.commit({ ...who, knowsGroupIdNotFound: true }, [committed])
  }

  get committed(): number | undefined {
    return this.group.offsets.get({ topic: 'events', partition: 0 }, ZERO_UUID)?.offset
  }

  async stable(): Promise<void> {
    await this.group.join(joinRequest())
    const synced = this.sync('a', 'events-0')
    await this.log.settleAll()
    assert.equal((await synced).errorCode, ErrorCode.NONE)
  }
}

describe('answers', () => {
  it('with an assignment wait until it is durable; heartbeats do not', async () => {
    const world = new World()
    await world.group.join(joinRequest())
    const synced = world.sync('a', 'events-0')

    assert.equal(await outcomeOf(synced), 'waiting')
    assert.equal(world.heartbeat('a'), ErrorCode.NONE)
    await world.log.settle()

    assert.equal(String((await synced).assignment), 'events-0')
  })

  it('to a commit wait until it is durable, and readers do not see it before', async () => {
    const world = new World()
    const commit = world.commit(7)

    assert.equal(await outcomeOf(commit), 'waiting')
    assert.equal(world.committed, undefined)
    const stable = world.group.offsetsWritten()
    assert.equal(await outcomeOf(stable), 'waiting')
    await world.log.settle()

    assert.equal(await commit, ErrorCode.NONE)
    assert.equal(world.committed, 7)
    assert.equal(await outcomeOf(stable), undefined)
  })

  it('of one group do not wait for its commits', async () => {
    const world = new World()
    void world.commit(7)

    const joined = await outcomeOf(world.group.join(joinRequest()))

    assert.notEqual(joined, 'waiting')
  })
})

describe('what was durable', () => {
  it('comes back after a crash, with sessions that begin anew', async () => {
    const world = new World()
    await world.stable()
    const commit = world.commit(7, { memberId: 'a', generationId: 1 })
    await world.log.settle()
    await commit
    void world.commit(8, { memberId: 'a', generationId: 1 })
    world.time.advance(9_000)

    world.restart()

    assert.equal(world.group.group?.state, 'Stable')
    assert.equal(world.committed, 7)
    assert.equal(world.heartbeat('a', 1), ErrorCode.NONE)
    world.time.advance(9_999)
    assert.equal(world.group.group?.members.size, 1)
    world.time.advance(1)
    assert.equal(world.group.group?.members.size, 0)
  })

  it('is where a group goes back to when its record is refused', async () => {
    const world = new World()
    await world.stable()
    const rejoined = world.group.join(joinRequest({ memberId: 'a' }))
    assert.equal((await rejoined).generationId, 2)
    const synced = world.sync('a', 'events-1')

    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)

    assert.equal((await synced).errorCode, ErrorCode.NOT_COORDINATOR)
    assert.equal(world.group.group?.state, 'Stable')
    assert.equal(world.heartbeat('a', 2), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(world.heartbeat('a', 1), ErrorCode.NONE)
    const again = world.sync('a')
    assert.equal(String((await again).assignment), 'events-0')
  })

  it('decides only when everything under way has settled', async () => {
    const world = new World()
    await world.stable()
    // A new generation, and on top of it an emptied group.
    const joining = world.group.join(joinRequest({ groupInstanceId: 'i', newMemberId: 'b' }))
    void world.group.join(joinRequest({ memberId: 'a' }))
    await joining
    const synced = world.sync('a', 'events-1')
    const left = world.group.leave(
      ['a', 'b'].map((memberId) => ({ memberId, groupInstanceId: null })),
    )
    assert.equal(world.log.waiting, 2)

    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal((await synced).errorCode, ErrorCode.NOT_COORDINATOR)
    assert.equal((await left).errorCode, ErrorCode.NOT_COORDINATOR)
    assert.equal(world.heartbeat('a', 1), ErrorCode.COORDINATOR_NOT_AVAILABLE)
    await world.log.settle()

    assert.equal(world.group.group?.state, 'Empty')
    assert.equal(world.heartbeat('a', 1), ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('is untouched by a commit that is refused', async () => {
    const world = new World()
    const first = world.commit(7)
    await world.log.settle()
    await first

    const refused = world.commit(8)
    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)

    assert.equal(await refused, ErrorCode.NOT_COORDINATOR)
    assert.equal(world.committed, 7)
  })

  it('a commit that is too large says so', async () => {
    const world = new World()
    const refused = world.commit(8)
    await world.log.settle(ErrorCode.MESSAGE_TOO_LARGE)

    assert.equal(await refused, ErrorCode.INVALID_COMMIT_OFFSET_SIZE)
  })
})

describe('deleting a group', () => {
  it('takes all of it from the log, commits under way included', async () => {
    const world = new World()
    const commit = world.commit(7)
    const deleted = world.group.delete()

    await world.log.settleAll()

    assert.equal(await commit, ErrorCode.NONE)
    assert.equal(await deleted, ErrorCode.NONE)
    assert.deepEqual(world.forgotten, ['orders'])
    world.restart()
    assert.equal(world.group.group, undefined)
    assert.equal(world.committed, undefined)
  })

  it('waits until it is durable, and fails with its record', async () => {
    const world = new World()
    const commit = world.commit(7)
    await world.log.settle()
    await commit
    const deleted = world.group.delete()
    assert.equal(await outcomeOf(deleted), 'waiting')

    await world.log.settleAll(ErrorCode.KAFKA_STORAGE_ERROR)

    assert.equal(await deleted, ErrorCode.NOT_COORDINATOR)
    assert.equal(world.group.group?.state, 'Empty')
    assert.equal(world.committed, 7)
    assert.deepEqual(world.forgotten, [])
  })

  it('a commit that follows at once makes a new group', async () => {
    const world = new World()
    const commit = world.commit(7)
    await world.log.settle()
    await commit
    const deleted = world.group.delete()
    const next = world.commit(9)

    await world.log.settleAll()

    assert.equal(await deleted, ErrorCode.NONE)
    assert.equal(await next, ErrorCode.NONE)
    assert.equal(world.committed, 9)
    world.restart()
    assert.equal(world.committed, 9)
    assert.equal(world.group.group?.state, 'Empty')
  })
})

describe('a group that holds nothing', () => {
  it('is forgotten when a client only asked', async () => {
    const world = new World()
    assert.equal(world.heartbeat('a', 1), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.deepEqual(world.forgotten, ['orders'])
  })

  it('is forgotten when its first commit fails', async () => {
    const world = new World()
    const refused = world.commit(8)
    assert.deepEqual(world.forgotten, [])

    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)
    await refused

    assert.deepEqual(world.forgotten, ['orders'])
  })

  it('is forgotten when a client that was given an id does not come back', async () => {
    const world = new World()
    await world.group.join(joinRequest({ requiresMemberId: true }))
    assert.deepEqual(world.forgotten, [])

    world.time.advance(10_000)

    assert.deepEqual(world.forgotten, ['orders'])
    assert.equal(world.time.timerCount, 0)
  })
})

describe('expiry', () => {
  it('takes offsets first and the group with its last one', async () => {
    const world = new World()
    await world.stable()
    const commit = world.commit(7, { memberId: 'a', generationId: 1 })
    await world.log.settle()
    await commit
    const left = world.group.leave([{ memberId: 'a', groupInstanceId: null }])
    await world.log.settle()
    await left

    await world.group.expire(world.time.nowMs() + 999, 1_000)
    assert.equal(world.committed, 7)
    const expired = world.group.expire(world.time.nowMs() + 1_000, 1_000)
    await world.log.settleAll()
    await expired

    assert.deepEqual(world.forgotten, ['orders'])
    world.restart()
    assert.equal(world.group.group, undefined)
  })
})

describe('a broker that stops', () => {
  it('sends whoever waits elsewhere', async () => {
    const world = new World()
    await world.stable()
    await world.group.join(joinRequest({ memberId: 'a' }))
    const joining = world.group.join(joinRequest({ newMemberId: 'b' }))
    await nextTurn()

    world.group.close()

    assert.equal((await joining).errorCode, ErrorCode.NOT_COORDINATOR)
    assert.equal(world.time.timerCount, 0)
  })
})
