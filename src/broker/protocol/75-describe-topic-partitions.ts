// API 75, DescribeTopicPartitions. Topics and their partitions in pages, with the replicas that
// could lead. Source: KIP-966.
//
// Version 0, flexible.

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, string, struct, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const describeTopicPartitions = defineApi({
  key: ApiKey.DESCRIBE_TOPIC_PARTITIONS,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array('0+', {
      name: string('0+'),
    }),
    responsePartitionLimit: int32('0+', { default: 2000 }),
    cursor: struct(
      '0+',
      { nullable: '0+', default: null },
      {
        topicName: string('0+'),
        partitionIndex: int32('0+'),
      },
    ),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    topics: array('0+', {
      errorCode: int16('0+'),
      name: string('0+', { nullable: '0+' }),
      topicId: uuid('0+'),
      isInternal: bool('0+', { default: false }),
      partitions: array('0+', {
        errorCode: int16('0+'),
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+', { default: -1 }),
        replicaNodes: array('0+', 'int32'),
        isrNodes: array('0+', 'int32'),
        eligibleLeaderReplicas: array('0+', { nullable: '0+', default: null }, 'int32'),
        lastKnownElr: array('0+', { nullable: '0+', default: null }, 'int32'),
        offlineReplicas: array('0+', 'int32'),
      }),
      topicAuthorizedOperations: int32('0+', { default: -(2 ** 31) }),
    }),
    nextCursor: struct(
      '0+',
      { nullable: '0+', default: null },
      {
        topicName: string('0+'),
        partitionIndex: int32('0+'),
      },
    ),
  },
})

export type DescribeTopicPartitionsRequest = RequestOf<typeof describeTopicPartitions>
export type DescribeTopicPartitionsResponse = ResponseOf<typeof describeTopicPartitions>
