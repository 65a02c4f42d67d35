// Versions   0-2.
// Behaviour  The cluster id and its only node, which is controller as well and never fenced.
// Differs    In nothing that is known, for a cluster of one: asked as a controller, a broker answers
//            114, as Kafka's does.

import { NODE_ID } from '../../catalog/decide-topic.ts'
import { describeCluster } from '../../protocol/60-describe-cluster.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { clusterOperations, OPERATIONS_NOT_ASKED } from '../authorized-operations.ts'
import { defineHandler } from '../handler.ts'

const BROKERS = 1
const CONTROLLERS = 2

export const handler = defineHandler(describeCluster, (request, { broker, connection }) => {
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
      ? clusterOperations
      : OPERATIONS_NOT_ASKED,
  }
})
