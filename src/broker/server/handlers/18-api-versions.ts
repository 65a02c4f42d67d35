// Versions   0-4. A version that we do not know is answered by dispatch with the body of v0 (KIP-511).
// Behaviour  Lists the served APIs with the ranges of the pinned Kafka release, so that clients infer
//            from us what they would infer from it. From v3 on the client names its software: a name
//            or version of another form is 42 INVALID_REQUEST.
// Differs    No feature is supported or finalized: `transaction.version` and `group.version` come
// from Kafka with transactions and the consumer group protocol.

import { apiVersions } from '../../protocol/18-api-versions.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

const SOFTWARE_WORD = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const handler = defineHandler(apiVersions, (request, { apiVersion, broker }) => {
  if (apiVersion >= 3 && !isWellNamed(request)) {
    return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [], throttleTimeMs: 0 }
  }
  return { errorCode: ErrorCode.NONE, apiKeys: broker.servedApis, throttleTimeMs: 0 }
})

function isWellNamed(software: { clientSoftwareName: string; clientSoftwareVersion: string }) {
  return (
    SOFTWARE_WORD.test(software.clientSoftwareName) &&
    SOFTWARE_WORD.test(software.clientSoftwareVersion)
  )
}
