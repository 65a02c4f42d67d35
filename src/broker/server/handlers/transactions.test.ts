import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { KafkaClient } from '../../../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceRequest,
  produceTo,
  startTestBroker,
  until,
  valuesIn,
} from '../../../../test/support/test-broker.ts'
import {
  type ProducerOptions,
  TransactionalProducer,
} from '../../../../test/support/transactional-producer.ts'
import { readBatchHeader } from '../../batch/header.ts'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { produce } from '../../protocol/00-produce.ts'
import { offsetFetch } from '../../protocol/09-offset-fetch.ts'
import { findCoordinator } from '../../protocol/10-find-coordinator.ts'
import { apiVersions } from '../../protocol/18-api-versions.ts'
import { addPartitionsToTxn } from '../../protocol/24-add-partitions-to-txn.ts'
import { writeTxnMarkers } from '../../protocol/27-write-txn-markers.ts'
import { updateFeatures } from '../../protocol/57-update-features.ts'
import { describeProducers } from '../../protocol/61-describe-producers.ts'
import { describeTransactions } from '../../protocol/65-describe-transactions.ts'
import { listTransactions } from '../../protocol/66-list-transactions.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

const { NONE } = ErrorCode

async function world(t: TestContext, config: Record<string, string> = {}) {
  const { broker, connect, entries } = await startTestBroker(t, { config })
  const client = await connect()
  await makeTopic(client, 'orders', { partitions: 2 })
  const producer = async (options: ProducerOptions = {}) => {
    const made = new TransactionalProducer(await connect(), options)
    assert.equal(await made.init(), NONE)
    return made
  }
  return { broker, connect, client, producer, entries }
}

/** What a reader of committed data sees: the records of aborted transactions taken out. */
async function committed(client: KafkaClient, partition = 0, topic = 'orders'): Promise<string[]> {
  const fetched = await fetchFrom(client, topic, { partition, isolationLevel: 1 })
  const aborted = (fetched.abortedTransactions ?? []).map((one) => ({ ...one }))
  const values: string[] = []
  const open = new Set<number>()
  for (let at = 0; fetched.records !== null && at < fetched.records.length; ) {
    const header = readBatchHeader(fetched.records, at)
    const batch = fetched.records.subarray(at, at + header.sizeBytes)
    for (const { producerId, firstOffset } of aborted) {
      if (firstOffset === header.baseOffset) open.add(producerId)
    }
    if (header.isControlBatch) open.delete(header.producerId)
    else if (!open.has(header.producerId)) values.push(...valuesIn(batch))
    at += header.sizeBytes
  }
  return values
}

async function committedOffset(client: KafkaClient, groupId: string, requireStable = false) {
  const { groups } = await client.send(offsetFetch, 9, {
    groups: [{ groupId, topics: [{ name: 'orders', topicId: ZERO_UUID, partitionIndexes: [0] }] }],
    requireStable,
    groupId: '',
    topics: [],
  })
  const { committedOffset: offset, errorCode } = groups[0]!.topics[0]!.partitions[0]!
  return errorCode === NONE ? offset : `error ${errorCode}`
}

for (const isV2 of [false, true]) {
  describe(`a transaction ${isV2 ? 'of version 2' : 'of the classic protocol'}`, () => {
    const begin = async (producer: TransactionalProducer, ...partitions: number[]) => {
      if (isV2) return
      for (const partition of partitions) {
        assert.equal(await producer.add('orders', partition), NONE)
      }
    }

    it('shows all its records once it is committed, and none before', async (t) => {
      const { client, producer } = await world(t)
      const tx = await producer({ isV2 })
      await begin(tx, 0, 1)
      assert.equal(await tx.produce('orders', ['a', 'b']), NONE)
      assert.equal(await tx.produce('orders', ['c'], { partition: 1 }), NONE)
      await produceTo(client, 'orders', batchOf(['plain']))

      assert.deepEqual(await committed(client), [])
      assert.equal(await tx.end(true), NONE)

      assert.deepEqual(await committed(client), ['a', 'b', 'plain'])
      assert.deepEqual(await committed(client, 1), ['c'])
    })

    it('shows none of its records once it is aborted, and the next one works', async (t) => {
      const { client, producer } = await world(t)
      const tx = await producer({ isV2 })
      await begin(tx, 0)
      await tx.produce('orders', ['a', 'b'])
      assert.equal(await tx.end(false), NONE)
      await begin(tx, 0)
      assert.equal(await tx.produce('orders', ['c']), NONE)
      assert.equal(await tx.end(true), NONE)

      assert.deepEqual(await committed(client), ['c'])
      const raw = await fetchFrom(client, 'orders', {})
      assert.equal(raw.highWatermark, 5) // three records, two markers
    })

    it('wakes a reader that waits for it to end', async (t) => {
      const { client, connect, producer } = await world(t)
      const tx = await producer({ isV2 })
      await begin(tx, 0)
      await tx.produce('orders', ['a'])
      const settings = { isolationLevel: 1, maxWaitMs: 60_000 }
      const waiting = fetchFrom(await connect(), 'orders', settings)

      await tx.end(true)

      assert.deepEqual(valuesIn((await waiting).records).slice(0, 1), ['a'])
      assert.deepEqual(await committed(client), ['a'])
    })

    it('stages offsets that count from its commit on', async (t) => {
      const { client, producer } = await world(t)
      const tx = await producer({ isV2 })
      for (const [offset, commits] of [
        [7, true],
        [9, false],
      ] as const) {
        if (!isV2) assert.equal(await tx.addOffsets('readers'), NONE)
        assert.equal(await tx.commitOffset('readers', 'orders', offset), NONE)
        assert.equal(
          await committedOffset(client, 'readers', true),
          `error ${ErrorCode.UNSTABLE_OFFSET_COMMIT}`,
        )
        assert.equal(await tx.end(commits), NONE)
      }

      assert.equal(await committedOffset(client, 'readers', true), 7)
      assert.equal(await committedOffset(client, 'readers'), 7)
    })

    it('ended twice with the same outcome succeeds, with the other one is 48', async (t) => {
      const { producer } = await world(t)
      for (const commits of [true, false]) {
        const tx = await producer({ isV2, transactionalId: `ends ${commits}` })
        await begin(tx, 0)
        await tx.produce('orders', ['a'])

        const first = await tx.endOnce(commits)
        const again = await tx.endOnce(commits)
        const other = await tx.endOnce(!commits)

        assert.equal(first.errorCode, NONE)
        assert.deepEqual(again, first)
        assert.equal(other.errorCode, ErrorCode.INVALID_TXN_STATE)
      }
    })

    it('is aborted when its producer starts again, which fences the old one', async (t) => {
      const { client, producer } = await world(t)
      const old = await producer({ isV2 })
      await begin(old, 0)
      await old.produce('orders', ['a'])

      const fresh = await producer({ isV2 })

      assert.equal(fresh.producerId, old.producerId)
      assert.ok(fresh.producerEpoch > old.producerEpoch)
      assert.equal(await old.produce('orders', ['late']), ErrorCode.INVALID_PRODUCER_EPOCH)
      assert.equal(await old.end(true), ErrorCode.PRODUCER_FENCED)
      assert.equal(await old.end(true, 1), ErrorCode.INVALID_PRODUCER_EPOCH)
      await begin(fresh, 0)
      await fresh.produce('orders', ['b'])
      await fresh.end(true)
      assert.deepEqual(await committed(client), ['b'])
    })

    it('that outlives its timeout is aborted with a bumped epoch', async (t) => {
      const key = 'transaction.abort.timed.out.transaction.cleanup.interval.ms'
      const { client, producer } = await world(t, { [key]: '1' })
      const tx = await producer({ isV2, timeoutMs: 1 })
      await begin(tx, 0)
      await tx.produce('orders', ['a'])
      await until(async () => (await stateOf(client, 'tx')).transactionState === 'CompleteAbort')

      assert.equal(await tx.produce('orders', ['b']), ErrorCode.INVALID_PRODUCER_EPOCH)
      const { INVALID_TXN_STATE, PRODUCER_FENCED } = ErrorCode
      assert.equal(await tx.end(true), isV2 ? INVALID_TXN_STATE : PRODUCER_FENCED)
      assert.deepEqual(await committed(client), [])
      assert.equal(await tx.initOnce(5, true), NONE)
      assert.equal(tx.producerEpoch, 1)
    })
  })
}

it('a producer of version 2 whose transaction outlived its timeout may abort it, and goes on', async (t) => {
  const key = 'transaction.abort.timed.out.transaction.cleanup.interval.ms'
  const { client, producer } = await world(t, { [key]: '1' })
  const tx = await producer({ timeoutMs: 1 })
  await tx.produce('orders', ['a'])
  await until(async () => (await stateOf(client, 'tx')).transactionState === 'CompleteAbort')
  assert.equal(await tx.produce('orders', ['b']), ErrorCode.INVALID_PRODUCER_EPOCH)

  assert.equal(await tx.end(false), NONE)

  assert.equal(tx.producerEpoch, 1)
  assert.deepEqual(await committed(client), [])
})

async function stateOf(client: KafkaClient, transactionalId: string) {
  const request = { transactionalIds: [transactionalId] }
  const { transactionStates } = await client.send(describeTransactions, 0, request)
  return transactionStates[0]!
}

describe('a transactional batch', () => {
  it('of a partition that was not added is refused: 48, in v11 120', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer({ isV2: false })
    await tx.add('orders', 1)

    for (const version of [3, 5, 7, 9, 10]) {
      const code = await tx.produce('orders', ['a'], { version })
      assert.equal(code, ErrorCode.INVALID_TXN_STATE, `v${version}`)
    }
    const code = await tx.produce('orders', ['a'], { version: 11 })
    assert.equal(code, ErrorCode.TRANSACTION_ABORTABLE)
    assert.equal((await fetchFrom(client, 'orders', {})).highWatermark, 0)
  })

  it('in a request without a transactional id is refused with 48', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer()

    const { errorCode } = await produceTo(client, 'orders', tx.batch(['a']))

    assert.equal(errorCode, ErrorCode.INVALID_TXN_STATE)
  })

  it('that begins a transaction of version 2 later than at sequence 0 is 45', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer()
    await tx.produce('orders', ['a'], { partition: 1 })
    const records = tx.batch(['b'], { baseSequence: 4 })
    const { responses } = await client.send(produce, 12, {
      ...produceRequest('orders', records),
      transactionalId: 'tx',
    })

    const { errorCode } = responses[0]!.partitionResponses[0]!
    assert.equal(errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  it('of a future epoch or another producer is refused', async (t) => {
    const { producer } = await world(t)
    const tx = await producer()
    tx.producerEpoch += 1
    assert.equal(await tx.produce('orders', ['a']), ErrorCode.INVALID_PRODUCER_EPOCH)
    tx.producerEpoch -= 1
    tx.producerId += 1
    assert.equal(await tx.produce('orders', ['a']), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  })

  it('beside which its producer sends a plain one has that refused with 48', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer()
    await tx.produce('orders', ['a'])
    const { producerId, producerEpoch } = tx
    const plain = batchOf(['b'], { producerId, producerEpoch, baseSequence: 1 })

    const { errorCode } = await produceTo(client, 'orders', plain)

    assert.equal(errorCode, ErrorCode.INVALID_TXN_STATE)
  })

  it('and any other of a client cannot enter the topics of the broker', async (t) => {
    const { client, producer } = await world(t)
    await producer()

    const { errorCode } = await produceTo(client, '__transaction_state', batchOf(['a']))

    assert.equal(errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
  })
})

describe('InitProducerId with a transactional id', () => {
  it('refuses a timeout above the maximum, and one that is none, with 50', async (t) => {
    const { client } = await world(t, { 'transaction.max.timeout.ms': '5000' })
    for (const timeoutMs of [5001, 0, -1]) {
      const tx = new TransactionalProducer(client, { timeoutMs })
      assert.equal(await tx.initOnce(), ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    }
    const tx = new TransactionalProducer(client, { timeoutMs: 5000 })
    assert.equal(await tx.initOnce(), NONE)
  })

  it('answers 51 until what was left open is aborted', async (t) => {
    const { producer } = await world(t)
    const tx = await producer()
    await tx.produce('orders', ['a'])

    assert.equal(await tx.initOnce(), ErrorCode.CONCURRENT_TRANSACTIONS)
    assert.equal(await tx.init(), NONE)
  })

  it('works in every version, and names the fencing by version', async (t) => {
    const { connect } = await world(t)
    for (const version of [0, 1, 2, 3, 4, 5]) {
      const tx = new TransactionalProducer(await connect(), { transactionalId: `v${version}` })
      assert.equal(await tx.init(version), NONE)
      if (version < 3) continue
      assert.equal(await tx.initOnce(version, true), NONE)
      assert.equal(tx.producerEpoch, 1)
      tx.producerEpoch = 7
      const fenced = version < 4 ? ErrorCode.INVALID_PRODUCER_EPOCH : ErrorCode.PRODUCER_FENCED
      assert.equal(await tx.initOnce(version, true), fenced)
    }
  })

  it('refuses an empty id with 42, and one beyond the bound with 44', async (t) => {
    const { client } = await world(t, { 'millrace.max.transactional.ids': '1' })
    const codeFor = (transactionalId: string) =>
      new TransactionalProducer(client, { transactionalId }).initOnce()

    assert.equal(await codeFor(''), ErrorCode.INVALID_REQUEST)
    assert.equal(await codeFor('one'), NONE)
    assert.equal(await codeFor('two'), ErrorCode.POLICY_VIOLATION)
    assert.equal(await codeFor('one'), NONE)
  })
})

describe('AddPartitionsToTxn, AddOffsetsToTxn and EndTxn', () => {
  it('work in every version', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer({ isV2: false })
    for (const version of [0, 1, 2, 3, 4, 5]) {
      assert.equal(await tx.add('orders', 0, version), NONE)
      assert.equal(await tx.produce('orders', [`v${version}`]), NONE)
      assert.equal(await tx.addOffsets('readers', Math.min(version, 4)), NONE)
      const offset = { version: Math.min(version, 4) }
      assert.equal(await tx.commitOffset('readers', 'orders', version, offset), NONE)
      assert.equal(await tx.end(true, version), NONE)
    }

    assert.deepEqual(await committed(client), ['v0', 'v1', 'v2', 'v3', 'v4', 'v5'])
    assert.equal(await committedOffset(client, 'readers'), 5)
  })

  it('refuse strangers: 49 for another producer, 90 for another epoch, before v2 47', async (t) => {
    const { producer } = await world(t)
    const tx = await producer({ isV2: false })
    const steps = [
      [(version: number) => tx.add('orders', 0, version), 5],
      [(version: number) => tx.addOffsets('readers', version), 4],
      [(version: number) => tx.end(true, version), 5],
    ] as const
    for (const [step, last] of steps) {
      for (let version = 0; version <= last; version++) {
        tx.producerEpoch = 5
        const fenced = version < 2 ? ErrorCode.INVALID_PRODUCER_EPOCH : ErrorCode.PRODUCER_FENCED
        assert.equal(await step(version), fenced, `v${version}`)
        tx.producerEpoch = 0
        tx.producerId += 1
        assert.equal(await step(version), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        tx.producerId -= 1
      }
    }
  })

  it('end nothing that has not begun: a commit is 48', async (t) => {
    const { producer } = await world(t)
    const tx = await producer()

    assert.equal(await tx.end(true, 4), ErrorCode.INVALID_TXN_STATE)
    assert.equal(await tx.end(false, 4), ErrorCode.INVALID_TXN_STATE)
    assert.equal(await tx.end(true, 5), ErrorCode.INVALID_TXN_STATE)
    // An abort is the way to be sure that nothing of a failed produce is left.
    assert.equal(await tx.end(false, 5), NONE)
    assert.equal(tx.producerEpoch, 1)
  })

  it('add all partitions or none: unknown ones are 3, the others then 55', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer()
    const topics = [{ name: 'orders', partitions: [0, 2] }]
    const claim = {
      transactionalId: 'tx',
      producerId: tx.producerId,
      producerEpoch: tx.producerEpoch,
    }

    const { resultsByTransaction } = await client.send(addPartitionsToTxn, 5, {
      transactions: [{ ...claim, topics }],
      v3AndBelowTransactionalId: '',
      v3AndBelowProducerId: 0,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [],
    })

    const codes = resultsByTransaction[0]!.topicResults[0]!.resultsByPartition
    assert.deepEqual(
      codes.map((one) => one.partitionErrorCode),
      [ErrorCode.OPERATION_NOT_ATTEMPTED, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    )
    assert.equal((await stateOf(client, 'tx')).transactionState, 'Empty')
  })

  it('verify without adding', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer()
    await tx.add('orders', 0)
    const verify = async (version: number) => {
      const { resultsByTransaction } = await client.send(addPartitionsToTxn, version, {
        transactions: [
          {
            transactionalId: 'tx',
            producerId: tx.producerId,
            producerEpoch: tx.producerEpoch,
            verifyOnly: true,
            topics: [{ name: 'orders', partitions: [0, 1] }],
          },
        ],
        v3AndBelowTransactionalId: '',
        v3AndBelowProducerId: 0,
        v3AndBelowProducerEpoch: 0,
        v3AndBelowTopics: [],
      })
      const codes = resultsByTransaction[0]!.topicResults[0]!.resultsByPartition
      return codes.map((one) => one.partitionErrorCode)
    }

    assert.deepEqual(await verify(5), [NONE, ErrorCode.TRANSACTION_ABORTABLE])
    assert.deepEqual(await verify(4), [NONE, ErrorCode.INVALID_TXN_STATE])
  })
})

describe('TxnOffsetCommit', () => {
  it('outside of the transaction is 120, before v4 48', async (t) => {
    const { producer } = await world(t)
    const tx = await producer({ isV2: false })
    await tx.add('orders', 0)

    for (const version of [0, 1, 2, 3]) {
      const code = await tx.commitOffset('readers', 'orders', 1, { version })
      assert.equal(code, ErrorCode.INVALID_TXN_STATE)
    }
    const code = await tx.commitOffset('readers', 'orders', 1, { version: 4 })
    assert.equal(code, ErrorCode.TRANSACTION_ABORTABLE)
  })

  it('checks the member from v3 on, and unknown partitions', async (t) => {
    const { producer } = await world(t)
    const tx = await producer()

    const stranger = { generationId: 3, memberId: 'nobody' }
    const code = await tx.commitOffset('readers', 'orders', 1, stranger)
    assert.equal(code, ErrorCode.ILLEGAL_GENERATION)
    const missing = await tx.commitOffset('readers', 'nothing', 1)
    assert.equal(missing, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await tx.commitOffset('', 'orders', 1), ErrorCode.INVALID_GROUP_ID)
  })
})

describe('a hung transaction', () => {
  it('shows in DescribeProducers and is ended with WriteTxnMarkers', async (t) => {
    for (const version of [1, 2]) {
      const { broker, client, producer } = await world(t)
      const tx = await producer()
      await tx.produce('orders', ['a'])
      const request = { topics: [{ name: 'orders', partitionIndexes: [0, 9] }] }
      const before = await client.send(describeProducers, 0, request)
      const [known, unknown] = before.topics[0]!.partitions
      assert.equal(unknown!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      const { producerId, producerEpoch, currentTxnStartOffset } = known!.activeProducers[0]!
      assert.deepEqual([producerId, producerEpoch, currentTxnStartOffset], [tx.producerId, 0, 0])

      const mark = async (epoch: number, coordinatorEpoch = 1_000) => {
        const { markers } = await client.send(writeTxnMarkers, version, {
          markers: [
            {
              producerId,
              producerEpoch: epoch,
              transactionResult: false,
              coordinatorEpoch,
              transactionVersion: 2,
              topics: [{ name: 'orders', partitionIndexes: [0] }],
            },
          ],
        })
        return markers[0]!.topics[0]!.partitions[0]!.errorCode
      }
      if (version === 2) assert.equal(await mark(0), ErrorCode.INVALID_PRODUCER_EPOCH)
      assert.equal(await mark(version - 1), NONE)

      assert.equal(broker.addresses.length, 1)
      assert.deepEqual(await committed(client), [])
      assert.equal(await mark(version, 0), ErrorCode.TRANSACTION_COORDINATOR_FENCED)
      const after = await client.send(describeProducers, 0, request)
      assert.equal(after.topics[0]!.partitions[0]!.activeProducers[0]!.currentTxnStartOffset, -1)
    }
  })
})

describe('DescribeTransactions and ListTransactions', () => {
  it('tell state, producer and partitions', async (t) => {
    const { client, producer } = await world(t)
    const tx = await producer({ timeoutMs: 12_345 })
    await tx.produce('orders', ['a'], { partition: 1 })

    const state = await stateOf(client, 'tx')

    assert.equal(state.transactionState, 'Ongoing')
    assert.equal(state.transactionTimeoutMs, 12_345)
    assert.equal(state.producerId, tx.producerId)
    assert.deepEqual(state.topics, [{ topic: 'orders', partitions: [1] }])
    assert.ok(state.transactionStartTimeMs > 0)
    const unknown = await stateOf(client, 'nobody')
    assert.equal(unknown.errorCode, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
  })

  it('list by state, producer, duration and pattern', async (t) => {
    const { client, producer } = await world(t)
    const open = await producer({ transactionalId: 'open-1' })
    await open.produce('orders', ['a'])
    await producer({ transactionalId: 'idle-1' })
    const list = async (version: number, filter: object) => {
      const request = { stateFilters: [], producerIdFilters: [], ...filter }
      const answer = await client.send(listTransactions, version, request)
      const ids = answer.transactionStates.map(({ transactionalId }) => transactionalId).sort()
      return answer.errorCode === NONE ? ids : answer.errorCode
    }

    assert.deepEqual(await list(0, {}), ['idle-1', 'open-1'])
    assert.deepEqual(await list(0, { stateFilters: ['Ongoing'] }), ['open-1'])
    assert.deepEqual(await list(0, { producerIdFilters: [open.producerId] }), ['open-1'])
    assert.deepEqual(await list(1, { stateFilters: ['Ongoing'], durationFilter: 3_600_000 }), [])
    assert.deepEqual(await list(2, { transactionalIdPattern: 'idle-.*' }), ['idle-1'])
    assert.equal(
      await list(2, { transactionalIdPattern: '(' }),
      ErrorCode.INVALID_REGULAR_EXPRESSION,
    )
    assert.deepEqual(await list(2, { transactionalIdPattern: '(a+)+b' }), [])
    const odd = await client.send(listTransactions, 2, {
      stateFilters: ['Confused'],
      producerIdFilters: [],
    })
    assert.deepEqual(odd.unknownStateFilters, ['Confused'])
    assert.deepEqual(odd.transactionStates, [])
  })
})

describe('the features', () => {
  it('finalize transaction.version at 2 and group.version at 1, supported from v4 on', async (t) => {
    const { client } = await world(t)
    const software = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }

    const v3 = await client.send(apiVersions, 3, software)
    const v4 = await client.send(apiVersions, 4, software)

    const [groups, transactions] = ['group.version', 'transaction.version'] as const
    const finalized = [
      { name: groups, maxVersionLevel: 1, minVersionLevel: 1 },
      { name: transactions, maxVersionLevel: 2, minVersionLevel: 2 },
    ]
    assert.deepEqual(v3.supportedFeatures, [])
    assert.deepEqual(v3.finalizedFeatures, finalized)
    assert.deepEqual(v4.supportedFeatures, [
      { name: groups, minVersion: 0, maxVersion: 1 },
      { name: transactions, minVersion: 0, maxVersion: 2 },
    ])
    assert.deepEqual(v4.finalizedFeatures, finalized)
    assert.equal(v4.finalizedFeaturesEpoch, 0)
  })

  it('stay at their levels', async (t) => {
    const { client } = await world(t)
    const update = async (maxVersionLevel: number) => {
      const featureUpdates = [
        { feature: 'transaction.version', maxVersionLevel, allowDowngrade: false },
      ]
      return (await client.send(updateFeatures, 2, { featureUpdates })).errorCode
    }

    assert.equal(await update(2), NONE)
    assert.equal(await update(1), ErrorCode.INVALID_UPDATE_VERSION)
  })
})

it('the coordinator of a transactional id is found in every version', async (t) => {
  const { broker, client } = await world(t)
  for (const version of [1, 2, 3, 4, 5, 6]) {
    const request = { key: 'tx', keyType: 1, coordinatorKeys: ['tx'] }
    const answer = await client.send(findCoordinator, version, request)
    const { port, errorCode } = version < 4 ? answer : answer.coordinators[0]!
    assert.deepEqual([errorCode, port], [NONE, broker.addresses[0]!.port])
  }
})
