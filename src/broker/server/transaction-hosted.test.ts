import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { partitionsOf } from '../coordinators/transactions/partitions.ts'
import type { TransactionRecord } from '../coordinators/transactions/records.ts'
import type { TransactionPartitions } from '../coordinators/transactions/transaction.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { ManualLog, ManualTime, nextTurn, outcomeOf } from './coordinator-test-world.ts'
import { HostedTransaction } from './transaction-hosted.ts'

const PARTITIONS = partitionsOf([{ topic: 'orders', partitions: [0, 1] }])
const NONE_LEFT = partitionsOf([])

class World {
  readonly time = new ManualTime()
  readonly log = new ManualLog<TransactionRecord>()
  /** Markers that wait to be written; each is told which partitions are left. */
  readonly markers: {
    readonly partitions: TransactionPartitions
    readonly done: (left: TransactionPartitions) => void
  }[] = []
  readonly warnings: string[] = []
  isForgotten = false
  #nextProducerId = 4000
  idsAreStored = true
  readonly hosted: HostedTransaction

  constructor(records: readonly TransactionRecord[] = []) {
    const note = (event: string) => void this.warnings.push(event)
    this.hosted = new HostedTransaction('tx', {
      host: { clock: this.time, timers: this.time },
      settings: { maxTimeoutMs: 900_000 },
      log: { info: note, warn: note, error: note },
      append: (record) => this.log.append([record]),
      takeProducerId: async () => {
        if (!this.idsAreStored) throw new Error('no space left')
        return this.#nextProducerId++
      },
      writeMarkers: (_, partitions) =>
        new Promise((done) => void this.markers.push({ partitions, done })),
      forget: () => {
        this.isForgotten = true
      },
    })
    for (const record of records) this.hosted.replay(record)
    if (records.length > 0) this.hosted.restore()
  }

  init() {
    return this.hosted.init({ transactionalId: 'tx', timeoutMs: 60_000, expected: null })
  }

  add(producerEpoch = 0) {
    const claim = { producerId: 4000, producerEpoch }
    return this.hosted.add({ ...claim, partitions: PARTITIONS, clientVersion: 2 })
  }

  end(producerEpoch = 0, isCommit = true) {
    return this.hosted.end({ producerId: 4000, producerEpoch, isCommit, bumpsEpoch: true })
  }

  verify(producerEpoch = 0) {
    const claim = { producerId: 4000, producerEpoch }
    return this.hosted.verify({ ...claim, topic: 'orders', partition: 0 })
  }

  /** With a transaction that is open, durably. */
  static async begun(): Promise<World> {
    const world = new World()
    void world.init()
    await nextTurn()
    await world.log.settleAll()
    void world.add()
    await world.log.settleAll()
    return world
  }
}

describe('a hosted transaction', () => {
  it('answers nothing before it is durable, in the order of the requests', async () => {
    const world = new World()
    const first = world.init()
    await nextTurn()
    const added = world.add()

    assert.equal(await outcomeOf(first), 'waiting')
    await world.log.settle()
    assert.equal(await outcomeOf(added), 'waiting')
    await world.log.settle()

    const none = { errorCode: ErrorCode.NONE, producerId: 4000, producerEpoch: 0 }
    assert.deepEqual(await first, none)
    assert.deepEqual(await added, none)
  })

  it('writes markers once the decision is durable, and answers when they are', async () => {
    const world = await World.begun()
    const ended = world.end()
    await nextTurn()
    assert.equal(world.markers.length, 0)

    await world.log.settle()
    assert.equal(world.markers.length, 1)
    assert.equal(await outcomeOf(ended), 'waiting')
    world.markers[0]!.done(NONE_LEFT)

    assert.equal((await ended).errorCode, ErrorCode.NONE)
    assert.equal(world.hosted.transaction?.state, 'CompleteCommit')
    const next = world.add(1)
    await world.log.settleAll()
    assert.equal((await next).errorCode, ErrorCode.NONE)
  })

  it('keeps its producer waiting no longer than one try, and tries the others again', async () => {
    const world = await World.begun()
    const ended = world.end()
    await world.log.settle()
    const left = partitionsOf([{ topic: 'orders', partitions: [1] }])
    world.markers[0]!.done(left)

    assert.equal((await ended).errorCode, ErrorCode.NONE)
    assert.equal((await world.add(1)).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    world.time.advance(1_000)
    assert.deepEqual(world.markers[1]?.partitions, left)
    world.markers[1]!.done(NONE_LEFT)
    await nextTurn()
    assert.equal(world.hosted.transaction?.state, 'CompleteCommit')
  })

  it('goes on with an end that was decided before a restart', async () => {
    const before = await World.begun()
    void before.end()
    await before.log.settle()

    const world = new World(before.log.durable)

    assert.deepEqual(world.markers[0]?.partitions, PARTITIONS)
    world.markers[0]!.done(NONE_LEFT)
    await world.log.settleAll()
    await nextTurn()
    await world.log.settleAll()
    assert.equal(world.hosted.transaction?.state, 'CompleteCommit')
    assert.equal((await world.end()).producerEpoch, 1)
  })

  it('forgets a decision that could not be written, and tells everybody to look again', async () => {
    const world = await World.begun()
    const ended = world.end()

    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)

    assert.equal((await ended).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    assert.equal(world.hosted.transaction?.state, 'Ongoing')
    assert.equal(world.markers.length, 0)
    const again = world.end()
    await world.log.settle()
    world.markers[0]!.done(NONE_LEFT)
    assert.equal((await again).errorCode, ErrorCode.NONE)
  })

  it('serves nobody until all that was under way with a failed record has settled', async () => {
    const world = await World.begun()
    const more = partitionsOf([{ topic: 'carts', partitions: [0] }])
    const claim = { producerId: 4000, producerEpoch: 0, clientVersion: 2 }
    const added = world.hosted.add({ ...claim, partitions: more })
    const ended = world.end()
    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)

    assert.equal((await added).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    assert.equal((await ended).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    assert.equal(world.verify(), ErrorCode.COORDINATOR_NOT_AVAILABLE)
    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(world.verify(), ErrorCode.NONE)
    assert.deepEqual(world.hosted.transaction?.partitions, PARTITIONS)
  })

  it('writes markers again when their completion could not be noted', async () => {
    const world = await World.begun()
    void world.end()
    await world.log.settle()
    world.markers[0]!.done(NONE_LEFT)
    await nextTurn()
    await world.log.settle(ErrorCode.KAFKA_STORAGE_ERROR)

    assert.equal(world.hosted.transaction?.state, 'PrepareCommit')
    world.time.advance(1_000)
    assert.deepEqual(world.markers[1]?.partitions, PARTITIONS)
  })

  it('is forgotten when nothing came of it', async () => {
    const world = new World()
    world.idsAreStored = false

    const { errorCode } = await world.init()

    assert.equal(errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    await nextTurn()
    assert.ok(world.isForgotten)
    assert.deepEqual(world.warnings, ['producer-ids-not-stored'])
  })

  it('leaves no timer behind when it closes, and tells who waits', async () => {
    const world = await World.begun()
    const ended = world.end()
    await world.log.settle()
    world.markers[0]!.done(PARTITIONS)
    await ended
    assert.equal(world.time.timerCount, 1)
    const waiting = world.add(1)

    world.hosted.close()

    assert.equal(world.time.timerCount, 0)
    assert.equal((await waiting).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    assert.equal((await world.add(1)).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
  })
})
