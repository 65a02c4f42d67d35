// Versions   0-4. A version that we do not know is answered by dispatch with the body of v0 (KIP-511).
// Behaviour  Lists the served APIs with the ranges of the pinned Kafka release, so that clients infer
//            from us what they would infer from it. From v3 on the client names its software: a name
//            or version of another form is 42 INVALID_REQUEST.
//            transaction.version is finalized at 2, so clients use transactions v2 (KIP-890), and
//            group.version at 1, so members may use the new protocol (KIP-848); as supported features
//            they show from v4 on only, because older clients cannot read a least level of 0.
// Differs    Of Kafka's features `transaction.version` and `group.version` are known: there is no
// from Kafka quorum for the others.

import { apiVersions } from '../../protocol/18-api-versions.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { FEATURES, FEATURES_EPOCH } from '../features.ts'
import { defineHandler } from '../handler.ts'
import { OPEN } from '../security/access-rule.ts'

const SOFTWARE_WORD = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const handler = defineHandler(apiVersions, OPEN, (request, { apiVersion, broker }) => {
  if (apiVersion >= 3 && !isWellNamed(request)) {
    return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [], throttleTimeMs: 0 }
  }
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: broker.servedApis,
    throttleTimeMs: 0,
    supportedFeatures: FEATURES.filter(({ minVersion }) => minVersion > 0 || apiVersion >= 4),
    finalizedFeaturesEpoch: FEATURES_EPOCH,
    finalizedFeatures: FEATURES.map(({ name, level }) => ({
      name,
      maxVersionLevel: level,
      minVersionLevel: level,
    })),
  }
})

function isWellNamed(software: { clientSoftwareName: string; clientSoftwareVersion: string }) {
  return (
    SOFTWARE_WORD.test(software.clientSoftwareName) &&
    SOFTWARE_WORD.test(software.clientSoftwareVersion)
  )
}
