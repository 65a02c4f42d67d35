// Well-formed requests that ask for too much: a small frame must not cost the broker more than its
// share. What may be asked for in plenty is bounded by what there is, not by what the frame says.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { describeConfigs } from '../../src/broker/protocol/32-describe-configs.ts'
import { createPartitions } from '../../src/broker/protocol/37-create-partitions.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { startFaultyBroker } from '../faults/faulty-broker.ts'
import { batchOf, makeTopic, produceTo, startTestBroker } from '../support/test-broker.ts'

const INT32_MAX = 2_147_483_647

describe('a request that asks for too much', () => {
  it('of partitions is refused: all that one machine bears, whatever the count', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')

    const created = await client.send(createTopics, 7, {
      topics: [
        {
          name: 'huge',
          numPartitions: INT32_MAX,
          replicationFactor: 1,
          assignments: [],
          configs: [],
        },
      ],
      timeoutMs: 1000,
    })
    const grown = await client.send(createPartitions, 3, {
      topics: [{ name: 'orders', count: INT32_MAX, assignments: null }],
      timeoutMs: 1000,
      validateOnly: false,
    })

    assert.notEqual(created.topics[0]!.errorCode, ErrorCode.NONE)
    assert.notEqual(grown.results[0]!.errorCode, ErrorCode.NONE)
  })

  it('of descriptions gets one of each resource', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const resource = { resourceType: 4, resourceName: '1', configurationKeys: null }

    const { results } = await client.send(describeConfigs, 4, {
      resources: Array.from({ length: 500 }, () => resource),
      includeSynonyms: true,
      includeDocumentation: true,
    })

    const described = results.filter(({ configs }) => configs.length > 0)
    assert.equal(described.length, 1)
    assert.equal(results[499]!.errorCode, ErrorCode.INVALID_REQUEST)
  })

  it('of partitions in a fetch is read no further than the answer has room', async (t) => {
    const { connect, disk, restart } = await startFaultyBroker(t)
    const client = await connect()
    await makeTopic(client, 'wide', { partitions: 50 })
    for (let partition = 0; partition < 50; partition++) {
      await produceTo(client, 'wide', batchOf(['x'.repeat(1000)]), { partition })
    }
    const again = await (await restart()).connect() // what was just written is served from memory
    const readsBefore = disk.count('read', /^topics\/wide/)

    const { responses } = await again.send(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 3500,
      topics: [
        {
          topic: 'wide',
          topicId: ZERO_UUID,
          partitions: Array.from({ length: 50 }, (_, partition) => {
            return { partition, fetchOffset: 0, partitionMaxBytes: 100_000 }
          }),
        },
      ],
      forgottenTopicsData: [],
    })

    const full = responses[0]!.partitions.filter(({ records }) => (records?.length ?? 0) > 0)
    assert.equal(full.length, 3)
    const reads = disk.count('read', /^topics\/wide/) - readsBefore
    assert.ok(reads <= 20, `${reads} reads of four partitions`)
  })
})
