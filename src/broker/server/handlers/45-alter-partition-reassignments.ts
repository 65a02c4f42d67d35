// Versions   0-1.
// Behaviour  A partition can be assigned to node 1, where it is; to others it cannot (39). There is
//            never a reassignment to cancel (85). Takes ALTER on the cluster (31).
// Differs    In nothing that is known, for a cluster of one.

import { explainWrongReplicas } from '../../catalog/decide-topic.ts'
import { type Refusal, refuse } from '../../catalog/refusal.ts'
import { alterPartitionReassignments } from '../../protocol/45-alter-partition-reassignments.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('ALTER CLUSTER')

export const handler = defineHandler(alterPartitionReassignments, takes, (request, context) => {
  const { allowReplicationFactorChange } = request
  if (!context.access.mayOnCluster(AclOperation.ALTER)) {
    const errorCode = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    const forbidden = { errorCode, errorMessage: null }
    const responses = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...forbidden })),
    }))
    return { allowReplicationFactorChange, ...forbidden, responses }
  }
  return {
    allowReplicationFactorChange,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    responses: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, replicas }) => {
        const refusal = explainRefusal({ name, partitionIndex, replicas }, context)
        return {
          partitionIndex,
          errorCode: refusal?.errorCode ?? ErrorCode.NONE,
          errorMessage: refusal?.message ?? null,
        }
      }),
    })),
  }
})

function explainRefusal(
  wanted: { name: string; partitionIndex: number; replicas: readonly number[] | null },
  { broker }: HandlerContext,
): Refusal | undefined {
  const { name, partitionIndex, replicas } = wanted
  if (broker.partitions.get(name, partitionIndex) === undefined) {
    return refuse(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      `There is no partition ${partitionIndex} of '${name}'.`,
    )
  }
  if (replicas === null) {
    return refuse(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, 'Nothing is being reassigned.')
  }
  const wrong = explainWrongReplicas([replicas])
  return wrong === undefined ? undefined : refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, wrong)
}
