// Random histories of one hosted group while the disk lets appends through, refuses them or keeps
// them waiting, with crashes in between. What readers see is always what a restart would find, and
// in the end every request has been answered. A failure prints its seed: SEED=n node --test <file>

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ZERO_UUID } from '../bytes/uuid.ts'
import { metadataOf } from '../coordinators/groups/group-metadata.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { HostedGroup } from './coordinator-group.ts'
import {
  joinRequest,
  ManualLog,
  ManualTime,
  nextTurn,
  TEST_CONSUMERS,
  TEST_MEMORY,
  TEST_SETTINGS,
} from './coordinator-test-world.ts'

const HISTORIES = 100
const STEPS = 80
const REFUSALS = [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.MESSAGE_TOO_LARGE]

class History {
  readonly #random: (bound: number) => number
  readonly #time = new ManualTime()
  readonly #log = new ManualLog()
  #group: HostedGroup
  #lastMember = 0
  #lastOffset = 0
  /** Requests that have not been answered, by what they are. */
  readonly #open = new Set<string>()
  /** Promises that were not kept. */
  readonly #broken: string[] = []
  readonly seen: Set<string>

  constructor(random: (bound: number) => number, seen: Set<string>) {
    this.#random = random
    this.seen = seen
    this.#group = this.#hosted()
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.#step()
      await nextTurn()
      assert.deepEqual(this.#broken, [])
      this.#checkOffsets()
      if (this.#log.waiting === 0) this.#checkGroup()
    }
    await this.#settle()
  }

  async #step(): Promise<void> {
    const actions = [
      () => this.#join(),
      () => this.#join(),
      () => this.#sync(),
      () => this.#sync(),
      () => this.#commit(),
      () => this.#commit(),
      () => this.#leave(),
      () => void this.#group.heartbeat(this.#claim()),
      () => this.#time.advance(this.#random(20_000)),
      () => this.#append(),
      () => this.#append(),
      () => this.#append(),
      () => this.#append(),
      () => (this.#random(4) === 0 ? this.#track('delete', this.#group.delete()) : undefined),
      () => (this.#random(6) === 0 ? this.#restart() : undefined),
    ]
    await actions[this.#random(actions.length)]!()
  }

  #join(): void {
    const memberId = this.#random(2) === 0 ? '' : this.#member()
    const groupInstanceId = memberId === '' && this.#random(3) === 0 ? 'i' : null
    this.#lastMember += 1
    const request = { memberId, groupInstanceId, newMemberId: `m${this.#lastMember}` }
    this.#track('join', this.#group.join(joinRequest(request)))
  }

  #sync(): void {
    const members = [...(this.#group.group?.members.keys() ?? [])]
    const assignments = members.map((memberId) => ({
      memberId,
      assignment: Buffer.from(`${memberId} ${this.#random(1_000_000)}`),
    }))
    const names = { protocolType: null, protocolName: null }
    const answer = this.#group.sync({ ...this.#claim(), ...names, assignments })
    void answer.then(({ errorCode, assignment }) => {
      if (errorCode !== ErrorCode.NONE || assignment.length === 0) return
      const isDurable = this.#log.durable.some(
        (record) =>
          record.kind === 'group' &&
          record.metadata?.members.some((member) => member.assignment.equals(assignment)),
      )
      if (!isDurable) this.#broken.push(`assignment ${assignment} was answered too early`)
    })
    this.#track('sync', answer)
  }

  #commit(): void {
    this.#lastOffset += 1
    const isSimple = this.#random(3) === 0
    const claim = { ...this.#claim(), ...(isSimple && { memberId: '', generationId: -1 }) }
    const committed = {
      topic: 'events',
      partition: this.#random(3),
      offset: this.#lastOffset,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: 0,
      expireTimestampMs: -1,
      topicId: ZERO_UUID,
    }
    const commit = this.#group.commit({ ...claim, knowsGroupIdNotFound: true }, [committed])
    void commit.then((errorCode) => {
      const isDurable = this.#log.durable.some(
        (record) => record.kind === 'offset' && record.committed?.offset === committed.offset,
      )
      const isTaken = errorCode === ErrorCode.NONE
      if (isTaken !== isDurable) this.#broken.push(`commit ${committed.offset}: ${errorCode}`)
    })
    this.#track('commit', commit)
  }

  #leave(): void {
    const { memberId, groupInstanceId } = this.#claim()
    this.#track('leave', this.#group.leave([{ memberId, groupInstanceId }]))
  }

  async #append(): Promise<void> {
    if (this.#log.waiting === 0) return
    const refusal = REFUSALS[this.#random(REFUSALS.length * 4)]
    await this.#log.settle(refusal ?? ErrorCode.NONE)
  }

  /** As after `kill -9`: what waits is never answered, what was not durable is gone. */
  #restart(): void {
    this.#group.close()
    this.#log.lose()
    this.#open.clear()
    this.#group = this.#replayed()
  }

  #track(what: string, promise: Promise<ErrorCode | { readonly errorCode: ErrorCode }>): void {
    this.#lastMember += 1
    const id = `${what} ${this.#lastMember}`
    this.#open.add(id)
    void promise.then((answer) => {
      const errorCode = typeof answer === 'number' ? answer : answer.errorCode
      this.seen.add(`${what} ${errorCode}`)
      this.#open.delete(id)
    })
  }

  #member(): string {
    const ids = [...(this.#group.group?.members.keys() ?? []), 'ghost']
    return ids[this.#random(ids.length)]!
  }

  #claim() {
    const memberId = this.#member()
    const { generationId = -1, members } = this.#group.group ?? {}
    return {
      memberId,
      groupInstanceId: members?.get(memberId)?.groupInstanceId ?? null,
      generationId,
    }
  }

  #hosted(): HostedGroup {
    const group: HostedGroup = new HostedGroup('orders', {
      host: { clock: this.#time, timers: this.#time },
      settings: TEST_SETTINGS,
      memory: TEST_MEMORY,
      consumers: TEST_CONSUMERS,
      append: this.#log.append,
      // As its partition does: the next request finds a new one.
      forget: () => {
        if (this.#group === group) this.#group = this.#hosted()
      },
    })
    return group
  }

  #replayed(): HostedGroup {
    const group = this.#hosted()
    for (const record of this.#log.durable) group.replay(record)
    group.restore()
    return group
  }

  #checkOffsets(): void {
    const restarted = this.#replayed()
    restarted.close()
    assert.deepEqual([...this.#group.offsets.topics()], [...restarted.offsets.topics()])
  }

  /** A stable or empty generation is the one that a restart would find, and no group is lost. */
  #checkGroup(): void {
    const restarted = this.#replayed()
    restarted.close()
    const { group } = this.#group
    if (group === undefined) assert.equal(restarted.group, undefined)
    if (group === undefined || group.protocolType === null || group.generationId === 0) return
    if (group.state !== 'Stable' && group.state !== 'Empty') return
    assert.ok(restarted.group !== undefined, `generation ${group.generationId} is lost`)
    assert.deepEqual(metadataOf(group), metadataOf(restarted.group))
    this.seen.add(`checked ${group.state}`)
  }

  async #settle(): Promise<void> {
    for (let round = 0; round < 50; round++) {
      await this.#log.settleAll()
      this.#time.advance(300_000)
      await nextTurn()
    }
    assert.deepEqual([...this.#open], [], 'nobody waits for ever')
    assert.equal(this.#time.timerCount, 0)
  }
}

/** mulberry32 */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

it('whatever the disk does, readers see what is durable and everybody is answered', async () => {
  const only = process.env['SEED']
  const seen = new Set<string>()
  const seeds = only === undefined ? HISTORIES : 1
  for (let index = 0; index < seeds; index++) {
    const seed = only === undefined ? index + 1 : Number(only)
    try {
      await new History(randomFrom(seed), seen).run()
    } catch (error) {
      throw new Error(`SEED=${seed}`, { cause: error })
    }
  }
  if (only !== undefined) return
  const { NONE, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, UNKNOWN_SERVER_ERROR } = ErrorCode
  const expected = [
    ...[NONE, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE].map((code) => `join ${code}`),
    ...[NONE, NOT_COORDINATOR, UNKNOWN_SERVER_ERROR].map((code) => `sync ${code}`),
    ...[NONE, NOT_COORDINATOR, ErrorCode.INVALID_COMMIT_OFFSET_SIZE].map(
      (code) => `commit ${code}`,
    ),
    ...[NONE, NOT_COORDINATOR].map((code) => `delete ${code}`),
    ...['checked Stable', 'checked Empty'],
  ]
  assert.deepEqual(
    expected.filter((what) => !seen.has(what)),
    [],
  )
})
