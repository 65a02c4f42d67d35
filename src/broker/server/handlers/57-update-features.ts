// Versions   0-2.
// Behaviour  A feature that already is at the level asked for is a success. Any other level, and a
//            feature that is not known here, is refused with 95; in v2 for the request as a whole. Takes
//            ALTER on the cluster (31).
// Differs    Levels are fixed (see ApiVersions): a client that wants transactions of version 1 uses them
// from Kafka anyway. `metadata.version` and the like cannot be set: there is no quorum that could differ.

import { updateFeatures } from '../../protocol/57-update-features.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { FEATURES } from '../features.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('ALTER CLUSTER')

export const handler = defineHandler(updateFeatures, takes, (request, { access, apiVersion }) => {
  if (!access.mayOnCluster(AclOperation.ALTER)) {
    const errorCode = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    return { errorCode, errorMessage: null, results: [] }
  }
  const results = request.featureUpdates.map(({ feature, maxVersionLevel }) => ({
    feature,
    ...resultOf(feature, maxVersionLevel),
  }))
  const first = results[0]
  if (first === undefined) {
    const errorMessage = 'The request names no feature.'
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage, results }
  }
  if (apiVersion < 2) return { errorCode: ErrorCode.NONE, errorMessage: null, results }
  const refused = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE) ?? first
  return { errorCode: refused.errorCode, errorMessage: refused.errorMessage, results }
})

function resultOf(name: string, level: number) {
  const feature = FEATURES.find((known) => known.name === name)
  if (feature?.level === level) return { errorCode: ErrorCode.NONE, errorMessage: null }
  const errorMessage =
    feature === undefined
      ? `There is no feature '${name}' here.`
      : `Feature '${name}' is at level ${feature.level} and stays there.`
  return { errorCode: ErrorCode.INVALID_UPDATE_VERSION, errorMessage }
}
