import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import { verify } from './partitions.ts'
import { MAX_TIMEOUT_MS, Scenario, TIMEOUT_MS } from './scenario.ts'
import { LAST_USABLE_EPOCH, MAX_EPOCH, newTransaction, type Transaction } from './transaction.ts'

const { NONE, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE } = ErrorCode

function at(producerEpoch: number, rest: Partial<Transaction> = {}): Scenario {
  const fresh = newTransaction('tx', 7)
  return new Scenario({ ...fresh, producerEpoch, timeoutMs: TIMEOUT_MS, ...rest })
}

describe('taking over a transactional id', () => {
  it('begins with a new producer id at epoch 0, and goes up by one each time', () => {
    const scenario = new Scenario()

    assert.deepEqual(scenario.init(), { errorCode: NONE, producerId: 100, producerEpoch: 0 })
    assert.deepEqual(scenario.init(), { errorCode: NONE, producerId: 100, producerEpoch: 1 })
  })

  it('goes on with the next epoch for who names what it has, twice the same after a lost answer', () => {
    const scenario = new Scenario()
    const first = scenario.init()

    assert.equal(scenario.init(first).producerEpoch, 1)
    assert.equal(scenario.init(first).producerEpoch, 1)
    assert.equal(scenario.init({ ...first, producerEpoch: 1 }).producerEpoch, 2)
    assert.equal(scenario.init(first).errorCode, PRODUCER_FENCED)
  })

  it('fences who names what another has', () => {
    const scenario = new Scenario()
    const old = scenario.init()
    scenario.init()

    assert.equal(scenario.init(old).errorCode, PRODUCER_FENCED)
    assert.equal(scenario.init({ producerId: 5, producerEpoch: 1 }).errorCode, PRODUCER_FENCED)
    assert.equal(scenario.init({ ...old, producerEpoch: 9 }).errorCode, PRODUCER_FENCED)
  })

  it('aborts what was left open first, and says 51 until that is done', () => {
    const scenario = new Scenario()
    const old = scenario.begun(0)

    assert.equal(scenario.init().errorCode, CONCURRENT_TRANSACTIONS)
    assert.equal(scenario.transaction?.state, 'PrepareAbort')
    assert.equal(scenario.init().errorCode, CONCURRENT_TRANSACTIONS)
    scenario.markersWritten()

    assert.ok(scenario.init().producerEpoch > old.producerEpoch + 1)
  })

  it('leaves the transaction of a successor alone when a zombie asks to go on', () => {
    const scenario = new Scenario()
    const zombie = scenario.init()
    scenario.begun(0)

    assert.equal(scenario.init(zombie).errorCode, PRODUCER_FENCED)
    assert.equal(scenario.transaction?.state, 'Ongoing')
  })

  for (const clientVersion of [0, 2]) {
    it(`goes on for who names what it has with a transaction open (version ${clientVersion})`, () => {
      const scenario = new Scenario()
      const producer = scenario.init()
      scenario.add(producer, [0], clientVersion)

      assert.equal(scenario.init(producer).errorCode, CONCURRENT_TRANSACTIONS)
      scenario.markersWritten()
      const next = scenario.init(producer)

      assert.equal(next.errorCode, NONE)
      assert.ok(next.producerEpoch > producer.producerEpoch)
      assert.deepEqual(scenario.init(producer), next)
    })
  }

  it('goes on with a new producer id after an abort at the last epoch, also when asked again', () => {
    const scenario = at(LAST_USABLE_EPOCH)
    const last = { producerId: 7, producerEpoch: LAST_USABLE_EPOCH }
    scenario.add(last)
    scenario.advance(TIMEOUT_MS + 1)
    scenario.markersWritten()

    const next = scenario.init(last)

    assert.deepEqual(next, { errorCode: NONE, producerId: 100, producerEpoch: 0 })
    assert.deepEqual(scenario.init(last), next)
  })

  it('gets a new producer id when the epochs are used up, again after a lost answer', () => {
    const scenario = at(LAST_USABLE_EPOCH)
    const last = { producerId: 7, producerEpoch: LAST_USABLE_EPOCH }

    const next = scenario.init(last)

    assert.deepEqual(next, { errorCode: NONE, producerId: 100, producerEpoch: 0 })
    assert.deepEqual(scenario.init(last), next)
    assert.equal(scenario.restarted().init(last).errorCode, PRODUCER_FENCED)
  })

  it('is refused with 50 for a timeout that is none or above the maximum', () => {
    for (const timeoutMs of [0, -1, MAX_TIMEOUT_MS + 1]) {
      const { errorCode } = new Scenario().init(null, timeoutMs)
      assert.equal(errorCode, ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    }
    assert.equal(new Scenario().init(null, MAX_TIMEOUT_MS).errorCode, NONE)
  })
})

describe('partitions', () => {
  it('begin a transaction, and join it once', () => {
    const scenario = new Scenario()
    const producer = scenario.begun(0)
    const written = scenario.records.length

    assert.equal(scenario.add(producer, [0]), NONE)
    assert.equal(scenario.records.length, written)
    assert.equal(scenario.add(producer, [0, 1]), NONE)
    assert.deepEqual([...scenario.transaction!.partitions.get('orders')!], [0, 1])
  })

  it('are refused from strangers, and while the last transaction is being ended', () => {
    const scenario = new Scenario()
    const producer = scenario.begun(0)
    const wrongId = { ...producer, producerId: 1 }
    const stale = { ...producer, producerEpoch: -1 }

    assert.equal(new Scenario().add(producer), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    assert.equal(scenario.add(wrongId), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    assert.equal(scenario.add(stale), PRODUCER_FENCED)
    const next = scenario.end(producer, true)
    assert.equal(scenario.add(next), CONCURRENT_TRANSACTIONS)
    scenario.markersWritten()
    assert.equal(scenario.add(next), NONE)
  })

  it('are verified by what was added to the open transaction', () => {
    const scenario = new Scenario()
    const producer = scenario.begun(0)
    const ask = (partition: number, claim = producer) =>
      verify(scenario.transaction, { ...claim, topic: 'orders', partition })

    assert.equal(ask(0), NONE)
    assert.equal(ask(1), ErrorCode.TRANSACTION_ABORTABLE)
    assert.equal(ask(0, { ...producer, producerEpoch: 1 }), PRODUCER_FENCED)
    assert.equal(verify(undefined, { ...producer, topic: 'orders', partition: 0 }), 49)
    scenario.end(producer, true)
    scenario.markersWritten()
    assert.equal(ask(0), PRODUCER_FENCED)
  })
})

describe('the end of a transaction of version 2', () => {
  for (const isCommit of [true, false]) {
    it(`(${isCommit ? 'commit' : 'abort'}) moves the producer on by one epoch`, () => {
      const scenario = new Scenario()
      const producer = scenario.begun(0)

      const next = scenario.end(producer, isCommit)

      assert.deepEqual(next, { errorCode: NONE, producerId: 100, producerEpoch: 1 })
      assert.equal(scenario.transaction?.state, isCommit ? 'PrepareCommit' : 'PrepareAbort')
      assert.equal(scenario.end(producer, isCommit).errorCode, CONCURRENT_TRANSACTIONS)
      assert.equal(scenario.end(producer, !isCommit).errorCode, INVALID_TXN_STATE)
      scenario.markersWritten()
      assert.equal(scenario.transaction?.state, isCommit ? 'CompleteCommit' : 'CompleteAbort')
      assert.deepEqual(scenario.end(producer, isCommit), next)
      assert.equal(scenario.end(producer, !isCommit).errorCode, INVALID_TXN_STATE)
      assert.deepEqual(scenario.restarted().end(producer, isCommit), next)
    })
  }

  it('cannot be taken for the end of the next one', () => {
    const scenario = new Scenario()
    const first = scenario.begun(0)
    const second = scenario.end(first, true)
    scenario.markersWritten()
    scenario.add(second)

    assert.equal(scenario.end(first, true).errorCode, PRODUCER_FENCED)
    assert.equal(scenario.transaction?.state, 'Ongoing')
  })

  it('aborts also where nothing has begun, and commits nothing there', () => {
    const scenario = new Scenario()
    const producer = scenario.init()

    assert.equal(scenario.end(producer, true).errorCode, INVALID_TXN_STATE)
    const next = scenario.end(producer, false)
    assert.equal(next.producerEpoch, 1)
    scenario.markersWritten()
    assert.equal(scenario.end(next, true).errorCode, INVALID_TXN_STATE)
    assert.equal(scenario.end(next, false).producerEpoch, 2)
  })

  it('at the last epoch goes on with a new producer id, also when it is asked again', () => {
    const scenario = at(LAST_USABLE_EPOCH)
    const last = { producerId: 7, producerEpoch: LAST_USABLE_EPOCH }
    scenario.add(last)

    const next = scenario.end(last, true)

    assert.deepEqual(next, { errorCode: NONE, producerId: 100, producerEpoch: 0 })
    assert.equal(scenario.transaction?.producerEpoch, MAX_EPOCH)
    assert.equal(scenario.end(last, true).errorCode, CONCURRENT_TRANSACTIONS)
    assert.equal(scenario.add(next), CONCURRENT_TRANSACTIONS)
    assert.equal(scenario.init(next).errorCode, CONCURRENT_TRANSACTIONS)
    scenario.markersWritten()
    assert.deepEqual(scenario.end(last, true), next)
    assert.equal(scenario.end(last, false).errorCode, INVALID_TXN_STATE)
    assert.equal(scenario.add(next), NONE)
  })
})

describe('the end of a classic transaction', () => {
  it('keeps the epoch, and answers again by its outcome', () => {
    const scenario = new Scenario()
    const producer = scenario.begun(0)

    assert.equal(scenario.endPlainly(producer, true).errorCode, NONE)
    assert.equal(scenario.endPlainly(producer, true).errorCode, CONCURRENT_TRANSACTIONS)
    assert.equal(scenario.endPlainly(producer, false).errorCode, INVALID_TXN_STATE)
    scenario.markersWritten()
    assert.equal(scenario.transaction?.producerEpoch, producer.producerEpoch)
    assert.equal(scenario.endPlainly(producer, true).errorCode, NONE)
    assert.equal(scenario.endPlainly(producer, false).errorCode, INVALID_TXN_STATE)
  })

  it('is no success for a zombie one epoch behind that speaks version 2', () => {
    const scenario = new Scenario()
    const zombie = scenario.init()
    const producer = scenario.begun(0)
    scenario.endPlainly(producer, true)
    scenario.markersWritten()

    assert.equal(scenario.end(zombie, true).errorCode, PRODUCER_FENCED)
  })

  it('is 48 where nothing has begun', () => {
    const scenario = new Scenario()
    const producer = scenario.init()

    assert.equal(scenario.endPlainly(producer, true).errorCode, INVALID_TXN_STATE)
    assert.equal(scenario.endPlainly(producer, false).errorCode, INVALID_TXN_STATE)
  })
})

describe('time', () => {
  it('aborts what outlives its timeout and fences its producer, which may go on by its claim', () => {
    const scenario = new Scenario()
    const producer = scenario.init()
    scenario.add(producer, [0], 0)
    scenario.advance(TIMEOUT_MS)
    assert.equal(scenario.transaction?.state, 'Ongoing')

    scenario.advance(1)

    assert.equal(scenario.transaction?.state, 'PrepareAbort')
    for (const isDone of [false, true]) {
      if (isDone) scenario.markersWritten()
      for (const isCommit of [true, false]) {
        assert.equal(scenario.end(producer, isCommit).errorCode, PRODUCER_FENCED)
        assert.equal(scenario.endPlainly(producer, isCommit).errorCode, PRODUCER_FENCED)
      }
    }
    assert.equal(scenario.transaction?.state, 'CompleteAbort')
    assert.equal(scenario.init(producer).errorCode, NONE)
  })

  it('lets a producer of version 2 abort what was aborted for it, and go on', () => {
    const scenario = new Scenario()
    const producer = scenario.begun(0)
    scenario.advance(TIMEOUT_MS + 1)

    assert.equal(scenario.end(producer, false).errorCode, CONCURRENT_TRANSACTIONS)
    assert.equal(scenario.end(producer, true).errorCode, INVALID_TXN_STATE)
    scenario.markersWritten()
    assert.equal(scenario.add(producer), PRODUCER_FENCED)
    assert.equal(scenario.end(producer, true).errorCode, INVALID_TXN_STATE)
    const next = scenario.end(producer, false)
    assert.deepEqual(next, { errorCode: NONE, producerId: 100, producerEpoch: 1 })
    assert.equal(scenario.add(next), NONE)
    assert.equal(scenario.end(producer, false).errorCode, PRODUCER_FENCED)
  })

  it('fences also at the very last epoch, whose producer then gets a new id', () => {
    const scenario = at(LAST_USABLE_EPOCH)
    const last = { producerId: 7, producerEpoch: LAST_USABLE_EPOCH }
    scenario.add(last)
    scenario.advance(TIMEOUT_MS + 1)

    assert.equal(scenario.transaction?.producerEpoch, MAX_EPOCH)
    assert.equal(scenario.end(last, false).errorCode, PRODUCER_FENCED)
    scenario.markersWritten()
    assert.equal(scenario.end(last, false).errorCode, PRODUCER_FENCED)
    assert.deepEqual(scenario.init(), { errorCode: NONE, producerId: 100, producerEpoch: 0 })
  })

  it('forgets an id that was silent for long, unless a transaction is open', () => {
    const scenario = new Scenario()
    const producer = scenario.begun(0)
    scenario.nowMs += 10_000
    scenario.apply({ kind: 'check-expiry', expirationMs: 10_000 })
    assert.equal(scenario.transaction?.state, 'Ongoing')
    scenario.end(producer, true)
    scenario.markersWritten()
    scenario.apply({ kind: 'check-expiry', expirationMs: 10_000 })
    assert.notEqual(scenario.transaction, undefined)
    scenario.nowMs += 10_000

    scenario.apply({ kind: 'check-expiry', expirationMs: 10_000 })

    assert.equal(scenario.transaction, undefined)
    assert.equal(scenario.restarted().transaction, undefined)
  })
})
