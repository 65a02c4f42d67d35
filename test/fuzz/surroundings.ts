// What of the broker the fuzzer knows, so that its requests can mean something: topics by name and
// id, and a living member of a group. Refreshed now and then over a connection of its own, because
// its own frames delete topics and let members die.

import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { Writer } from '../../src/broker/bytes/writer.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { joinGroup } from '../../src/broker/protocol/11-join-group.ts'
import { syncGroup } from '../../src/broker/protocol/14-sync-group.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { Connection } from '../../src/cli/client/connection.ts'

const TOPICS = ['fuzz-a', 'fuzz-b', 'fuzz-c']
const PARTITIONS = 4
const TIMEOUT_MS = 1000
const SESSION_MS = 6000

export interface LiveMember {
  readonly groupId: string
  readonly memberId: string
  readonly generationId: number
}

export class Surroundings {
  /** What a consumer of the first topic puts into its JoinGroup. */
  readonly subscription = consumerSubscription(TOPICS[0]!)
  readonly topics: readonly string[] = TOPICS
  topicIds: readonly string[] = [ZERO_UUID]
  member: LiveMember = { groupId: 'fuzz-group-0', memberId: '', generationId: -1 }
  #refreshes = 0

  /** Makes the topics that are gone, and a member of one more group. */
  async refresh(connection: Connection): Promise<void> {
    await connection.request(createTopics, {
      topics: TOPICS.map((name) => ({
        name,
        numPartitions: PARTITIONS,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
      timeoutMs: TIMEOUT_MS,
    })
    const { topics } = await connection.request(metadata, {
      topics: TOPICS.map((name) => ({ name, topicId: ZERO_UUID })),
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })
    this.topicIds = [ZERO_UUID, ...topics.map(({ topicId }) => topicId)]
    this.#refreshes++
    this.member = await this.#join(connection, `fuzz-group-${this.#refreshes}`)
  }

  async #join(connection: Connection, groupId: string): Promise<LiveMember> {
    const protocols = [{ name: 'range', metadata: this.subscription }]
    const join = {
      groupId,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: TIMEOUT_MS,
      protocolType: 'consumer',
      protocols,
    }
    let answer = await connection.request(joinGroup, { ...join, memberId: '' })
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      answer = await connection.request(joinGroup, { ...join, memberId: answer.memberId })
    }
    const { memberId, generationId } = answer
    const assignments = [{ memberId, assignment: Buffer.alloc(6) }]
    await connection.request(syncGroup, { groupId, memberId, generationId, assignments })
    return { groupId, memberId, generationId }
  }
}

/** ConsumerProtocolSubscription v0: version, topics, no user data. */
function consumerSubscription(topic: string): Buffer {
  const writer = new Writer()
  writer.int16(0)
  writer.int32(1)
  writer.int16(topic.length)
  writer.utf8(topic, topic.length)
  writer.int32(-1)
  return writer.toBuffer()
}
