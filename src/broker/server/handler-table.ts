// The APIs that this broker serves, by key. What is not here is not advertised, and a request for it
// closes its connection.

import { advertisedVersions } from '../protocol/versions.ts'
import type { Handler } from './handler.ts'
import { handler as produce } from './handlers/00-produce.ts'
import { handler as fetch } from './handlers/01-fetch.ts'
import { handler as listOffsets } from './handlers/02-list-offsets.ts'
import { handler as metadata } from './handlers/03-metadata.ts'
import { handler as offsetCommit } from './handlers/08-offset-commit.ts'
import { handler as offsetFetch } from './handlers/09-offset-fetch.ts'
import { handler as findCoordinator } from './handlers/10-find-coordinator.ts'
import { handler as joinGroup } from './handlers/11-join-group.ts'
import { handler as heartbeat } from './handlers/12-heartbeat.ts'
import { handler as leaveGroup } from './handlers/13-leave-group.ts'
import { handler as syncGroup } from './handlers/14-sync-group.ts'
import { handler as describeGroups } from './handlers/15-describe-groups.ts'
import { handler as listGroups } from './handlers/16-list-groups.ts'
import { handler as saslHandshake } from './handlers/17-sasl-handshake.ts'
import { handler as apiVersions } from './handlers/18-api-versions.ts'
import { handler as createTopics } from './handlers/19-create-topics.ts'
import { handler as deleteTopics } from './handlers/20-delete-topics.ts'
import { handler as deleteRecords } from './handlers/21-delete-records.ts'
import { handler as initProducerId } from './handlers/22-init-producer-id.ts'
import { handler as offsetForLeaderEpoch } from './handlers/23-offset-for-leader-epoch.ts'
import { handler as addPartitionsToTxn } from './handlers/24-add-partitions-to-txn.ts'
import { handler as addOffsetsToTxn } from './handlers/25-add-offsets-to-txn.ts'
import { handler as endTxn } from './handlers/26-end-txn.ts'
import { handler as writeTxnMarkers } from './handlers/27-write-txn-markers.ts'
import { handler as txnOffsetCommit } from './handlers/28-txn-offset-commit.ts'
import { handler as describeAcls } from './handlers/29-describe-acls.ts'
import { handler as createAcls } from './handlers/30-create-acls.ts'
import { handler as deleteAcls } from './handlers/31-delete-acls.ts'
import { handler as describeConfigs } from './handlers/32-describe-configs.ts'
import { handler as alterConfigs } from './handlers/33-alter-configs.ts'
import { handler as describeLogDirs } from './handlers/35-describe-log-dirs.ts'
import { handler as saslAuthenticate } from './handlers/36-sasl-authenticate.ts'
import { handler as createPartitions } from './handlers/37-create-partitions.ts'
import { handler as deleteGroups } from './handlers/42-delete-groups.ts'
import { handler as electLeaders } from './handlers/43-elect-leaders.ts'
import { handler as incrementalAlterConfigs } from './handlers/44-incremental-alter-configs.ts'
import { handler as alterPartitionReassignments } from './handlers/45-alter-partition-reassignments.ts'
import { handler as listPartitionReassignments } from './handlers/46-list-partition-reassignments.ts'
import { handler as offsetDelete } from './handlers/47-offset-delete.ts'
import { handler as describeClientQuotas } from './handlers/48-describe-client-quotas.ts'
import { handler as alterClientQuotas } from './handlers/49-alter-client-quotas.ts'
import { handler as describeUserScramCredentials } from './handlers/50-describe-user-scram-credentials.ts'
import { handler as alterUserScramCredentials } from './handlers/51-alter-user-scram-credentials.ts'
import { handler as updateFeatures } from './handlers/57-update-features.ts'
import { handler as describeCluster } from './handlers/60-describe-cluster.ts'
import { handler as describeProducers } from './handlers/61-describe-producers.ts'
import { handler as describeTransactions } from './handlers/65-describe-transactions.ts'
import { handler as listTransactions } from './handlers/66-list-transactions.ts'
import { handler as consumerGroupHeartbeat } from './handlers/68-consumer-group-heartbeat.ts'
import { handler as consumerGroupDescribe } from './handlers/69-consumer-group-describe.ts'
import { handler as listConfigResources } from './handlers/74-list-config-resources.ts'
import { handler as describeTopicPartitions } from './handlers/75-describe-topic-partitions.ts'
import type { ApiRange } from './services.ts'

const handlers: readonly Handler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  alterUserScramCredentials,
  updateFeatures,
  describeCluster,
  describeProducers,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  listConfigResources,
  describeTopicPartitions,
]

const byKey = new Map<number, Handler>(handlers.map((handler) => [handler.api.key, handler]))

export function handlerFor(apiKey: number): Handler | undefined {
  return byKey.get(apiKey)
}

/** What ApiVersions answers: every served API with the range of the pinned Kafka release. */
export const servedApis: readonly ApiRange[] = handlers.map(({ api, versions }) => {
  const [minVersion, maxVersion] = advertisedVersions(api.key) ?? versions
  return { apiKey: api.key, minVersion, maxVersion }
})
