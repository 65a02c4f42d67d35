// API 3, Metadata. Brokers, topics, partitions and their leaders.
//
// Versions 0 to 13, flexible from 9:
//   v0  all topics is an empty array; from v1 it is null and an empty array asks for none
//   v1  controller, rack, internal topics
//   v2  cluster id (KIP-78)
//   v4  allows or forbids auto-creation
//   v5  offline replicas
//   v7  leader epochs (KIP-320)
//   v8  authorized operations (KIP-430)
//   v10 topic ids in the response
//   v11 without the cluster's operations (KIP-700)
//   v12 topics may be asked for by id (KIP-516)
//   v13 an error for the whole request (KIP-1102)

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, string, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const metadata = defineApi({
  key: ApiKey.METADATA,
  name: 'Metadata',
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    topics: array(
      '0+',
      { nullable: '1+' },
      {
        topicId: uuid('10+'),
        name: string('0+', { nullable: '10+' }),
      },
    ),
    allowAutoTopicCreation: bool('4+', { default: true }),
    includeClusterAuthorizedOperations: bool('8-10'),
    includeTopicAuthorizedOperations: bool('8+'),
  },
  response: {
    throttleTimeMs: int32('3+', { default: 0 }),
    brokers: array('0+', {
      nodeId: int32('0+'),
      host: string('0+'),
      port: int32('0+'),
      rack: string('1+', { nullable: '1+', default: null }),
    }),
    clusterId: string('2+', { nullable: '2+', default: null }),
    controllerId: int32('1+', { default: -1 }),
    topics: array('0+', {
      errorCode: int16('0+'),
      name: string('0+', { nullable: '12+' }),
      topicId: uuid('10+'),
      isInternal: bool('1+', { default: false }),
      partitions: array('0+', {
        errorCode: int16('0+'),
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('7+', { default: -1 }),
        replicaNodes: array('0+', 'int32'),
        isrNodes: array('0+', 'int32'),
        offlineReplicas: array('5+', 'int32'),
      }),
      topicAuthorizedOperations: int32('8+', { default: -(2 ** 31) }),
    }),
    clusterAuthorizedOperations: int32('8-10', { default: -(2 ** 31) }),
    errorCode: int16('13+'),
  },
})

export type MetadataRequest = RequestOf<typeof metadata>
export type MetadataResponse = ResponseOf<typeof metadata>
