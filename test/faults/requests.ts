// Requests that several tests of faults send.
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { deleteTopics } from '../../src/broker/protocol/20-delete-topics.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, produceRequest } from '../support/test-broker.ts'

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
