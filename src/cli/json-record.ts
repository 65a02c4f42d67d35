// A record as `consume` prints it in JSON and as `produce --input jsonl` takes it, so that one can
// be piped into the other. Bytes are text where they are UTF-8, else `{ "base64": "..." }`.

import type { BatchRecord } from '../broker/batch/records.ts'
import type { OutgoingRecord } from './client/producer.ts'
import { usageError } from './exit-code.ts'
import { isoTime, type JsonBytes, jsonBytes } from './text.ts'

export interface JsonRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** RFC 3339; null when the record has no time. */
  readonly timestamp: string | null
  readonly key: JsonBytes
  readonly value: JsonBytes
  readonly headers: readonly (readonly [name: string, value: JsonBytes])[]
}

export function toJsonRecord(
  { topic, partition }: { topic: string; partition: number },
  record: BatchRecord,
): JsonRecord {
  return {
    topic,
    partition,
    offset: record.offset,
    timestamp: isoTime(record.timestamp),
    key: jsonBytes(record.key),
    value: jsonBytes(record.value),
    headers: record.headers.map(([name, value]) => [name, jsonBytes(value)]),
  }
}

/** What a line of JSON asks to be written: `key`, `value`, `headers`, `timestamp`, all optional. */
export function parseJsonRecord(line: Buffer, topic: string): OutgoingRecord {
  const parsed = parseObject(line)
  const timestamp = parsed['timestamp'] ?? null
  const timestampMs = typeof timestamp === 'string' ? Date.parse(timestamp) : undefined
  if ((timestamp !== null && timestampMs === undefined) || Number.isNaN(timestampMs)) {
    throw invalid(line, '"timestamp" is no RFC 3339 text')
  }
  return {
    topic,
    key: bytesOf(line, 'key', parsed['key']),
    value: bytesOf(line, 'value', parsed['value']),
    headers: headersOf(line, parsed['headers']),
    ...(timestampMs !== undefined && { timestampMs }),
  }
}

function parseObject(line: Buffer): Readonly<Record<string, unknown>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(line.toString())
  } catch {
    throw invalid(line, 'it is not JSON')
  }
  if (!isObject(parsed)) throw invalid(line, 'it is no object')
  return parsed
}

function bytesOf(line: Buffer, name: string, value: unknown): Buffer | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return Buffer.from(value)
  const base64 = isObject(value) ? value['base64'] : undefined
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64')
  throw invalid(line, `"${name}" is neither text nor null nor { "base64": "..." }`)
}

function headersOf(line: Buffer, value: unknown): [string, Buffer | null][] {
  if (value === undefined || value === null) return []
  const problem = '"headers" is no list of [name, value]'
  if (!Array.isArray(value)) throw invalid(line, problem)
  return value.map((header: unknown) => {
    if (!Array.isArray(header) || typeof header[0] !== 'string') throw invalid(line, problem)
    return [header[0], bytesOf(line, 'headers', header[1])]
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(line: Buffer, problem: string): Error {
  const start = line.toString().slice(0, 60)
  return usageError(`A line of the input is no record, ${problem}: ${start}`)
}
