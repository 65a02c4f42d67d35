// What a client asks for with a batch of records that it produces to a store: each record's stream, event
// id and expected version, or why the batch cannot be taken. Pure.
// Source: DECISIONS, names on the wire: a client sets no version, and its key is the stream's name.

import { isUtf8 } from 'node:buffer'
import type { RecordError, Refusal } from '../log/append-outcome.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { WantedRecord } from './decide-append.ts'
import { type ExpectedVersion, parseExpectedVersion } from './expected-version.ts'
import { RecordScan } from './record-scan.ts'
import { EXPECTED_VERSION_HEADER, MAX_STREAM_NAME_BYTES, VERSION_HEADER } from './store-names.ts'

/** A refusal that names every one of ten thousand records helps nobody. */
const MAX_NAMED_RECORDS = 100

/** @throws DecodeError when the records are none */
export function readWanted(records: Buffer, count: number): WantedRecord[] | Refusal {
  const scan = new RecordScan(records, count)
  const wanted: WantedRecord[] = []
  const recordErrors: RecordError[] = []
  for (let batchIndex = 0; scan.next(); batchIndex++) {
    const expected = expectedOf(scan)
    const kind = scan.kind
    const beforeVersion = kind === 'truncated' ? firstVersionIn(scan.value) : undefined
    const message = explainKey(scan) ?? explainHeaders(scan, expected)
    if (message !== undefined) recordErrors.push({ batchIndex, message })
    else if (kind === 'truncated' && beforeVersion === undefined) {
      recordErrors.push({ batchIndex, message: NO_FIRST_VERSION })
    }
    if (recordErrors.length === MAX_NAMED_RECORDS) break
    wanted.push({
      name: records,
      nameStart: scan.keyAt,
      nameEnd: scan.keyAt + scan.keyLength,
      kind,
      expected: expected === 'wrong' ? undefined : expected,
      id: scan.id,
      beforeVersion,
    })
  }
  const first = recordErrors[0]
  if (first === undefined) return wanted
  return {
    kind: 'refused',
    errorCode: ErrorCode.INVALID_RECORD,
    message: first.message,
    recordErrors,
  }
}

const NO_FIRST_VERSION =
  'A record that truncates its stream says in its value where it begins, as {"firstVersion": 12}.'

/** What the value of a truncation says. @returns undefined when it says nothing */
export function firstVersionIn(value: Uint8Array | null): number | undefined {
  if (value === null || value.length > 1000) return undefined
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value).toString())
    if (typeof parsed !== 'object' || parsed === null) return undefined
    if (!('firstVersion' in parsed)) return undefined
    const { firstVersion } = parsed
    const isVersion = typeof firstVersion === 'number' && Number.isSafeInteger(firstVersion)
    return isVersion && firstVersion >= 0 ? firstVersion : undefined
  } catch {
    // No JSON: the caller says what it should have been.
    return undefined
  }
}

function expectedOf(scan: RecordScan): ExpectedVersion | 'wrong' | undefined {
  if (scan.expectedCount === 0) return undefined
  if (scan.expectedCount > 1) return 'wrong'
  return parseExpectedVersion(scan.text(scan.expectedAt, scan.expectedLength)) ?? 'wrong'
}

function explainKey({ bytes, keyAt, keyLength }: RecordScan): string | undefined {
  if (keyLength === -1) {
    return 'A record without key belongs to no stream: its key must be the name of its stream.'
  }
  if (keyLength === 0) return 'The key is empty: it must be the name of the stream.'
  if (keyLength > MAX_STREAM_NAME_BYTES) {
    return `The name of the stream (the key) has ${keyLength} bytes, it may have ${MAX_STREAM_NAME_BYTES}.`
  }
  if (isUtf8(bytes.subarray(keyAt, keyAt + keyLength))) return undefined
  return 'The key is no UTF-8 text: it must be the name of the stream.'
}

function explainHeaders(
  scan: RecordScan,
  expected: ExpectedVersion | 'wrong' | undefined,
): string | undefined {
  if (scan.hasVersion) {
    return `${VERSION_HEADER} is given by the broker: say what you expect with ${EXPECTED_VERSION_HEADER}.`
  }
  if (expected !== 'wrong') return undefined
  return `${EXPECTED_VERSION_HEADER} must stand once and be any, none, exists or a version such as 4.`
}
