// Versions   0-2.
// Behaviour  The cluster id and its only node, which is controller as well and never fenced.
// Differs    In nothing that is known, for a cluster of one: asked as a controller, a broker answers
//            114, as Kafka's does.

import { NODE_ID } from '../../catalog/decide-topic.ts'
import { describeCluster } from '../../protocol/60-describe-cluster.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { clusterOperations } from '../security/access.ts'
import { asks } from '../security/access-rule.ts'
import { OPERATIONS_NOT_ASKED } from '../security/supported-operations.ts'

const BROKERS = 1
const CONTROLLERS = 2

const takes = asks('DESCRIBE CLUSTER')

export const handler = defineHandler(
  describeCluster,
  takes,
  (request, { access, broker, connection }) => {
    const { endpointType } = request
    const { clusterId } = broker.catalog
    if (endpointType !== BROKERS) {
      const isController = endpointType === CONTROLLERS
      return {
        errorCode: isController
          ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
          : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: isController
          ? 'This address is for brokers, not for controllers.'
          : `There is no endpoint type ${endpointType}.`,
        endpointType: BROKERS,
        clusterId,
        brokers: [],
      }
    }
    const rack = broker.config.brokerRack ?? null
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      endpointType,
      clusterId,
      controllerId: NODE_ID,
      brokers: [{ brokerId: NODE_ID, ...connection.advertised, rack, isFenced: false }],
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? clusterOperations(access)
        : OPERATIONS_NOT_ASKED,
    }
  },
)
