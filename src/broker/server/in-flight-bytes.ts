// One bound on the memory of requests and answers, and how the two share it unless somebody has said so.

import type { BrokerConfig } from '../catalog/broker-config-keys.ts'

export function inFlightBytes(config: BrokerConfig): { requests: number; responses: number } {
  const { millraceInFlightBytes: total, queuedMaxRequestBytes: requests } = config
  const { millraceQueuedMaxResponseBytes: responses } = config
  const third = Math.floor(total / 3)
  return {
    requests: requests < 0 ? third : requests,
    responses: responses < 0 ? total - third : responses,
  }
}
