// API 0, Produce. Appends record batches to partitions; `records` stay opaque here.
//
// Versions 3 to 13, flexible from 9:
//   v3  record batches of format 2, transactional id (KIP-98)
//   v5  log start offset in the response
//   v7  zstd (KIP-110)
//   v8  errors per record (KIP-467)
//   v10 current leader and its address (KIP-951)
//   v11 TRANSACTION_ABORTABLE (KIP-890)
//   v12 adds partitions to the transaction by itself (KIP-890)
//   v13 topic ids instead of names (KIP-516)
// v0 to v2 are advertised, because librdkafka takes their absence for a broker too old to compress,
// but have no declaration: they are refused (KAFKA-18659). With acks=0 there is no response.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, int64, records, string, struct, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const produce = defineApi({
  key: ApiKey.PRODUCE,
  name: 'Produce',
  versions: [3, 13],
  flexibleFrom: 9,
  request: {
    transactionalId: string('3+', { nullable: '3+', default: null }),
    acks: int16('0+'),
    timeoutMs: int32('0+'),
    topicData: array('0+', {
      name: string('0-12'),
      topicId: uuid('13+'),
      partitionData: array('0+', {
        index: int32('0+'),
        records: records('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    responses: array('0+', {
      name: string('0-12'),
      topicId: uuid('13+'),
      partitionResponses: array('0+', {
        index: int32('0+'),
        errorCode: int16('0+'),
        baseOffset: int64('0+'),
        logAppendTimeMs: int64('2+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        recordErrors: array('8+', {
          batchIndex: int32('8+'),
          batchIndexErrorMessage: string('8+', { nullable: '8+', default: null }),
        }),
        errorMessage: string('8+', { nullable: '8+', default: null }),
        currentLeader: struct(
          '10+',
          { tag: 0 },
          {
            leaderId: int32('10+', { default: -1 }),
            leaderEpoch: int32('10+', { default: -1 }),
          },
        ),
      }),
    }),
    throttleTimeMs: int32('1+', { default: 0 }),
    nodeEndpoints: array(
      '10+',
      { tag: 0 },
      {
        nodeId: int32('10+'),
        host: string('10+'),
        port: int32('10+'),
        rack: string('10+', { nullable: '10+', default: null }),
      },
    ),
  },
})

export type ProduceRequest = RequestOf<typeof produce>
export type ProduceResponse = ResponseOf<typeof produce>
