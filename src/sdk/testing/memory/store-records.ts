// How a store knows its records: what their headers say, and which of them are the store's own.

import type { Header, OutgoingRecord } from '../../events/record.ts'
import type { ExpectedVersion } from '../../transport/event-store.ts'
import type { RecordKind, Wanted } from './streams.ts'

export const VERSION_HEADER = 'millrace-version'
export const EXPECTED_VERSION_HEADER = 'millrace-expected-version'
const ID_HEADER = 'ce_id'
export const TYPE_HEADER = 'ce_type'
const MAX_STREAM_NAME_BYTES = 1024
const NOTICE_PREFIX = 'millrace.stream.'

export type NoticeKind = Exclude<RecordKind, 'event'>

export function typeOfNotice(kind: NoticeKind): string {
  return NOTICE_PREFIX + kind
}

export function wantedOf(
  stream: string,
  expected: ExpectedVersion | undefined,
  { headers, value }: Pick<OutgoingRecord, 'headers' | 'value'>,
): Wanted {
  const kind = kindOf(headers)
  return {
    stream,
    expected,
    kind,
    id: headerOf(headers, ID_HEADER),
    firstVersion: kind === 'truncated' ? firstVersionIn(value) : undefined,
  }
}

export function headerOf(headers: readonly Header[], wanted: string): string | undefined {
  const value = headers.find(([name, bytes]) => name === wanted && bytes !== null)?.[1]
  return value ? Buffer.from(value).toString() : undefined
}

/** Why a stream cannot be called so; undefined when it can. */
export function explainStreamName(stream: string): string | undefined {
  const bytes = Buffer.byteLength(stream)
  if (bytes > 0 && bytes <= MAX_STREAM_NAME_BYTES && stream.isWellFormed()) return undefined
  return `A stream's name is text of 1 to ${MAX_STREAM_NAME_BYTES} bytes, this one has ${bytes}.`
}

/** Why an expected version makes no sense; undefined when it does. */
export function explainExpected(stream: string, expected: ExpectedVersion): string | undefined {
  if (typeof expected !== 'number' || (Number.isSafeInteger(expected) && expected >= 0)) {
    return undefined
  }
  return `The expected version ${expected} of stream ${stream} is none: a stream without events is expected by 'none'.`
}

/** Why a record cannot stand in a store as it is; undefined when it can. */
export function explainRecord(
  stream: string,
  { headers, value }: Pick<OutgoingRecord, 'headers' | 'value'>,
): string | undefined {
  if (headers.some(([name]) => name === VERSION_HEADER)) {
    return `The header ${VERSION_HEADER} is the store's own: an event for stream ${stream} cannot have it.`
  }
  if (kindOf(headers) === 'truncated' && firstVersionIn(value) === undefined) {
    return `Stream ${stream}: a truncation says from which version on, as {"firstVersion": 12}.`
  }
  return undefined
}

/** @returns undefined when it is none of `any`, `none`, `exists` and a version */
export function parseExpected(text: string): ExpectedVersion | undefined {
  if (text === 'any' || text === 'none' || text === 'exists') return text
  return /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : undefined
}

function kindOf(headers: readonly Header[]): RecordKind {
  const type = headerOf(headers, TYPE_HEADER)
  if (type === typeOfNotice('deleted')) return 'deleted'
  if (type === typeOfNotice('tombstoned')) return 'tombstoned'
  return type === typeOfNotice('truncated') ? 'truncated' : 'event'
}

function firstVersionIn(value: Uint8Array | null): number | undefined {
  try {
    const { firstVersion } = JSON.parse(Buffer.from(value ?? []).toString())
    return Number.isSafeInteger(firstVersion) && firstVersion >= 0 ? firstVersion : undefined
  } catch {
    return undefined
  }
}
