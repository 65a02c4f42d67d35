// Versions   0.
// Behaviour  Always empty: with one node nothing is ever reassigned. Takes DESCRIBE on the cluster (31).
// Differs    In nothing that is known, for a cluster of one.

import { listPartitionReassignments } from '../../protocol/46-list-partition-reassignments.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('DESCRIBE CLUSTER')

export const handler = defineHandler(listPartitionReassignments, takes, (_, { access }) => ({
  errorCode: access.mayOnCluster(AclOperation.DESCRIBE)
    ? ErrorCode.NONE
    : ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  errorMessage: null,
  topics: [],
}))
