// Requests that several tests of faults send.
import assert from 'node:assert/strict'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { deleteTopics } from '../../src/broker/protocol/20-delete-topics.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, produceRequest, valuesIn } from '../support/test-broker.ts'

/** One batch to each topic, in one request. @returns by topic what became of it */
export async function produceEach(client: KafkaClient, topics: readonly string[], value: string) {
  const { responses } = await client.send(produce, 12, {
    acks: -1,
    timeoutMs: 10_000,
    topicData: topics.flatMap((topic) => produceRequest(topic, batchOf([value])).topicData),
  })
  return new Map(responses.map(({ name, partitionResponses }) => [name, partitionResponses[0]!]))
}

export async function deleteTopic(client: KafkaClient, name: string): Promise<number> {
  const { responses } = await client.send(deleteTopics, 5, {
    topics: [],
    topicNames: [name],
    timeoutMs: 10_000,
  })
  return responses[0]!.errorCode
}

/** Every value of the first partition of orders, from offset 0 on. */
export async function readAll(client: KafkaClient): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const { errorCode, records } = await fetchFrom(client, 'orders', { offset: values.length })
    assert.equal(errorCode, ErrorCode.NONE)
    const more = valuesIn(records)
    if (more.length === 0) return values
    values.push(...more)
  }
}
