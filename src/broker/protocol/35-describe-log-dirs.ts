// API 35, DescribeLogDirs. Log directories and the size of each partition in them. Source: KIP-113.
//
// Versions 1 to 5, flexible from 2:
//   v3  an error for the whole request
//   v4  total and usable bytes (KIP-827)
//   v5  cordoned directories (KIP-1066)

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const describeLogDirs = defineApi({
  key: ApiKey.DESCRIBE_LOG_DIRS,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexibleFrom: 2,
  request: {
    topics: array(
      '0+',
      { nullable: '0+' },
      {
        topic: string('0+'),
        partitions: array('0+', 'int32'),
      },
    ),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('3+'),
    results: array('0+', {
      errorCode: int16('0+'),
      logDir: string('0+'),
      topics: array('0+', {
        name: string('0+'),
        partitions: array('0+', {
          partitionIndex: int32('0+'),
          partitionSize: int64('0+'),
          offsetLag: int64('0+'),
          isFutureKey: bool('0+'),
        }),
      }),
      totalBytes: int64('4+', { default: -1 }),
      usableBytes: int64('4+', { default: -1 }),
      isCordoned: bool('5+', { default: false }),
    }),
  },
})

export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirs>
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirs>
