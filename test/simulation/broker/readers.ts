// Consumers of the simulated workload: followers, which read one partition by long polls, never go
// back, and commit how far they are; and members of a group, which join, read what they are given
// from where the group is, commit, and leave.

import { joinGroup } from '../../../src/broker/protocol/11-join-group.ts'
import { heartbeat } from '../../../src/broker/protocol/12-heartbeat.ts'
import { leaveGroup } from '../../../src/broker/protocol/13-leave-group.ts'
import { syncGroup } from '../../../src/broker/protocol/14-sync-group.ts'
import { ErrorCode } from '../../../src/broker/wire/error-codes.ts'
import { assertAccepted, ClientError } from '../../../src/cli/client/client-error.ts'
import type { Connection } from '../../../src/cli/client/connection.ts'
import { BreachError } from '../crash/ledger.ts'
import type { SimWorld } from '../sim-world.ts'
import { Actor } from './actor.ts'
import type { ClusterLedger } from './cluster-ledger.ts'
import { keyOf } from './producers.ts'
import {
  commitOffset,
  committedOffsets,
  earliestOffset,
  fetchFrom,
  hasCode,
  isOutOfRange,
  type Membership,
  type Place,
} from './wire.ts'

export const FOLLOWERS = 'followers'
export const WORKERS = 'workers'
const ROUNDS_PER_LIFE = 5
const POLL_MS = 30
/** Small, so that a position is often in the middle of what there is. */
const POLL_BYTES = 700
const COMMIT_CHANCE = 0.6
const SESSION_TIMEOUT_MS = 500
const REBALANCE_TIMEOUT_MS = 1_000
const JOIN_TIMEOUT_MS = 10_000
const PROTOCOL_TYPE = 'simulated'
const PROTOCOL_NAME = 'round-robin'

/** Reads on from an offset. @returns where the next read begins */
async function readOn(
  connection: Connection,
  ledger: ClusterLedger,
  place: Place,
  fromOffset: number,
): Promise<{ nextOffset: number; highWatermark: number }> {
  const key = keyOf(ledger, place)
  try {
    const options = { fromOffset, maxWaitMs: POLL_MS, maxBytes: POLL_BYTES }
    const fetched = await fetchFrom(connection, place, options)
    ledger.records.read(key, fetched.records)
    ledger.sawHighWatermark(key, fetched.highWatermark)
    return fetched
  } catch (error) {
    if (!isOutOfRange(error)) throw error
    // Right only where records were deleted: what was once readable never ends earlier.
    const earliest = await earliestOffset(connection, place)
    if (earliest > fromOffset) return { nextOffset: earliest, highWatermark: earliest }
    throw new BreachError('went back', `${key} cannot be read at ${fromOffset} any more`)
  }
}

export class Follower extends Actor {
  readonly #place: Place
  #nextOffset = 0
  #roundsLeft = 0

  constructor(ledger: ClusterLedger, place: Place) {
    super(ledger)
    this.#place = place
  }

  begin(): void {
    this.#roundsLeft = ROUNDS_PER_LIFE
  }

  get isDone(): boolean {
    return this.#roundsLeft === 0
  }

  protected async work(connection: Connection, world: SimWorld): Promise<void> {
    const key = keyOf(this.ledger, this.#place)
    let lastWatermark = 0
    for (; this.#roundsLeft > 0; this.#roundsLeft--) {
      const read = await readOn(connection, this.ledger, this.#place, this.#nextOffset)
      if (read.highWatermark < lastWatermark) {
        throw new BreachError('went back', `${key}: ${lastWatermark}, then ${read.highWatermark}`)
      }
      lastWatermark = read.highWatermark
      this.#nextOffset = read.nextOffset
      if (world.random.chance(COMMIT_CHANCE)) await this.#commit(connection, key)
    }
  }

  async #commit(connection: Connection, key: string): Promise<void> {
    const offset = this.#nextOffset
    this.ledger.commitAsked(FOLLOWERS, key, offset)
    await commitOffset(connection, FOLLOWERS, { ...this.#place, offset })
    this.ledger.commitAcknowledged(FOLLOWERS, key, offset)
  }
}

export class Member extends Actor {
  readonly #topic: string
  readonly #partitions: number
  #memberId = ''
  #roundsLeft = 0
  /** Generations that it was part of. */
  generations = 0

  constructor(ledger: ClusterLedger, topic: string, partitions: number) {
    super(ledger)
    this.#topic = topic
    this.#partitions = partitions
  }

  begin(): void {
    this.#roundsLeft = ROUNDS_PER_LIFE
  }

  get isDone(): boolean {
    return this.#roundsLeft === 0
  }

  protected async work(connection: Connection, world: SimWorld): Promise<void> {
    while (this.#roundsLeft > 0) {
      try {
        const { membership, assigned } = await this.#join(connection)
        this.generations++
        await this.#readAssigned(connection, world, membership, assigned)
        if (this.isDone) await this.#leave(connection)
      } catch (error) {
        if (hasCode(error, ErrorCode.REBALANCE_IN_PROGRESS)) continue
        if (!hasCode(error, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION)) throw error
        this.#memberId = ''
      }
    }
  }

  async #join(
    connection: Connection,
  ): Promise<{ membership: Membership; assigned: readonly number[] }> {
    const ask = () =>
      connection.request(
        joinGroup,
        {
          groupId: WORKERS,
          sessionTimeoutMs: SESSION_TIMEOUT_MS,
          rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
          memberId: this.#memberId,
          protocolType: PROTOCOL_TYPE,
          protocols: [{ name: PROTOCOL_NAME, metadata: Buffer.alloc(0) }],
        },
        { timeoutMs: JOIN_TIMEOUT_MS },
      )
    let joined = await ask()
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId
      joined = await ask()
    }
    assertAccepted(joined.errorCode, 'Join')
    this.#memberId = joined.memberId
    const { memberId, generationId, members } = joined
    const synced = await connection.request(
      syncGroup,
      {
        groupId: WORKERS,
        generationId,
        memberId,
        protocolType: PROTOCOL_TYPE,
        protocolName: PROTOCOL_NAME,
        assignments: joined.leader === memberId ? this.#assign(members) : [],
      },
      { timeoutMs: JOIN_TIMEOUT_MS },
    )
    assertAccepted(synced.errorCode, 'Sync')
    return { membership: { memberId, generationId }, assigned: [...synced.assignment] }
  }

  /** Partitions in turn; an assignment is a byte for each. */
  #assign(members: readonly { memberId: string }[]) {
    const all = Array.from({ length: this.#partitions }, (_, partition) => partition)
    return members.map(({ memberId }, index) => ({
      memberId,
      assignment: Buffer.from(all.filter((partition) => partition % members.length === index)),
    }))
  }

  async #readAssigned(
    connection: Connection,
    world: SimWorld,
    membership: Membership,
    assigned: readonly number[],
  ): Promise<void> {
    const positions = await committedOffsets(connection, WORKERS, this.#topic, assigned)
    for (; this.#roundsLeft > 0; this.#roundsLeft--) {
      for (const [partition, committed] of positions) {
        const place = { topic: this.#topic, partition }
        const key = keyOf(this.ledger, place)
        const from = Math.max(0, committed)
        const { nextOffset } = await readOn(connection, this.ledger, place, from)
        this.ledger.commitAsked(WORKERS, key, nextOffset)
        await commitOffset(connection, WORKERS, { ...place, offset: nextOffset }, membership)
        this.ledger.commitAcknowledged(WORKERS, key, nextOffset)
        positions.set(partition, nextOffset)
      }
      const { errorCode } = await connection.request(heartbeat, { groupId: WORKERS, ...membership })
      assertAccepted(errorCode, 'Heartbeat')
      await world.pass(world.random.fraction() * POLL_MS)
    }
  }

  /** Nobody minds if it fails: the session runs out. */
  async #leave(connection: Connection): Promise<void> {
    const memberId = this.#memberId
    this.#memberId = ''
    try {
      await connection.request(leaveGroup, { groupId: WORKERS, memberId, members: [{ memberId }] })
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
  }
}
