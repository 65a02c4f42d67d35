// API 1, Fetch. Reads record batches, waiting until there are enough; `records` stay opaque here.
//
// Versions 4 to 18, flexible from 12:
//   v4  isolation level, aborted transactions (KIP-98)
//   v5  log start offset (KIP-107)
//   v7  fetch sessions (KIP-227)
//   v9  leader epoch of the reader (KIP-320)
//   v10 zstd (KIP-110)
//   v11 rack and preferred replica (KIP-392)
//   v12 last fetched epoch, diverging epoch (KIP-595)
//   v13 topic ids instead of names (KIP-516)
//   v15 replica state in a tag (KIP-903)
//   v16 addresses of new leaders (KIP-951)
//   v17 directory id (KIP-853)
//   v18 high watermark of the reader (KIP-1166)
// fetchOffset saturates: an offset beyond 2^53-1 is answered as out of range, like any other beyond
// the end.

import { ApiKey } from '../wire/api-keys.ts'
import {
  array,
  int8,
  int16,
  int32,
  int64,
  records,
  saturatingInt64,
  string,
  struct,
  uuid,
} from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const fetch = defineApi({
  key: ApiKey.FETCH,
  name: 'Fetch',
  versions: [4, 18],
  flexibleFrom: 12,
  request: {
    clusterId: string('12+', { nullable: '12+', tag: 0, default: null }),
    replicaId: int32('0-14', { default: -1 }),
    replicaState: struct(
      '15+',
      { tag: 1 },
      {
        replicaId: int32('15+', { default: -1 }),
        replicaEpoch: int64('15+', { default: -1 }),
      },
    ),
    maxWaitMs: int32('0+'),
    minBytes: int32('0+'),
    maxBytes: int32('3+', { default: 0x7fff_ffff }),
    isolationLevel: int8('4+', { default: 0 }),
    sessionId: int32('7+', { default: 0 }),
    sessionEpoch: int32('7+', { default: -1 }),
    topics: array('0+', {
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array('0+', {
        partition: int32('0+'),
        currentLeaderEpoch: int32('9+', { default: -1 }),
        fetchOffset: saturatingInt64('0+'),
        lastFetchedEpoch: int32('12+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        partitionMaxBytes: int32('0+'),
        replicaDirectoryId: uuid('17+', { tag: 0 }),
        highWatermark: saturatingInt64('18+', { tag: 1, default: Number.MAX_SAFE_INTEGER }),
      }),
    }),
    forgottenTopicsData: array('7+', {
      topic: string('7-12'),
      topicId: uuid('13+'),
      partitions: array('7+', 'int32'),
    }),
    rackId: string('11+', { default: '' }),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: int16('7+'),
    sessionId: int32('7+', { default: 0 }),
    responses: array('0+', {
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        highWatermark: int64('0+'),
        lastStableOffset: int64('4+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        divergingEpoch: struct(
          '12+',
          { tag: 0 },
          {
            epoch: int32('12+', { default: -1 }),
            endOffset: int64('12+', { default: -1 }),
          },
        ),
        currentLeader: struct(
          '12+',
          { tag: 1 },
          {
            leaderId: int32('12+', { default: -1 }),
            leaderEpoch: int32('12+', { default: -1 }),
          },
        ),
        snapshotId: struct(
          '12+',
          { tag: 2 },
          {
            endOffset: int64('0+', { default: -1 }),
            epoch: int32('0+', { default: -1 }),
          },
        ),
        abortedTransactions: array(
          '4+',
          { nullable: '4+' },
          {
            producerId: int64('4+'),
            firstOffset: int64('4+'),
          },
        ),
        preferredReadReplica: int32('11+', { default: -1 }),
        records: records('0+', { nullable: '0+' }),
      }),
    }),
    nodeEndpoints: array(
      '16+',
      { tag: 0 },
      {
        nodeId: int32('16+'),
        host: string('16+'),
        port: int32('16+'),
        rack: string('16+', { nullable: '16+', default: null }),
      },
    ),
  },
})

export type FetchRequest = RequestOf<typeof fetch>
export type FetchResponse = ResponseOf<typeof fetch>
