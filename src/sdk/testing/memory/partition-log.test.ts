import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PartitionLog, type TransactionState } from './partition-log.ts'

function compacted() {
  const log = new PartitionLog({ topic: 'state', partition: 0, isCompacted: true })
  const write = (key: string | null, value: string, transaction?: TransactionState) => {
    const record = { key: key === null ? null : Buffer.from(key), value: Buffer.from(value) }
    return log.append([{ ...record, headers: [] }], { nowMs: 0, transaction })
  }
  const read = () => log.read(0, 1_000).records.map(({ offset }) => offset)
  return { log, write, read }
}

describe('a compacted partition in memory', () => {
  it('keeps the newest record of each key, and those without a key', () => {
    const { write, read } = compacted()

    for (const key of ['a', 'b', null, 'a', null]) write(key, 'x')

    assert.deepEqual(read(), [1, 2, 3, 4])
  })

  it('removes nothing for a transaction that is open or aborted', () => {
    const { log, write, read } = compacted()
    const transaction: TransactionState = { state: 'open' }
    write('a', 'old')

    write('a', 'new', transaction)
    assert.deepEqual(read(), [0])
    transaction.state = 'aborted'
    log.mark(transaction)

    assert.deepEqual(read(), [0])
  })

  it('removes what a committed transaction has made old, and what was newer than it stays', () => {
    const { log, write, read } = compacted()
    const transaction: TransactionState = { state: 'open' }
    write('a', 'old')
    write('b', 'old')
    write('a', 'in it', transaction)
    write('b', 'in it', transaction)
    write('b', 'newer')

    transaction.state = 'committed'
    log.mark(transaction)

    assert.deepEqual(read(), [2, 4])
  })
})
