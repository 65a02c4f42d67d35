// API 18, ApiVersions. Which versions of which APIs this broker serves: the first request of most
// clients.
//
// Versions 0 to 4, flexible from 3:
//   v3  adds the client's software name and version (KIP-511), supported and finalized features
//       (KIP-584)
//   v4  lets the lowest level of a feature be 0
// The response header stays at v0, without tags, so that a client can read it before it knows
// anything. An unknown version is answered in v0 with UNSUPPORTED_VERSION and the range of this API
// (KIP-511).

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const apiVersions = defineApi({
  key: ApiKey.API_VERSIONS,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string('3+'),
    clientSoftwareVersion: string('3+'),
  },
  response: {
    errorCode: int16('0+'),
    apiKeys: array('0+', {
      apiKey: int16('0+'),
      minVersion: int16('0+'),
      maxVersion: int16('0+'),
    }),
    throttleTimeMs: int32('1+', { default: 0 }),
    supportedFeatures: array(
      '3+',
      { tag: 0 },
      {
        name: string('3+'),
        minVersion: int16('3+'),
        maxVersion: int16('3+'),
      },
    ),
    finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1 }),
    finalizedFeatures: array(
      '3+',
      { tag: 2 },
      {
        name: string('3+'),
        maxVersionLevel: int16('3+'),
        minVersionLevel: int16('3+'),
      },
    ),
    zkMigrationReady: bool('3+', { tag: 3, default: false }),
  },
})

export type ApiVersionsRequest = RequestOf<typeof apiVersions>
export type ApiVersionsResponse = ResponseOf<typeof apiVersions>
