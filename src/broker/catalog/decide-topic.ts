// May this topic be made, may it grow, and as what? Pure: state and request in, the facts to record
// or a refusal out. Source: KIP-4, KIP-195 (partitions), KIP-464 (defaults by -1).

import { ErrorCode } from '../wire/error-codes.ts'
import type { BrokerConfig } from './broker-config-keys.ts'
import type { CatalogState } from './catalog-state.ts'
import { checkTopicConfigs } from './decide-configs.ts'
import { type Refusal, refuse, refuseConfig } from './refusal.ts'
import { explainNoStore, isStore, withStoreDefaults } from './store-topics.ts'
import type { KnownTopics } from './topic-draft.ts'
import { explainIllegalTopicName, isReservedTopic } from './topic-name.ts'

export interface Assignment {
  readonly partition: number
  readonly brokerIds: readonly number[]
}

export interface TopicRequest {
  readonly name: string
  /** -1 = `num.partitions`. */
  readonly partitions: number
  /** -1 = `default.replication.factor`. */
  readonly replicationFactor: number
  /** Instead of the two numbers; empty = none given. */
  readonly assignments: readonly Assignment[]
  /** A null value is refused, as Kafka does. */
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

export interface PartitionsRequest {
  readonly name: string
  /** Partitions that the topic is to have altogether. */
  readonly count: number
  /** Of the new partitions, in order; null = none given. */
  readonly assignments: readonly (readonly number[])[] | null
}

export type TopicDecision =
  | Refusal
  | {
      readonly kind: 'allowed'
      readonly partitions: number
      readonly replicationFactor: number
      readonly configs: Readonly<Record<string, string>>
    }

export type PartitionsDecision = Refusal | { readonly kind: 'allowed'; readonly partitions: number }

export const NODE_ID = 1
const DEFAULT = -1
/** Kafka's own bound of one request, against a slip of the hand. */
const MAX_PARTITIONS_PER_REQUEST = 10_000

export function decideTopic(
  request: TopicRequest,
  known: KnownTopics,
  config: BrokerConfig,
): TopicDecision {
  const { name } = request
  const illegal = explainIllegalTopicName(name)
  if (illegal !== undefined) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, illegal)
  if (isReservedTopic(name)) {
    return refuse(ErrorCode.INVALID_REQUEST, `The name '${name}' is reserved.`)
  }
  if (known.hasTopic(name)) {
    return refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' exists already.`)
  }
  const colliding = known.collidingTopic(name)
  if (colliding !== undefined) {
    return refuse(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `'${name}' and '${colliding}' differ by '.' and '_' alone, which Kafka refuses.`,
    )
  }
  const configs = checkTopicConfigs(request.configs)
  const texts = configs.kind === 'refused' ? {} : withStoreDefaults(configs.texts)
  const usualPartitions = isStore(texts) ? 1 : config.numPartitions
  const size =
    request.assignments.length > 0
      ? assignedSize(request)
      : askedSize(request, config, usualPartitions)
  if (size.kind === 'refused') return size
  const tooMany = explainTooManyPartitions(size.partitions, known, config)
  if (tooMany !== undefined) return refuse(ErrorCode.POLICY_VIOLATION, tooMany)
  if (configs.kind === 'refused') return configs
  const conflict = explainNoStore(texts)
  return conflict === undefined ? { ...size, configs: texts } : refuseConfig(conflict)
}

/** `partitions` is the count that the topic has afterwards. */
export function decidePartitions(
  request: PartitionsRequest,
  state: CatalogState,
  config: BrokerConfig,
): PartitionsDecision {
  const topic = state.topic(request.name)
  if (topic === undefined) {
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${request.name}'.`)
  }
  const added = request.count - topic.partitions
  if (isStore(topic.configs)) {
    return refuse(
      ErrorCode.INVALID_PARTITIONS,
      `Topic '${topic.name}' is an event store: with more partitions its streams would be torn apart.`,
    )
  }
  if (added <= 0) {
    return refuse(
      ErrorCode.INVALID_PARTITIONS,
      `Topic '${topic.name}' has ${topic.partitions} partitions; ${request.count} are not more.`,
    )
  }
  if (request.assignments !== null) {
    if (request.assignments.length !== added) {
      return refuse(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `${added} partitions are to be added, but ${request.assignments.length} are assigned.`,
      )
    }
    const wrong = explainWrongReplicas(request.assignments)
    if (wrong !== undefined) return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, wrong)
  }
  const tooMany = explainTooManyPartitions(added, state, config)
  if (tooMany !== undefined) return refuse(ErrorCode.POLICY_VIOLATION, tooMany)
  return { kind: 'allowed', partitions: request.count }
}

/** Why a list of replicas is not this node alone, or undefined when it is. */
export function explainWrongReplicas(lists: readonly (readonly number[])[]): string | undefined {
  for (const brokerIds of lists) {
    if (brokerIds.length === 0) return 'A partition is assigned to no broker.'
    const foreign = brokerIds.find((id) => id !== NODE_ID)
    if (foreign !== undefined) return `There is no broker ${foreign}: the only one is ${NODE_ID}.`
    if (brokerIds.length > 1) return `A partition is assigned to broker ${NODE_ID} more than once.`
  }
  return undefined
}

type Size = Refusal | { kind: 'allowed'; partitions: number; replicationFactor: number }

function assignedSize({ partitions, replicationFactor, assignments }: TopicRequest): Size {
  if (partitions !== DEFAULT || replicationFactor !== DEFAULT) {
    return refuse(
      ErrorCode.INVALID_REQUEST,
      'With assignments, the number of partitions and the replication factor must be -1.',
    )
  }
  const numbers = assignments.map(({ partition }) => partition).sort((a, b) => a - b)
  if (numbers.some((partition, index) => partition !== index)) {
    return refuse(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Assigned partitions must be numbered from 0 without gaps.',
    )
  }
  const wrong = explainWrongReplicas(assignments.map(({ brokerIds }) => brokerIds))
  if (wrong !== undefined) return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, wrong)
  return { kind: 'allowed', partitions: assignments.length, replicationFactor: 1 }
}

function askedSize(request: TopicRequest, config: BrokerConfig, usualPartitions: number): Size {
  const partitions = request.partitions === DEFAULT ? usualPartitions : request.partitions
  if (partitions < 1) {
    return refuse(ErrorCode.INVALID_PARTITIONS, 'A topic has at least one partition.')
  }
  const replicationFactor =
    request.replicationFactor === DEFAULT
      ? config.defaultReplicationFactor
      : request.replicationFactor
  if (replicationFactor < 1) {
    return refuse(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'The replication factor must be 1, or -1 for the default.',
    )
  }
  if (replicationFactor > 1 && !config.millraceAcceptAnyReplicationFactor) {
    return refuse(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Replication factor ${replicationFactor} needs as many brokers, and there is one. For development, --accept-any-replication-factor takes it and keeps one copy.`,
    )
  }
  return { kind: 'allowed', partitions, replicationFactor: 1 }
}

function explainTooManyPartitions(
  added: number,
  known: KnownTopics,
  config: BrokerConfig,
): string | undefined {
  if (added > MAX_PARTITIONS_PER_REQUEST) {
    return `One request makes at most ${MAX_PARTITIONS_PER_REQUEST} partitions.`
  }
  const limit = config.millraceMaxPartitions
  if (known.partitionCount + added <= limit) return undefined
  return `This broker has ${known.partitionCount} partitions and takes at most ${limit} (millrace.max.partitions).`
}
