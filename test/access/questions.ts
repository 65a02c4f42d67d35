// What is asked of a broker whose access is controlled, for every API that it serves: a request, and
// the rules that it takes. Each is asked at every version by somebody who has all of the rules, none of
// them, all but one, everything but what the rules say (DENY), or is a super user.
// The same questions were put to a real Kafka: see record.ts.

import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { type Acl, CLUSTER_NAME } from '../../src/broker/catalog/acl.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { listOffsets } from '../../src/broker/protocol/02-list-offsets.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { offsetCommit } from '../../src/broker/protocol/08-offset-commit.ts'
import { offsetFetch } from '../../src/broker/protocol/09-offset-fetch.ts'
import { findCoordinator } from '../../src/broker/protocol/10-find-coordinator.ts'
import { joinGroup } from '../../src/broker/protocol/11-join-group.ts'
import { heartbeat } from '../../src/broker/protocol/12-heartbeat.ts'
import { leaveGroup } from '../../src/broker/protocol/13-leave-group.ts'
import { syncGroup } from '../../src/broker/protocol/14-sync-group.ts'
import { describeGroups } from '../../src/broker/protocol/15-describe-groups.ts'
import { listGroups } from '../../src/broker/protocol/16-list-groups.ts'
import { apiVersions } from '../../src/broker/protocol/18-api-versions.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { deleteTopics } from '../../src/broker/protocol/20-delete-topics.ts'
import { deleteRecords } from '../../src/broker/protocol/21-delete-records.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from '../../src/broker/protocol/23-offset-for-leader-epoch.ts'
import { addPartitionsToTxn } from '../../src/broker/protocol/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../src/broker/protocol/25-add-offsets-to-txn.ts'
import { endTxn } from '../../src/broker/protocol/26-end-txn.ts'
import { writeTxnMarkers } from '../../src/broker/protocol/27-write-txn-markers.ts'
import { txnOffsetCommit } from '../../src/broker/protocol/28-txn-offset-commit.ts'
import { describeAcls } from '../../src/broker/protocol/29-describe-acls.ts'
import { createAcls } from '../../src/broker/protocol/30-create-acls.ts'
import { deleteAcls } from '../../src/broker/protocol/31-delete-acls.ts'
import { describeConfigs } from '../../src/broker/protocol/32-describe-configs.ts'
import { alterConfigs } from '../../src/broker/protocol/33-alter-configs.ts'
import { describeLogDirs } from '../../src/broker/protocol/35-describe-log-dirs.ts'
import { createPartitions } from '../../src/broker/protocol/37-create-partitions.ts'
import { deleteGroups } from '../../src/broker/protocol/42-delete-groups.ts'
import { electLeaders } from '../../src/broker/protocol/43-elect-leaders.ts'
import { incrementalAlterConfigs } from '../../src/broker/protocol/44-incremental-alter-configs.ts'
import { alterPartitionReassignments } from '../../src/broker/protocol/45-alter-partition-reassignments.ts'
import { listPartitionReassignments } from '../../src/broker/protocol/46-list-partition-reassignments.ts'
import { offsetDelete } from '../../src/broker/protocol/47-offset-delete.ts'
import { describeClientQuotas } from '../../src/broker/protocol/48-describe-client-quotas.ts'
import { alterClientQuotas } from '../../src/broker/protocol/49-alter-client-quotas.ts'
import { describeUserScramCredentials } from '../../src/broker/protocol/50-describe-user-scram-credentials.ts'
import { alterUserScramCredentials } from '../../src/broker/protocol/51-alter-user-scram-credentials.ts'
import { updateFeatures } from '../../src/broker/protocol/57-update-features.ts'
import { describeCluster } from '../../src/broker/protocol/60-describe-cluster.ts'
import { describeProducers } from '../../src/broker/protocol/61-describe-producers.ts'
import { describeTransactions } from '../../src/broker/protocol/65-describe-transactions.ts'
import { listTransactions } from '../../src/broker/protocol/66-list-transactions.ts'
import { consumerGroupHeartbeat } from '../../src/broker/protocol/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from '../../src/broker/protocol/69-consumer-group-describe.ts'
import { listConfigResources } from '../../src/broker/protocol/74-list-config-resources.ts'
import { describeTopicPartitions } from '../../src/broker/protocol/75-describe-topic-partitions.ts'
import type { Api } from '../../src/broker/protocol/api.ts'
import {
  AclOperation,
  AclPattern,
  AclPermission,
  AclResource,
} from '../../src/broker/wire/acl-codes.ts'
import type { Fields, Infer, InferInput } from '../../src/broker/wire/field.ts'
import { batchOf } from '../support/test-broker.ts'

/** `READ TOPIC orders`. */
export type Grant = `${keyof typeof AclOperation} ${keyof typeof AclResource} ${string}`

export type Send = <Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  version: number,
  body: InferInput<Req>,
) => Promise<Infer<Res>>

/** The topics that are there, with their ids. */
export type TopicIds = Readonly<Record<'orders' | 'secret', string>>

export interface Question {
  readonly id: string
  readonly api: Pick<Api, 'key' | 'name'>
  readonly grants: readonly Grant[]
  /** What the request is about has no effect, or none that another question would notice. */
  ask(send: Send, version: number, ids: TopicIds): Promise<unknown>
  readonly firstVersion: number
  readonly lastVersion: number
  /** By whom it can be asked without harm; undefined for everybody. */
  readonly only?: readonly string[] | undefined
}

interface At {
  readonly version: number
  readonly ids: TopicIds
}

function question<Req extends Fields, Res extends Fields>(
  id: string,
  api: Api<Req, Res>,
  grants: readonly Grant[],
  body: (at: At) => InferInput<Req>,
  [firstVersion, lastVersion]: readonly [number, number] = [0, 99],
  only?: readonly string[],
): Question {
  const ask: Question['ask'] = (send, version, ids) => send(api, version, body({ version, ids }))
  return { id, api, grants, ask, firstVersion, lastVersion, only }
}

const SUPER_USER = 'super user'
const ALLOWED = 'everything that it takes'
const STRANGER = 'nothing'

const PRODUCER = { producerId: 4000, producerEpoch: 0 }
/** An id that no topic has. */
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const NO_OPERATIONS = {
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
}
const TOPIC = 2
const BROKER = 4
const GROUP = 32
const topics = ['orders', 'secret', 'absent'] as const
const known = ['orders', 'secret'] as const

function idOf(topic: string, ids: TopicIds): string {
  return topic === 'orders' || topic === 'secret' ? ids[topic] : UNKNOWN_ID
}

function produceBody({ ids }: At, records: Buffer, transactionalId: string | null = null) {
  const topicData = topics.map((name) => ({
    name,
    topicId: idOf(name, ids),
    partitionData: [{ index: 0, records }],
  }))
  return { transactionalId, acks: -1, timeoutMs: 10_000, topicData }
}

const transactional = () => batchOf(['x'], { isTransactional: true, baseSequence: 0, ...PRODUCER })

const partitionsOfTopics = topics.map((name) => ({ name, partitions: [0] }))
const indexesOfTopics = topics.map((name) => ({ name, partitionIndexes: [0] }))

const configs = (names: readonly [number, string][]) =>
  names.map(([resourceType, resourceName]) => ({ resourceType, resourceName, configs: [] }))
const resources: readonly [number, string][] = [
  ...topics.map((name): [number, string] => [TOPIC, name]),
  [BROKER, '1'],
  [GROUP, 'team'],
]

const offsets = (topic: string) => ({
  name: topic,
  partitions: [
    {
      partitionIndex: 0,
      committedOffset: 0,
      committedLeaderEpoch: -1,
      committedMetadata: '',
    },
  ],
})

const anyRule = {
  resourceTypeFilter: AclResource.ANY,
  resourceNameFilter: 'nothing has this name',
  patternTypeFilter: AclPattern.ANY,
  principalFilter: null,
  hostFilter: null,
  operation: AclOperation.ANY,
  permissionType: AclPermission.ANY,
}

const someRule = {
  resourceType: AclResource.TOPIC,
  resourceName: 'nothing has this name',
  resourcePatternType: AclPattern.LITERAL,
  principal: 'User:eve',
  host: '*',
  operation: AclOperation.READ,
  permissionType: AclPermission.ALLOW,
}

export const questions: readonly Question[] = [
  question(
    'produce',
    produce,
    ['WRITE TOPIC orders'],
    (at) => produceBody(at, batchOf(['x'])),
    [3, 13],
  ),
  question(
    'produce in a transaction',
    produce,
    ['WRITE TRANSACTIONAL_ID tx', 'WRITE TOPIC orders'],
    (at) => produceBody(at, transactional(), 'tx'),
    [3, 13],
  ),
  question('fetch', fetch, ['READ TOPIC orders'], ({ ids }) => ({
    maxWaitMs: 0,
    minBytes: 1,
    topics: topics.map((topic) => ({
      topic,
      topicId: idOf(topic, ids),
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
    })),
    forgottenTopicsData: [],
  })),
  question('list offsets', listOffsets, ['DESCRIBE TOPIC orders'], () => ({
    replicaId: -1,
    isolationLevel: 0,
    timeoutMs: 10_000,
    topics: topics.map((name) => ({ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] })),
  })),
  // Up to v3 what is not there would be made.
  question('metadata of names', metadata, ['DESCRIBE TOPIC orders'], ({ version }) => ({
    topics: (version < 4 ? known : topics).map((name) => ({ name, topicId: ZERO_UUID })),
    allowAutoTopicCreation: false,
    ...NO_OPERATIONS,
  })),
  question('metadata of all', metadata, ['DESCRIBE TOPIC orders'], ({ version }) => ({
    topics: version === 0 ? [] : null,
    allowAutoTopicCreation: false,
    ...NO_OPERATIONS,
  })),
  question(
    'metadata of ids',
    metadata,
    ['DESCRIBE TOPIC orders'],
    ({ ids }) => ({
      topics: topics.map((name) => ({ name: null, topicId: idOf(name, ids) })),
      allowAutoTopicCreation: false,
      ...NO_OPERATIONS,
    }),
    [12, 13],
  ),
  question(
    'metadata with operations',
    metadata,
    ['READ TOPIC orders', 'ALTER_CONFIGS TOPIC orders', 'DESCRIBE CLUSTER kafka-cluster'],
    ({ version }) => ({
      topics: topics.map((name) => ({ name, topicId: ZERO_UUID })),
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: version <= 10,
      includeTopicAuthorizedOperations: true,
    }),
    [8, 13],
  ),
  // Nothing is made: the name is not allowed, and who may not make a topic does not hear even that.
  question(
    'metadata that would make a topic',
    metadata,
    ['DESCRIBE TOPIC not/legal', 'CREATE TOPIC not/legal'],
    () => ({
      topics: [{ name: 'not/legal', topicId: ZERO_UUID }],
      allowAutoTopicCreation: true,
      ...NO_OPERATIONS,
    }),
    [4, 13],
  ),
  question(
    'metadata that would make a topic of the cluster',
    metadata,
    ['DESCRIBE TOPIC not/legal', 'CREATE CLUSTER kafka-cluster'],
    () => ({
      topics: [{ name: 'not/legal', topicId: ZERO_UUID }],
      allowAutoTopicCreation: true,
      ...NO_OPERATIONS,
    }),
    [4, 13],
  ),
  question('commit offsets', offsetCommit, ['READ GROUP team', 'READ TOPIC orders'], ({ ids }) => ({
    groupId: 'team',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: topics.map((name) => ({ ...offsets(name), topicId: idOf(name, ids) })),
  })),
  question(
    'fetch offsets',
    offsetFetch,
    ['DESCRIBE GROUP team', 'DESCRIBE TOPIC orders'],
    ({ ids }) => {
      const asked = topics.map((name) => ({
        name,
        topicId: idOf(name, ids),
        partitionIndexes: [0],
      }))
      return {
        groupId: 'team',
        topics: asked,
        groups: [{ groupId: 'team', topics: asked }],
      }
    },
  ),
  question(
    'fetch all offsets',
    offsetFetch,
    ['DESCRIBE GROUP team', 'DESCRIBE TOPIC orders'],
    () => ({ groupId: 'team', topics: null, groups: [{ groupId: 'team', topics: null }] }),
    [2, 10],
  ),
  question('find the coordinator of a group', findCoordinator, ['DESCRIBE GROUP team'], () => ({
    key: 'team',
    keyType: 0,
    coordinatorKeys: ['team', 'foes'],
  })),
  question(
    'find the coordinator of a transaction',
    findCoordinator,
    ['DESCRIBE TRANSACTIONAL_ID tx'],
    () => ({ key: 'tx', keyType: 1, coordinatorKeys: ['tx', 'foreign'] }),
    [1, 6],
  ),
  // The session timeout is not allowed, so that nobody joins.
  question('join a group', joinGroup, ['READ GROUP team'], () => ({
    groupId: 'team',
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  })),
  question('heartbeat', heartbeat, ['READ GROUP team'], () => ({
    groupId: 'team',
    generationId: 1,
    memberId: 'nobody',
  })),
  question('leave a group', leaveGroup, ['READ GROUP team'], () => ({
    groupId: 'team',
    memberId: 'nobody',
    members: [{ memberId: 'nobody' }],
  })),
  question('sync a group', syncGroup, ['READ GROUP team'], () => ({
    groupId: 'team',
    generationId: 1,
    memberId: 'nobody',
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [],
  })),
  question('describe groups', describeGroups, ['DESCRIBE GROUP team'], ({ version }) => ({
    groups: ['team', 'foes'],
    includeAuthorizedOperations: version >= 3,
  })),
  question('list groups', listGroups, ['DESCRIBE GROUP team'], () => ({
    statesFilter: [],
    typesFilter: [],
  })),
  question('list groups of the cluster', listGroups, ['DESCRIBE CLUSTER kafka-cluster'], () => ({
    statesFilter: [],
    typesFilter: [],
  })),
  question('api versions', apiVersions, [], () => ({
    clientSoftwareName: 'millrace',
    clientSoftwareVersion: '1',
  })),
  question(
    'create topics',
    createTopics,
    ['CREATE TOPIC new', 'DESCRIBE_CONFIGS TOPIC new'],
    ({ version }) => newTopics(version),
    [2, 7],
  ),
  question(
    'create topics of the cluster',
    createTopics,
    ['CREATE CLUSTER kafka-cluster'],
    ({ version }) => newTopics(version),
    [2, 7],
  ),
  question(
    'delete a topic that is not there',
    deleteTopics,
    ['DELETE TOPIC absent'],
    () => ({
      topics: [{ name: 'absent', topicId: ZERO_UUID }],
      topicNames: ['absent'],
      timeoutMs: 10_000,
    }),
    [1, 6],
  ),
  question(
    'delete a topic that is not there, of the cluster',
    deleteTopics,
    ['DELETE CLUSTER kafka-cluster'],
    () => ({
      topics: [{ name: 'absent', topicId: ZERO_UUID }],
      topicNames: ['absent'],
      timeoutMs: 10_000,
    }),
    [1, 6],
  ),
  question(
    'delete a topic that may only be described',
    deleteTopics,
    ['DESCRIBE TOPIC orders'],
    () => ({
      topics: topics.map((name) => ({ name, topicId: ZERO_UUID })),
      topicNames: topics,
      timeoutMs: 10_000,
    }),
    [1, 6],
    [ALLOWED, STRANGER],
  ),
  question(
    'delete topics by id that may only be described',
    deleteTopics,
    ['DESCRIBE TOPIC orders'],
    ({ ids }) => ({
      topics: topics.map((name) => ({ name: null, topicId: idOf(name, ids) })),
      topicNames: [],
      timeoutMs: 10_000,
    }),
    [6, 6],
    [ALLOWED, STRANGER],
  ),
  question('delete records', deleteRecords, ['DELETE TOPIC orders'], () => ({
    topics: topics.map((name) => ({ name, partitions: [{ partitionIndex: 0, offset: 0 }] })),
    timeoutMs: 10_000,
  })),
  question(
    'init a producer',
    initProducerId,
    ['IDEMPOTENT_WRITE CLUSTER kafka-cluster'],
    () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
    [0, 5],
  ),
  question(
    'init a producer of any topic',
    initProducerId,
    ['WRITE TOPIC whatever'],
    () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
    [0, 5],
  ),
  // Longer than allowed, so that nothing begins.
  question(
    'init a transactional producer',
    initProducerId,
    ['WRITE TRANSACTIONAL_ID tx'],
    () => ({ transactionalId: 'tx', transactionTimeoutMs: 2_000_000_000 }),
    [0, 5],
  ),
  question(
    'offset for a leader epoch',
    offsetForLeaderEpoch,
    ['DESCRIBE TOPIC orders'],
    () => ({
      replicaId: -1,
      topics: topics.map((topic) => ({ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] })),
    }),
    [3, 4],
  ),
  question(
    'offset for a leader epoch, as a broker',
    offsetForLeaderEpoch,
    ['CLUSTER_ACTION CLUSTER kafka-cluster'],
    () => ({
      replicaId: -1,
      topics: topics.map((topic) => ({ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] })),
    }),
    [2, 4],
  ),
  question(
    'add partitions to a transaction',
    addPartitionsToTxn,
    ['WRITE TRANSACTIONAL_ID tx', 'WRITE TOPIC orders'],
    () => ({
      v3AndBelowTransactionalId: 'tx',
      v3AndBelowProducerId: PRODUCER.producerId,
      v3AndBelowProducerEpoch: PRODUCER.producerEpoch,
      v3AndBelowTopics: partitionsOfTopics,
      transactions: [],
    }),
    [0, 3],
  ),
  question(
    'add partitions to transactions, as a broker',
    addPartitionsToTxn,
    ['CLUSTER_ACTION CLUSTER kafka-cluster'],
    () => ({
      v3AndBelowTransactionalId: '',
      v3AndBelowProducerId: -1,
      v3AndBelowProducerEpoch: -1,
      v3AndBelowTopics: [],
      transactions: [{ transactionalId: 'tx', ...PRODUCER, topics: partitionsOfTopics }],
    }),
    [4, 5],
  ),
  question(
    'add offsets to a transaction',
    addOffsetsToTxn,
    ['WRITE TRANSACTIONAL_ID tx', 'READ GROUP team'],
    () => ({ transactionalId: 'tx', groupId: 'team', ...PRODUCER }),
  ),
  question('end a transaction', endTxn, ['WRITE TRANSACTIONAL_ID tx'], () => ({
    transactionalId: 'tx',
    committed: true,
    ...PRODUCER,
  })),
  question('write markers', writeTxnMarkers, ['ALTER CLUSTER kafka-cluster'], () => ({
    markers: [
      {
        ...PRODUCER,
        coordinatorEpoch: 0,
        transactionResult: false,
        topics: [{ name: 'absent', partitionIndexes: [0] }],
      },
    ],
  })),
  question(
    'write markers, as a broker',
    writeTxnMarkers,
    ['CLUSTER_ACTION CLUSTER kafka-cluster'],
    () => ({
      markers: [
        {
          ...PRODUCER,
          coordinatorEpoch: 0,
          transactionResult: false,
          topics: [{ name: 'absent', partitionIndexes: [0] }],
        },
      ],
    }),
  ),
  question(
    'commit offsets in a transaction',
    txnOffsetCommit,
    ['WRITE TRANSACTIONAL_ID tx', 'READ GROUP team', 'READ TOPIC orders'],
    () => ({
      transactionalId: 'tx',
      groupId: 'team',
      ...PRODUCER,
      topics: topics.map(offsets),
    }),
  ),
  question(
    'describe access rules',
    describeAcls,
    ['DESCRIBE CLUSTER kafka-cluster'],
    () => anyRule,
  ),
  question('create access rules', createAcls, ['ALTER CLUSTER kafka-cluster'], () => ({
    creations: [
      {
        resourceType: AclResource.CLUSTER,
        resourceName: 'not the cluster',
        resourcePatternType: AclPattern.LITERAL,
        principal: 'User:eve',
        host: '*',
        operation: AclOperation.READ,
        permissionType: AclPermission.ALLOW,
      },
    ],
  })),
  question('delete access rules', deleteAcls, ['ALTER CLUSTER kafka-cluster'], () => ({
    filters: [anyRule],
  })),
  question(
    'create access rules that cannot be',
    createAcls,
    [],
    () => ({
      creations: [
        { ...someRule, resourceType: AclResource.CLUSTER, resourceName: 'not the cluster' },
        { ...someRule, resourceName: '' },
        { ...someRule, principal: 'eve' },
      ],
    }),
    [0, 99],
    [SUPER_USER],
  ),
  question(
    'create access rules that stand for several',
    createAcls,
    [],
    () => ({
      creations: [
        { ...someRule, resourceType: AclResource.ANY },
        { ...someRule, resourcePatternType: AclPattern.ANY },
        { ...someRule, resourcePatternType: AclPattern.MATCH },
        { ...someRule, operation: AclOperation.ANY },
        { ...someRule, permissionType: AclPermission.ANY },
      ],
    }),
    [0, 99],
    [SUPER_USER],
  ),
  ...[
    { resourceType: 99 },
    { resourcePatternType: 99 },
    { operation: 99 },
    { permissionType: 99 },
  ].map((unknown) =>
    question(
      `create access rules with the unknown ${Object.keys(unknown).join()}`,
      createAcls,
      [],
      () => ({ creations: [{ ...someRule, ...unknown }] }),
      [0, 99],
      [SUPER_USER, STRANGER],
    ),
  ),
  question(
    'describe access rules with an unknown operation',
    describeAcls,
    [],
    () => ({ ...anyRule, operation: 99 }),
    [0, 99],
    [SUPER_USER, STRANGER],
  ),
  question(
    'delete access rules with an unknown operation',
    deleteAcls,
    [],
    () => ({ filters: [{ ...anyRule, operation: 99 }] }),
    [0, 99],
    [SUPER_USER, STRANGER],
  ),
  question(
    'describe configurations',
    describeConfigs,
    [
      'DESCRIBE_CONFIGS TOPIC orders',
      'DESCRIBE_CONFIGS CLUSTER kafka-cluster',
      'DESCRIBE_CONFIGS GROUP team',
    ],
    () => ({
      resources: resources.map(([resourceType, resourceName]) => ({
        resourceType,
        resourceName,
        configurationKeys: ['nothing'],
      })),
    }),
  ),
  question(
    'replace configurations',
    alterConfigs,
    [
      'ALTER_CONFIGS TOPIC orders',
      'ALTER_CONFIGS CLUSTER kafka-cluster',
      'ALTER_CONFIGS GROUP team',
    ],
    () => ({ resources: configs(resources), validateOnly: true }),
  ),
  question(
    'alter configurations',
    incrementalAlterConfigs,
    [
      'ALTER_CONFIGS TOPIC orders',
      'ALTER_CONFIGS CLUSTER kafka-cluster',
      'ALTER_CONFIGS GROUP team',
    ],
    () => ({ resources: configs(resources), validateOnly: true }),
  ),
  question('describe log folders', describeLogDirs, ['DESCRIBE CLUSTER kafka-cluster'], () => ({
    topics: known.map((topic) => ({ topic, partitions: [0] })),
  })),
  question('create partitions', createPartitions, ['ALTER TOPIC orders'], () => ({
    topics: topics.map((name) => ({ name, count: 2, assignments: null })),
    timeoutMs: 10_000,
    validateOnly: true,
  })),
  question('delete groups', deleteGroups, ['DELETE GROUP gone'], () => ({
    groupsNames: ['gone', 'lost'],
  })),
  question('elect leaders', electLeaders, ['ALTER CLUSTER kafka-cluster'], () => ({
    electionType: 0,
    topicPartitions: known.map((topic) => ({ topic, partitions: [0] })),
  })),
  question(
    'reassign partitions',
    alterPartitionReassignments,
    ['ALTER CLUSTER kafka-cluster'],
    () => ({ topics: known.map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })) }),
  ),
  question(
    'list reassignments',
    listPartitionReassignments,
    ['DESCRIBE CLUSTER kafka-cluster'],
    () => ({ topics: null }),
  ),
  question('delete offsets', offsetDelete, ['DELETE GROUP lonely', 'READ TOPIC orders'], () => ({
    groupId: 'lonely',
    topics: topics.map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
  })),
  question(
    'describe quotas',
    describeClientQuotas,
    ['DESCRIBE_CONFIGS CLUSTER kafka-cluster'],
    () => ({ components: [{ entityType: 'user', matchType: 0, match: 'nobody' }], strict: true }),
  ),
  question('alter quotas', alterClientQuotas, ['ALTER_CONFIGS CLUSTER kafka-cluster'], () => ({
    entries: [{ entity: [{ entityType: 'user', entityName: 'nobody' }], ops: [] }],
    validateOnly: true,
  })),
  question(
    'describe logins',
    describeUserScramCredentials,
    ['DESCRIBE CLUSTER kafka-cluster'],
    () => ({ users: [{ name: 'nobody' }] }),
  ),
  question('alter logins', alterUserScramCredentials, ['ALTER CLUSTER kafka-cluster'], () => ({
    deletions: [{ name: 'nobody', mechanism: 1 }],
    upsertions: [],
  })),
  question(
    'heartbeat of a consumer',
    consumerGroupHeartbeat,
    ['READ GROUP modern', 'DESCRIBE TOPIC orders'],
    () => ({
      groupId: 'modern',
      memberId: 'AAAAAAAAAAAAAAAAAAAAAg',
      memberEpoch: 5,
      subscribedTopicNames: ['orders'],
    }),
  ),
  question('describe consumer groups', consumerGroupDescribe, ['DESCRIBE GROUP team'], () => ({
    groupIds: ['team', 'foes'],
    includeAuthorizedOperations: true,
  })),
  question('update features', updateFeatures, ['ALTER CLUSTER kafka-cluster'], ({ version }) => ({
    featureUpdates: [
      {
        feature: 'transaction.version',
        maxVersionLevel: 2,
        allowDowngrade: false,
        upgradeType: 1,
      },
    ],
    validateOnly: version > 0,
  })),
  question('describe the cluster', describeCluster, ['DESCRIBE CLUSTER kafka-cluster'], () => ({
    includeClusterAuthorizedOperations: true,
    includeFencedBrokers: false,
  })),
  question('describe producers', describeProducers, ['READ TOPIC orders'], () => ({
    topics: indexesOfTopics,
  })),
  question(
    'describe transactions',
    describeTransactions,
    ['DESCRIBE TRANSACTIONAL_ID tx', 'DESCRIBE TOPIC orders'],
    () => ({ transactionalIds: ['tx', 'foreign', 'unknown'] }),
  ),
  question('list transactions', listTransactions, ['DESCRIBE TRANSACTIONAL_ID tx'], () => ({
    stateFilters: [],
    producerIdFilters: [],
  })),
  question(
    'list configured resources',
    listConfigResources,
    ['DESCRIBE_CONFIGS CLUSTER kafka-cluster'],
    () => ({ resourceTypes: [] }),
  ),
  question('describe topics', describeTopicPartitions, ['DESCRIBE TOPIC orders'], () => ({
    topics: topics.map((name) => ({ name })),
  })),
  question('describe all topics', describeTopicPartitions, ['DESCRIBE TOPIC orders'], () => ({
    topics: [],
  })),
]

function newTopics(version: number) {
  return {
    topics: ['new', 'newer'].map((name) => ({
      name,
      numPartitions: version >= 4 ? -1 : 1,
      replicationFactor: version >= 4 ? -1 : 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs: 10_000,
    validateOnly: true,
  }
}

/** Who asks a question: with which rules. */
export interface Asker {
  readonly who: string
  readonly isSuperUser: boolean
  readonly acls: readonly Omit<Acl, 'principal'>[]
}

const everything = [
  ['TOPIC', '*'],
  ['GROUP', '*'],
  ['TRANSACTIONAL_ID', '*'],
  ['CLUSTER', CLUSTER_NAME],
] as const

export function askersOf(question: Question): Asker[] {
  const { only } = question
  return everyAskerOf(question).filter(({ who }) => only === undefined || only.includes(who))
}

function everyAskerOf({ grants }: Question): Asker[] {
  const asker = (who: string, acls: Asker['acls']) => ({ who, isSuperUser: false, acls })
  const allowed = grants.map((grant) => rule(grant, AclPermission.ALLOW))
  return [
    { who: SUPER_USER, isSuperUser: true, acls: [] },
    asker(ALLOWED, allowed),
    asker(STRANGER, []),
    ...(grants.length < 2
      ? []
      : grants.map((grant, index) =>
          asker(
            `all but ${grant}`,
            allowed.filter((_, other) => other !== index),
          ),
        )),
    asker('everything, and denied what it takes', [
      ...everything.map(([type, name]) => rule(`ALL ${type} ${name}`, AclPermission.ALLOW)),
      ...grants.map((grant) => rule(grant, AclPermission.DENY)),
    ]),
  ]
}

function rule(grant: Grant, permissionType: number): Omit<Acl, 'principal'> {
  const [operation, type, ...name] = grant.split(' ')
  return {
    resourceType: AclResource[type as keyof typeof AclResource],
    resourceName: name.join(' '),
    patternType: AclPattern.LITERAL,
    host: '*',
    operation: AclOperation[operation as keyof typeof AclOperation],
    permissionType,
  }
}
