// The APIs that this broker serves, by key. What is not here is not advertised, and a request for it
// closes its connection.

import { advertisedVersions } from '../protocol/versions.ts'
import type { Handler } from './handler.ts'
import { handler as apiVersions } from './handlers/18-api-versions.ts'
import { handler as initProducerId } from './handlers/22-init-producer-id.ts'
import type { ApiRange } from './services.ts'

const handlers: readonly Handler[] = [apiVersions, initProducerId]

const byKey = new Map<number, Handler>(handlers.map((handler) => [handler.api.key, handler]))

export function handlerFor(apiKey: number): Handler | undefined {
  return byKey.get(apiKey)
}

/** What ApiVersions answers: every served API with the range of the pinned Kafka release. */
export const servedApis: readonly ApiRange[] = handlers.map(({ api, versions }) => {
  const [minVersion, maxVersion] = advertisedVersions(api.key) ?? versions
  return { apiKey: api.key, minVersion, maxVersion }
})
