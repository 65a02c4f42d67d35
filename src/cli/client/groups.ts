// Lists groups, reads what they committed, and changes that of stopped ones.
// Source: KIP-229 (delete groups), KIP-496 (OffsetDelete), KIP-709 (OffsetFetch of version 8).

import { ZERO_UUID } from '../../broker/bytes/uuid.ts'
import { offsetCommit } from '../../broker/protocol/08-offset-commit.ts'
import { offsetFetch } from '../../broker/protocol/09-offset-fetch.ts'
import { listGroups } from '../../broker/protocol/16-list-groups.ts'
import { deleteGroups } from '../../broker/protocol/42-delete-groups.ts'
import { offsetDelete } from '../../broker/protocol/47-offset-delete.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster, TopicPartition } from './cluster.ts'
import { byTopic } from './offsets.ts'

/** From version 10 on topics go by id (KIP-848); names serve every broker. */
const COMMIT_BY_NAME_VERSION = 9
const FETCH_BY_NAME_VERSION = 9
/** A commit from outside the group: no member, no generation. */
const NO_MEMBER = { memberId: '', generationIdOrMemberEpoch: -1 }

export interface GroupListing {
  readonly groupId: string
  /** `Stable`, `Empty`, ...; empty where the broker is too old to say. */
  readonly state: string
  readonly protocolType: string
  /** `classic`, `consumer`, ...; empty where the broker is too old to say. */
  readonly groupType: string
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number
  readonly metadata: string | null
}

/** Of all brokers, by name. */
export async function listAllGroups(cluster: Cluster): Promise<GroupListing[]> {
  const { brokers } = await cluster.describe({ topics: [] })
  const lists = brokers.map(({ nodeId }) =>
    cluster.retrying(async () => {
      const connection = await cluster.broker(nodeId)
      const { errorCode, groups } = await connection.request(listGroups, {
        statesFilter: [],
        typesFilter: [],
      })
      assertAccepted(errorCode, 'Groups')
      return groups
    }),
  )
  const groups = (await Promise.all(lists)).flat().map((group) => ({
    groupId: group.groupId,
    state: group.groupState,
    protocolType: group.protocolType,
    groupType: group.groupType,
  }))
  return groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

/** What a group has committed, by topic and partition. */
export async function fetchCommittedOffsets(
  cluster: Cluster,
  groupId: string,
): Promise<CommittedOffset[]> {
  const topics = await cluster.retrying(async () => {
    const connection = await cluster.coordinator(groupId)
    const answer = await connection.request(
      offsetFetch,
      { groupId, topics: null, groups: [{ groupId, topics: null }], requireStable: false },
      { maxVersion: FETCH_BY_NAME_VERSION },
    )
    // Version 8 (KIP-709) answers a list of groups, older ones a single group.
    const found = answer.groups[0] ?? answer
    assertAccepted(found.errorCode, `Offsets of group ${groupId}`)
    return found.topics
  })
  const committed = topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode, committedOffset }) => errorCode === 0 && committedOffset >= 0)
      .map(({ partitionIndex, committedOffset, metadata }) => {
        return { topic: name, partition: partitionIndex, offset: committedOffset, metadata }
      }),
  )
  return committed.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

/** Commits for a group without members. @throws ClientError refused UNKNOWN_MEMBER_ID when it has some */
export async function commitOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly (TopicPartition & { offset: number })[],
): Promise<void> {
  await cluster.retrying(async () => {
    const connection = await cluster.coordinator(groupId)
    const { topics } = await connection.request(
      offsetCommit,
      {
        groupId,
        ...NO_MEMBER,
        groupInstanceId: null,
        topics: byTopic(offsets, ({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: -1,
          committedMetadata: '',
        })).map(({ topic, partitions }) => ({ name: topic, topicId: ZERO_UUID, partitions })),
      },
      { maxVersion: COMMIT_BY_NAME_VERSION },
    )
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        assertAccepted(errorCode, `Group ${groupId}, topic ${name} partition ${partitionIndex}`)
      }
    }
  })
}

export async function deleteGroup(cluster: Cluster, groupId: string): Promise<void> {
  await cluster.retrying(async () => {
    const connection = await cluster.coordinator(groupId)
    const { results } = await connection.request(deleteGroups, { groupsNames: [groupId] })
    assertAccepted(results[0]!.errorCode, `Group ${groupId}`)
  })
}

/** Forgets what a group has committed. */
export async function deleteCommittedOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<void> {
  await cluster.retrying(async () => {
    const connection = await cluster.coordinator(groupId)
    const answer = await connection.request(offsetDelete, {
      groupId,
      topics: byTopic(partitions, ({ partition }) => ({ partitionIndex: partition })).map(
        ({ topic, partitions: indexes }) => ({ name: topic, partitions: indexes }),
      ),
    })
    assertAccepted(answer.errorCode, `Group ${groupId}`)
    for (const { name, partitions: results } of answer.topics) {
      for (const { partitionIndex, errorCode } of results) {
        assertAccepted(errorCode, `Group ${groupId}, topic ${name} partition ${partitionIndex}`)
      }
    }
  })
}
