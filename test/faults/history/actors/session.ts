// What actors say on the wire, one function for a request, each answered with what the broker said:
// error codes are results here, and counted. Topics are named; transactions are v2 where asked for.

import { readControlMarker } from '../../../../src/broker/batch/control-marker.ts'
import { batchCrc, readBatchHeader, readBatchSize } from '../../../../src/broker/batch/header.ts'
import { readRecords } from '../../../../src/broker/batch/records.ts'
import { ZERO_UUID } from '../../../../src/broker/bytes/uuid.ts'
import { produce } from '../../../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../../../src/broker/protocol/01-fetch.ts'
import { listOffsets } from '../../../../src/broker/protocol/02-list-offsets.ts'
import { metadata } from '../../../../src/broker/protocol/03-metadata.ts'
import { offsetCommit } from '../../../../src/broker/protocol/08-offset-commit.ts'
import { offsetFetch } from '../../../../src/broker/protocol/09-offset-fetch.ts'
import { findCoordinator } from '../../../../src/broker/protocol/10-find-coordinator.ts'
import { initProducerId } from '../../../../src/broker/protocol/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../../../src/broker/protocol/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../../../src/broker/protocol/25-add-offsets-to-txn.ts'
import { endTxn } from '../../../../src/broker/protocol/26-end-txn.ts'
import { txnOffsetCommit } from '../../../../src/broker/protocol/28-txn-offset-commit.ts'
import type { Api } from '../../../../src/broker/protocol/api.ts'
import { ErrorCode, errorName, isRetriable } from '../../../../src/broker/wire/error-codes.ts'
import type { Fields, Infer, InferInput } from '../../../../src/broker/wire/field.ts'
import type { Connection, RequestOptions } from '../../../../src/cli/client/connection.ts'
import type { Isolation, PartitionName, StoredValue } from '../operations.ts'
import type { Arena } from './arena.ts'
import { nameOf } from './records.ts'

/** The last versions that name topics, and the last ones before transactions v2. */
const NAMED = { produce: 12, fetch: 12, offsetCommit: 9, offsetFetch: 9 }
const CLASSIC = { produce: 11, txnOffsetCommit: 4, endTxn: 4, addPartitions: 3 }
const PRODUCE_TIMEOUT_MS = 3_000
/** Of some: a slow disk outlasts it, and the batch stays. */
const HASTY_TIMEOUT_MS = 80
const HASTY_CHANCE = 0.2
const TRANSACTION_COORDINATOR = 1

export interface Place {
  readonly topic: string
  readonly partition: number
  /** In the history. */
  readonly name: PartitionName
}

export function placeOf(topic: string, partition: number): Place {
  return { topic, partition, name: `${topic}-${partition}` }
}

export interface Producer {
  readonly id: number
  readonly epoch: number
}

export interface TransactionalProducer extends Producer {
  readonly transactionalId: string
  readonly isV2: boolean
}

export type PlaceAndOffset = Place & { readonly offset: number }

/** As whom a member of a group speaks; in the new protocol its epoch is the generation. */
export interface Claim {
  readonly memberId: string
  readonly generationId: number
  /** Of a static member (KIP-345). */
  readonly instanceId?: string | undefined
}

const NOBODY: Claim = { memberId: '', generationId: -1 }

export interface Fetched {
  readonly errorCode: number
  readonly records: readonly StoredValue[]
  readonly nextOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
}

export class Session {
  readonly connection: Connection
  readonly #arena: Arena

  constructor(connection: Connection, arena: Arena) {
    this.connection = connection
    this.#arena = arena
  }

  async ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: InferInput<Req>,
    options: RequestOptions = {},
  ): Promise<Infer<Res>> {
    const answer = await this.connection.request(api, body, options)
    this.#arena.tally.count('answers')
    return answer
  }

  /** Counts what the broker says no with. */
  heard(errorCode: number): number {
    if (errorCode !== ErrorCode.NONE) this.#arena.tally.count(`error ${errorName(errorCode)}`)
    return errorCode
  }

  async produce(
    { topic, partition }: Place,
    records: Buffer,
    options: { transactional?: TransactionalProducer; mayComeAgain?: boolean } = {},
  ): Promise<{ errorCode: number; baseOffset: number; errorMessage: string | null }> {
    const { transactional, mayComeAgain = true } = options
    const isClassic = transactional?.isV2 === false
    const { isEnding, random } = this.#arena
    const isHasty = !isEnding && random.chance(HASTY_CHANCE)
    // The one before tells whoever listens that it must not come again.
    const maxVersion = isClassic || !mayComeAgain ? CLASSIC.produce : NAMED.produce
    const body = {
      transactionalId: transactional?.transactionalId ?? null,
      acks: -1,
      timeoutMs: isHasty ? HASTY_TIMEOUT_MS : PRODUCE_TIMEOUT_MS,
      topicData: [{ name: topic, topicId: '', partitionData: [{ index: partition, records }] }],
    }
    const answer = await this.ask(produce, body, { maxVersion })
    const result = answer.responses[0]!.partitionResponses[0]!
    if (!isClassic && mayComeAgain && isSettled(result.errorCode)) {
      this.#arena.echoes.keep(produce, body, maxVersion)
    }
    this.heard(result.errorCode)
    return result
  }

  async fetch(
    { topic, partition }: Place,
    options: { fromOffset: number; isolation: Isolation; maxWaitMs: number; maxBytes?: number },
  ): Promise<Fetched> {
    const { fromOffset, isolation, maxWaitMs, maxBytes = 100_000 } = options
    const isCommitted = isolation === 'read_committed'
    const answer = await this.ask(
      fetch,
      {
        maxWaitMs,
        minBytes: 1,
        isolationLevel: isCommitted ? 1 : 0,
        topics: [
          {
            topic,
            topicId: '',
            partitions: [{ partition, fetchOffset: fromOffset, partitionMaxBytes: maxBytes }],
          },
        ],
        forgottenTopicsData: [],
      },
      { maxVersion: NAMED.fetch },
    )
    const result = answer.responses[0]!.partitions[0]!
    const { highWatermark, lastStableOffset, logStartOffset, records, abortedTransactions } = result
    const aborted = isCommitted ? (abortedTransactions ?? []) : []
    return {
      errorCode: this.heard(result.errorCode),
      ...readBatches(records ?? Buffer.alloc(0), fromOffset, aborted),
      ...{ highWatermark, lastStableOffset, logStartOffset },
    }
  }

  /** @param timestamp -2 = earliest, -1 = latest */
  async offsetAt(place: Place, timestamp: -1 | -2): Promise<{ errorCode: number; offset: number }> {
    const { topic, partition } = place
    const answer = await this.ask(listOffsets, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
      timeoutMs: PRODUCE_TIMEOUT_MS,
    })
    const result = answer.topics[0]!.partitions[0]!
    this.heard(result.errorCode)
    return result
  }

  async topicId(name: string): Promise<string> {
    const answer = await this.ask(metadata, {
      topics: [{ name, topicId: ZERO_UUID }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
      includeClusterAuthorizedOperations: false,
    })
    return answer.topics[0]!.topicId
  }

  /** @returns undefined when there is none */
  async topicName(topicId: string): Promise<string | undefined> {
    const answer = await this.ask(metadata, {
      topics: [{ name: null, topicId }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
      includeClusterAuthorizedOperations: false,
    })
    return answer.topics[0]?.name ?? undefined
  }

  /** @param transactionalId null for one that is idempotent only */
  async initProducer(
    transactionalId: string | null,
    { timeoutMs = 60_000, goOn }: { timeoutMs?: number; goOn?: Producer | undefined } = {},
  ): Promise<{ errorCode: number; producer: Producer }> {
    if (transactionalId !== null) {
      // Kafka makes the topic of its coordinator when it is looked for.
      const keys = { key: transactionalId, coordinatorKeys: [transactionalId] }
      await this.ask(findCoordinator, { ...keys, keyType: TRANSACTION_COORDINATOR })
    }
    const answer = await this.ask(initProducerId, {
      transactionalId,
      transactionTimeoutMs: timeoutMs,
      producerId: goOn?.id ?? -1,
      producerEpoch: goOn?.epoch ?? -1,
    })
    const { errorCode, producerId: id, producerEpoch: epoch } = answer
    return { errorCode: this.heard(errorCode), producer: { id, epoch } }
  }

  /** Before transactions v2. */
  async addPartition(producer: TransactionalProducer, place: Place): Promise<number> {
    const { topic, partition } = place
    const answer = await this.ask(
      addPartitionsToTxn,
      {
        transactions: [],
        v3AndBelowTransactionalId: producer.transactionalId,
        v3AndBelowProducerId: producer.id,
        v3AndBelowProducerEpoch: producer.epoch,
        v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
      },
      { maxVersion: CLASSIC.addPartitions },
    )
    const [result] = answer.resultsByTopicV3AndBelow[0]!.resultsByPartition
    return this.heard(result!.partitionErrorCode)
  }

  /** Before transactions v2. */
  async addOffsets(producer: TransactionalProducer, groupId: string): Promise<number> {
    const { transactionalId, id: producerId, epoch: producerEpoch } = producer
    const body = { transactionalId, producerId, producerEpoch, groupId }
    return this.heard((await this.ask(addOffsetsToTxn, body)).errorCode)
  }

  async stageOffset(
    producer: TransactionalProducer,
    groupId: string,
    { topic, partition, offset }: PlaceAndOffset,
    { memberId, generationId, instanceId }: Claim = NOBODY,
  ): Promise<number> {
    const options = producer.isV2 ? {} : { maxVersion: CLASSIC.txnOffsetCommit }
    const body = {
      transactionalId: producer.transactionalId,
      groupId,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      generationId,
      memberId,
      groupInstanceId: instanceId ?? null,
      topics: [
        {
          name: topic,
          partitions: [
            { partitionIndex: partition, committedOffset: offset, committedMetadata: null },
          ],
        },
      ],
    }
    const answer = await this.ask(txnOffsetCommit, body, options)
    if (producer.isV2) this.#arena.echoes.keep(txnOffsetCommit, body, undefined)
    return this.heard(answer.topics[0]!.partitions[0]!.errorCode)
  }

  /** @returns the producer that goes on, which is another one with transactions v2 */
  async endTransaction(
    producer: TransactionalProducer,
    committed: boolean,
  ): Promise<{ errorCode: number; producer: TransactionalProducer }> {
    const { transactionalId, id, epoch, isV2 } = producer
    const body = { transactionalId, producerId: id, producerEpoch: epoch, committed }
    const answer = await this.ask(endTxn, body, isV2 ? {} : { maxVersion: CLASSIC.endTxn })
    if (isV2) this.#arena.echoes.keep(endTxn, body, undefined)
    const { errorCode, producerId, producerEpoch } = answer
    this.heard(errorCode)
    const goesOn = isV2 && errorCode === ErrorCode.NONE && producerId >= 0
    const next = goesOn ? { ...producer, id: producerId, epoch: producerEpoch } : producer
    return { errorCode, producer: next }
  }

  async commitOffset(
    groupId: string,
    { topic, partition, offset }: PlaceAndOffset,
    { memberId, generationId, instanceId }: Claim = NOBODY,
  ): Promise<number> {
    const partitions = [
      { partitionIndex: partition, committedOffset: offset, committedMetadata: null },
    ]
    const body = {
      groupId,
      generationIdOrMemberEpoch: generationId,
      memberId,
      groupInstanceId: instanceId ?? null,
      topics: [{ name: topic, topicId: '', partitions }],
    }
    const answer = await this.ask(offsetCommit, body, { maxVersion: NAMED.offsetCommit })
    return this.heard(answer.topics[0]!.partitions[0]!.errorCode)
  }

  /** Of each partition; -1 = nothing. Never what an open transaction may still change. */
  async committedOffsets(
    groupId: string,
    topic: string,
    partitionIndexes: readonly number[],
    as?: Claim,
  ): Promise<{ errorCode: number; offsets: Map<number, number> }> {
    const answer = await this.ask(
      offsetFetch,
      {
        groupId: '',
        topics: null,
        groups: [
          {
            groupId,
            ...(as !== undefined && { memberId: as.memberId, memberEpoch: as.generationId }),
            topics: [{ name: topic, topicId: '', partitionIndexes: [...partitionIndexes] }],
          },
        ],
        requireStable: true,
      },
      { maxVersion: NAMED.offsetFetch },
    )
    const group = answer.groups[0]!
    const partitions = group.topics[0]?.partitions ?? []
    const failed = partitions.find(({ errorCode }) => errorCode !== ErrorCode.NONE)
    const errorCode = this.heard(group.errorCode || (failed?.errorCode ?? ErrorCode.NONE))
    const offsets = partitions.map(
      ({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset] as const,
    )
    return { errorCode, offsets: new Map(offsets) }
  }
}

/** Bytes that no broker may send. */
export class InventedBytes extends Error {}

/**
 * As consumers do that take the list of aborted transactions at its word: in the order of the list.
 * Source: KIP-98, "Read committed consumer".
 */
function readBatches(
  bytes: Buffer,
  fromOffset: number,
  abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[],
): { records: StoredValue[]; nextOffset: number } {
  const upcoming = [...abortedTransactions]
  const open = new Set<number>()
  const records: StoredValue[] = []
  let nextOffset = fromOffset
  for (let at = 0; at < bytes.length; at += readBatchSize(bytes, at)) {
    const header = readBatchHeader(bytes, at)
    const batch = bytes.subarray(at, at + header.sizeBytes)
    if (batch.length < header.sizeBytes) break // comes again, whole
    if (batchCrc(batch, 0, header.sizeBytes) !== header.crc) {
      throw new InventedBytes(`a batch with a wrong CRC at offset ${header.baseOffset}`)
    }
    nextOffset = Math.max(nextOffset, header.lastOffset + 1)
    while (upcoming.length > 0 && upcoming[0]!.firstOffset <= header.lastOffset) {
      open.add(upcoming.shift()!.producerId)
    }
    if (header.isControlBatch) {
      if (readControlMarker(batch).kind === 'abort') open.delete(header.producerId)
      continue
    }
    if (header.isTransactional && open.has(header.producerId)) continue
    for (const record of readRecords(batch)) {
      const { offset } = record
      if (offset >= fromOffset) records.push({ offset, value: nameOf(record) })
    }
  }
  return { records, nextOffset }
}

/** Refused for a moment only, its sequence is still the next one: once more is the first time, then. */
function isSettled(errorCode: number): boolean {
  return errorCode === ErrorCode.REQUEST_TIMED_OUT || !isRetriable(errorCode)
}
