// API 34, AlterReplicaLogDirs. Moves replicas between log directories. Source: KIP-113.
//
// Versions 1 to 2, flexible from 2.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const alterReplicaLogDirs = defineApi({
  key: ApiKey.ALTER_REPLICA_LOG_DIRS,
  name: 'AlterReplicaLogDirs',
  versions: [1, 2],
  flexibleFrom: 2,
  request: {
    dirs: array('0+', {
      path: string('0+'),
      topics: array('0+', {
        name: string('0+'),
        partitions: array('0+', 'int32'),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    results: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})

export type AlterReplicaLogDirsRequest = RequestOf<typeof alterReplicaLogDirs>
export type AlterReplicaLogDirsResponse = ResponseOf<typeof alterReplicaLogDirs>
