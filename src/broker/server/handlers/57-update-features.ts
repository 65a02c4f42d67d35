// Versions   0-2.
// Behaviour  No feature is supported (see ApiVersions), so every update is refused with 95, as Kafka
//            refuses a feature that it does not know; in v2 for the request as a whole.
// Differs    `metadata.version` and the like cannot be set: there is no quorum that could differ in it.

import { updateFeatures } from '../../protocol/57-update-features.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(updateFeatures, (request, { apiVersion }) => {
  const results = request.featureUpdates.map(({ feature }) => ({
    feature,
    errorCode: ErrorCode.INVALID_UPDATE_VERSION,
    errorMessage: `There is no feature '${feature}' here.`,
  }))
  const first = results[0]
  if (first === undefined) {
    const errorMessage = 'The request names no feature.'
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage, results }
  }
  if (apiVersion < 2) return { errorCode: ErrorCode.NONE, errorMessage: null, results }
  return { errorCode: first.errorCode, errorMessage: first.errorMessage, results }
})
