import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { partitionsOf } from './partitions.ts'
import { decodeRecord, encodeRecord, type TransactionRecord } from './records.ts'
import { NO_PARTITIONS, newTransaction, type Transaction } from './transaction.ts'

interface Golden {
  readonly name: string
  readonly version: number
  readonly key: string
  readonly value: string | null
}

/** Made by scripts/fixtures/TransactionRecords.java with Kafka's own classes. */
const golden: Golden[] = readFileSync(
  new URL('./fixtures/kafka-4.3.1-transaction-records.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden)

const FILLED = partitionsOf([
  { topic: 'orders', partitions: [0, 3] },
  { topic: '__consumer_offsets', partitions: [2] },
])

const STATES: Record<string, Partial<Transaction>> = {
  empty: { state: 'Empty', partitions: NO_PARTITIONS, startedMs: -1 },
  ongoing: { state: 'Ongoing', partitions: FILLED },
  'prepare commit': { state: 'PrepareCommit', partitions: FILLED },
  'prepare abort': { state: 'PrepareAbort', partitions: FILLED },
  'complete commit': { state: 'CompleteCommit' },
  'complete abort': { state: 'CompleteAbort' },
  rotating: {
    state: 'PrepareCommit',
    partitions: FILLED,
    nextProducerId: 4002,
    previousProducerId: 4000,
    producerEpoch: 32_767,
  },
}

function expectedOf({ name, version }: Golden): TransactionRecord {
  const transactionalId = 'tx-äöü'
  const state = STATES[name]
  if (state === undefined) return { transactionalId, transaction: null }
  const hasPartitions = (state.partitions?.size ?? 0) > 0
  return {
    transactionalId,
    transaction: {
      ...newTransaction(transactionalId, 4001),
      producerEpoch: 7,
      timeoutMs: 60_000,
      startedMs: 1_700_000_000_000,
      updatedMs: 1_700_000_000_001,
      clientVersion: version === 1 && hasPartitions ? 2 : 0,
      ...state,
    },
  }
}

describe('records of __transaction_state', () => {
  for (const line of golden) {
    it(`${line.name} v${line.version} means what Kafka meant`, () => {
      const value = line.value === null ? null : Buffer.from(line.value, 'hex')

      assert.deepEqual(decodeRecord(Buffer.from(line.key, 'hex'), value), expectedOf(line))
    })
  }

  const written = golden.filter(({ name, version }) => version === 1 || name === 'tombstone')
  for (const line of written) {
    it(`${line.name} is written byte for byte as by Kafka`, () => {
      const { key, value } = encodeRecord(expectedOf(line))

      assert.equal(key.toString('hex'), line.key)
      assert.equal(value?.toString('hex') ?? null, line.value)
    })
  }

  it('of other types are left alone', () => {
    assert.equal(decodeRecord(Buffer.from('0001000161', 'hex'), null), undefined)
  })
})
