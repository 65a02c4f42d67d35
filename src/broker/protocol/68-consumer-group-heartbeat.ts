// API 68, ConsumerGroupHeartbeat. Membership in groups of the new protocol. Source: KIP-848.
//
// Versions 0 to 1, all flexible:
//   v1  subscription by regular expression; the member makes its own id (KIP-1082)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string, struct, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

const topicPartitions = {
  topicId: uuid('0+'),
  partitions: array('0+', 'int32'),
} as const

export const consumerGroupHeartbeat = defineApi({
  key: ApiKey.CONSUMER_GROUP_HEARTBEAT,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string('0+'),
    memberId: string('0+'),
    memberEpoch: int32('0+'),
    instanceId: string('0+', { nullable: '0+', default: null }),
    rackId: string('0+', { nullable: '0+', default: null }),
    rebalanceTimeoutMs: int32('0+', { default: -1 }),
    subscribedTopicNames: array('0+', { nullable: '0+', default: null }, 'string'),
    subscribedTopicRegex: string('1+', { nullable: '1+', default: null }),
    serverAssignor: string('0+', { nullable: '0+', default: null }),
    topicPartitions: array(
      '0+',
      { nullable: '0+', default: null },
      {
        topicId: uuid('0+'),
        partitions: array('0+', 'int32'),
      },
    ),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    memberId: string('0+', { nullable: '0+', default: null }),
    memberEpoch: int32('0+'),
    heartbeatIntervalMs: int32('0+'),
    assignment: struct(
      '0+',
      { nullable: '0+', default: null },
      {
        topicPartitions: array('0+', topicPartitions),
      },
    ),
  },
})

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeat>
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeat>
