// Turns values into text: for people (relative times, sizes, bytes made printable) and for scripts
// (tab-separated fields). Pure. Bytes of a record never reach a terminal as they are: control
// characters in them could move the cursor or change its title.

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** From this age on a date says more than a distance. */
const RELATIVE_UNTIL_MS = 30 * DAY_MS

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** RFC 3339 in UTC with milliseconds; null when there is no time (-1) or it is beyond all calendars. */
export function isoTime(timeMs: number): string | null {
  if (timeMs < 0 || timeMs > 8.64e15) return null
  return new Date(timeMs).toISOString()
}

/** `12 s ago`, `in 3 min`, a date once it is more than 30 days away. */
export function relativeTime(timeMs: number, nowMs: number): string {
  const iso = isoTime(timeMs)
  if (iso === null) return '-'
  const distanceMs = Math.abs(nowMs - timeMs)
  if (distanceMs >= RELATIVE_UNTIL_MS) return iso.slice(0, 10)
  if (distanceMs < SECOND_MS) return 'now'
  const distance = duration(distanceMs)
  return timeMs > nowMs ? `in ${distance}` : `${distance} ago`
}

/** The largest whole unit: `850 ms`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function duration(ms: number): string {
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`
  return `${Math.floor(ms / DAY_MS)} d`
}

/** `0 B`, `512 B`, `1.5 kB`, `12 MB`: two digits that matter, powers of 1000. */
export function byteSize(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5 || unit === 'TB') {
      return `${unit === 'B' || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${unit}`
    }
    value /= 1000
  }
  return `${bytes} B`
}

/** `1 record`, `312 records`, `1.2 M records`. */
export function count(number: number, noun: string): string {
  const shown = number < 1e6 ? String(number) : `${(number / 1e6).toFixed(1)} M`
  return `${shown} ${noun}${number === 1 ? '' : 's'}`
}

/** Bytes as JSON carries them: text where they are UTF-8, else their base64. */
export type JsonBytes = string | null | { readonly base64: string }

export function jsonBytes(bytes: Buffer | null): JsonBytes {
  if (bytes === null) return null
  return decodeUtf8(bytes) ?? { base64: bytes.toString('base64') }
}

/** One line without control characters, for a terminal. */
export function printable(value: JsonBytes): string {
  if (value === null) return 'null'
  const text = typeof value === 'string' ? value : `base64:${value.base64}`
  return text.replaceAll(CONTROL_CHARACTERS, escapeControl)
}

/** One field of tab-separated text: tabs, line ends and backslashes escaped, null as `\N`. */
export function tsvField(value: JsonBytes): string {
  if (value === null) return '\\N'
  if (typeof value !== 'string') return `base64:${value.base64}`
  return value.replaceAll(/[\\\t\n\r]/g, (character) => TSV_ESCAPES[character]!)
}

const TSV_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

function escapeControl(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  const code = character.charCodeAt(0)
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** undefined when the bytes are no UTF-8. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
