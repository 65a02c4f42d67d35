// The names by which an event store knows its records: header names, the types of records that say
// something about their stream, and what a stream may be called.

export const VERSION_HEADER = 'millrace-version'
export const EXPECTED_VERSION_HEADER = 'millrace-expected-version'
export const ID_HEADER = 'ce_id'
export const TYPE_HEADER = 'ce_type'

/** Records about a stream: they stand in the store, with its key, and take no version of their own. */
export const DELETED_TYPE = 'millrace.stream.deleted'
export const TOMBSTONED_TYPE = 'millrace.stream.tombstoned'
export const TRUNCATED_TYPE = 'millrace.stream.truncated'

export type RecordKind = 'event' | 'deleted' | 'tombstoned' | 'truncated'

/** A stream's name is UTF-8 of 1 to so many bytes. */
export const MAX_STREAM_NAME_BYTES = 1024

export function kindOfType(type: string): RecordKind {
  if (type === DELETED_TYPE) return 'deleted'
  if (type === TOMBSTONED_TYPE) return 'tombstoned'
  return type === TRUNCATED_TYPE ? 'truncated' : 'event'
}

const NOTICE_PREFIX = Buffer.from('millrace.stream.')

/** As `kindOfType`: nearly all types are told from the others by their first letters. */
export function kindOfTypeBytes(bytes: Uint8Array): RecordKind {
  for (let i = 0; i < NOTICE_PREFIX.length; i++) {
    if (bytes[i] !== NOTICE_PREFIX[i]) return 'event'
  }
  return kindOfType(Buffer.from(bytes).toString())
}
