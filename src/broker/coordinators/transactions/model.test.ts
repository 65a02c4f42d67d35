// A thousand random stories of producers that take an id over, work, lose answers and come back, with
// restarts in between, held against what must be true of every one of them.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seededRandom } from '../../../../test/support/seeded-random.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { ProducerClaim, TransactionReply } from './input.ts'
import { Scenario, TIMEOUT_MS } from './scenario.ts'
import { holds, isEnding, MAX_EPOCH, type Transaction } from './transaction.ts'

const STORIES = 1_000
const STEPS = 60

interface Story {
  scenario: Scenario
  /** Producers, live and zombies: what each believes to have. */
  readonly producers: ProducerClaim[]
  /** What each producer epoch was told of its transaction's end, by epoch it was asked with. */
  readonly outcomes: Map<string, boolean>
}

it('stories of producers keep their promises', () => {
  for (let seed = 1; seed <= STORIES; seed++) {
    const random = seededRandom(seed)
    const choose = (count: number) => Math.floor(random() * count)
    const start = choose(4) === 0 ? nearTheEnd() : new Scenario()
    const story: Story = { scenario: start, producers: [], outcomes: new Map() }
    for (let step = 0; step < STEPS; step++) {
      const before = story.scenario.transaction
      act(story, choose)
      check(before, story.scenario, `seed ${seed}, step ${step}`)
    }
  }
})

function nearTheEnd(): Scenario {
  const scenario = new Scenario()
  scenario.init()
  const { transaction } = scenario
  scenario.transaction = { ...transaction!, producerEpoch: MAX_EPOCH - 4 }
  scenario.init()
  return scenario
}

function act(story: Story, choose: (count: number) => number): void {
  const { scenario, producers, outcomes } = story
  const who = producers.length === 0 ? -1 : choose(producers.length)
  const producer = producers[who]
  const action = choose(9)
  if (producer === undefined || action === 0) {
    keep(producers, scenario.init())
  } else if (action === 1) {
    keep(producers, scenario.init(producer))
  } else if (action <= 4) {
    scenario.add(producer, [choose(4)], choose(2) * 2)
  } else if (action <= 6) {
    const isCommit = choose(2) === 0
    const bumps = choose(3) > 0
    const reply = bumps ? scenario.end(producer, isCommit) : scenario.endPlainly(producer, isCommit)
    if (reply.errorCode !== ErrorCode.NONE || !bumps) return
    const key = `${producer.producerId} ${producer.producerEpoch}`
    // KIP-890: one epoch, one outcome, however often it is asked.
    assert.equal(outcomes.get(key) ?? isCommit, isCommit, `two outcomes of ${key}`)
    outcomes.set(key, isCommit)
    // A lost answer leaves the producer where it was.
    if (choose(3) > 0) producers[who] = reply
  } else if (action === 7) {
    scenario.markersWritten()
  } else if (choose(2) === 0) {
    scenario.advance(TIMEOUT_MS + 1)
  } else {
    story.scenario = scenario.restarted()
  }
}

function keep(producers: ProducerClaim[], reply: TransactionReply): void {
  if (reply.errorCode !== ErrorCode.NONE) return
  assert.ok(reply.producerEpoch < MAX_EPOCH, 'the last epoch was handed out')
  const isKnown = producers.some(
    (one) => one.producerId === reply.producerId && one.producerEpoch === reply.producerEpoch,
  )
  if (!isKnown) producers.push(reply)
}

function check(before: Transaction | undefined, scenario: Scenario, where: string): void {
  const after = scenario.transaction
  const fromRecords = scenario.records.length === 0 ? after : scenario.restarted().transaction
  const { lastProducerEpoch: _, ...written } = fromRecords!
  const { lastProducerEpoch: __, ...decided } = after!
  assert.deepEqual(written, decided, `${where}: replay`)
  const isBusy = after!.state === 'Ongoing' || isEnding(after!)
  if (!isBusy) assert.equal(after!.partitions.size, 0, `${where}: partitions of nothing`)
  if (before === undefined) return
  if (before.producerId === after!.producerId) {
    assert.ok(after!.producerEpoch >= before.producerEpoch, `${where}: the epoch went back`)
  }
  if (!isEnding(before) || before === after) return
  const complete = before.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort'
  assert.ok(
    after!.state === complete || after!.state === before.state,
    `${where}: ${before.state} became ${after!.state}`,
  )
  for (const [topic, partitions] of isEnding(after!) ? before.partitions : []) {
    for (const one of partitions) assert.ok(holds(after!.partitions, topic, one), where)
  }
}
