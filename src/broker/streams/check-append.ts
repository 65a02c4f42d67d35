// Why an append from code in this process makes no sense, whatever stands in the store. Pure.

import type { NewEvent, StreamAppend } from './event-store.ts'
import type { ExpectedVersion } from './expected-version.ts'
import { firstVersionIn } from './read-wanted.ts'
import {
  EXPECTED_VERSION_HEADER,
  kindOfTypeBytes,
  MAX_STREAM_NAME_BYTES,
  TYPE_HEADER,
  VERSION_HEADER,
} from './store-names.ts'

const WORDS: ReadonlySet<string> = new Set(['any', 'none', 'exists'])

/** @returns undefined when it makes sense */
export function explainInvalid(appends: readonly StreamAppend[]): string | undefined {
  if (appends.length === 0) return 'An append names at least one stream.'
  const twice = appends.length > 1 ? namedTwice(appends) : undefined
  if (twice !== undefined) {
    return `Stream ${twice} is named twice in one append: put its events together.`
  }
  for (const { stream, events, expectedVersion } of appends) {
    const bytes = Buffer.byteLength(stream)
    if (bytes === 0 || bytes > MAX_STREAM_NAME_BYTES || !stream.isWellFormed()) {
      return `A stream's name is text of 1 to ${MAX_STREAM_NAME_BYTES} bytes, this one has ${bytes}.`
    }
    if (!isExpectation(expectedVersion)) {
      return `The expected version ${expectedVersion} of stream ${stream} is none: a stream without events is expected by 'none'.`
    }
    for (const event of events) {
      const wrong = explainInvalidEvent(event, stream)
      if (wrong !== undefined) return wrong
    }
  }
  return undefined
}

function namedTwice(appends: readonly StreamAppend[]): string | undefined {
  const names = new Set<string>()
  for (const { stream } of appends) {
    if (names.has(stream)) return stream
    names.add(stream)
  }
  return undefined
}

function isExpectation(expected: ExpectedVersion): boolean {
  if (typeof expected !== 'number') return WORDS.has(expected)
  return Number.isSafeInteger(expected) && expected >= 0
}

function explainInvalidEvent(event: NewEvent, stream: string): string | undefined {
  const { headers, value, timestampMs } = event
  if (value !== null && !(value instanceof Uint8Array)) {
    return `Stream ${stream}: the value of an event is bytes or null.`
  }
  if (timestampMs !== undefined && !(Number.isSafeInteger(timestampMs) && timestampMs >= 0)) {
    return `Stream ${stream}: the time of an event is whole milliseconds since 1970, not ${timestampMs}.`
  }
  for (let i = 0; i < headers.length; i++) {
    // Taken apart without an iterator: every header of every event passes here.
    const header = headers[i]!
    const name = header[0]
    const bytes = header[1]
    if (typeof name !== 'string' || !(bytes === null || bytes instanceof Uint8Array)) {
      return `Stream ${stream}: a header of an event is a name and bytes or null.`
    }
    if (name === VERSION_HEADER || name === EXPECTED_VERSION_HEADER) {
      return `The header ${name} is the broker's own: an event for stream ${stream} cannot have it.`
    }
    if (name !== TYPE_HEADER || bytes === null) continue
    if (kindOfTypeBytes(bytes) !== 'truncated') continue
    if (firstVersionIn(value) === undefined)
      return `Stream ${stream}: a truncation says from which version on, as {"firstVersion": 12}.`
  }
  return undefined
}
