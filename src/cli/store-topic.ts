// What the verbs of event stores share: the topic that is a store, and what its records are.

import { STORE_KEY } from '../broker/catalog/store-topics.ts'
import {
  MAX_STREAM_NAME_BYTES,
  TYPE_HEADER,
  VERSION_HEADER,
} from '../broker/streams/store-names.ts'
import { headerTextOf } from '../sdk/events/headers.ts'
import type { Header } from '../sdk/events/record.ts'
import type { Cluster, TopicInfo } from './client/cluster.ts'
import { topicConfigs } from './client/topics.ts'
import { usageError } from './exit-code.ts'

export const DEFAULT_STORE = 'streams'

/** @throws ClientError (refused) there is no such topic, CliError (usage) it is no event store */
export async function storeTopic(cluster: Cluster, store: string): Promise<TopicInfo> {
  const info = await cluster.topic(store)
  const configs = await topicConfigs(cluster, { topic: store, keys: [STORE_KEY] })
  if (configs.some(({ key, value }) => key === STORE_KEY && value === 'true')) return info
  throw noStore(store)
}

export function noStore(topic: string): Error {
  return usageError(
    `Topic ${topic} is no event store: name one with --store, or make one with \`millrace topic create NAME -c ${STORE_KEY}=true\`.`,
  )
}

/** The key of its records. @throws CliError (usage) */
export function streamKey(stream: string): Buffer {
  const key = Buffer.from(stream)
  if (key.length > 0 && key.length <= MAX_STREAM_NAME_BYTES) return key
  throw usageError(
    `A stream's name has 1 to ${MAX_STREAM_NAME_BYTES} bytes, this one has ${key.length}.`,
  )
}

/** undefined where the record has none, which no event store gives out. */
export function versionOf(headers: readonly Header[]): number | undefined {
  const text = headerTextOf(headers, VERSION_HEADER)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

export function typeOf(headers: readonly Header[]): string | undefined {
  return headerTextOf(headers, TYPE_HEADER)
}
