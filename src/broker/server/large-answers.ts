// Which APIs may answer with much more than they were asked with: what the broker holds, in a list.
// Fetch is not among them: it knows how much it is going to read, and waits for that by itself.

import { ApiKey } from '../wire/api-keys.ts'

const large: ReadonlySet<number> = new Set<number>([
  ApiKey.METADATA,
  ApiKey.LIST_OFFSETS,
  ApiKey.OFFSET_FETCH,
  ApiKey.DESCRIBE_GROUPS,
  ApiKey.LIST_GROUPS,
  ApiKey.CREATE_TOPICS,
  ApiKey.DESCRIBE_ACLS,
  ApiKey.DESCRIBE_CONFIGS,
  ApiKey.DESCRIBE_LOG_DIRS,
  ApiKey.DESCRIBE_CLIENT_QUOTAS,
  ApiKey.DESCRIBE_PRODUCERS,
  ApiKey.DESCRIBE_TRANSACTIONS,
  ApiKey.LIST_TRANSACTIONS,
  ApiKey.CONSUMER_GROUP_DESCRIBE,
  ApiKey.DESCRIBE_TOPIC_PARTITIONS,
  ApiKey.LIST_CONFIG_RESOURCES,
])

export function hasLargeAnswers(apiKey: number): boolean {
  return large.has(apiKey)
}
