import assert from 'node:assert/strict'
import { it } from 'node:test'
import { byteSize, count, isoTime, jsonBytes, printable, relativeTime, tsvField } from './text.ts'

it('bytes that are no UTF-8 travel as base64', () => {
  assert.equal(jsonBytes(null), null)
  assert.equal(jsonBytes(Buffer.from('é')), 'é')
  assert.deepEqual(jsonBytes(Buffer.from([0xff, 0x00])), { base64: '/wA=' })
})

it('control characters of a record never reach the terminal', () => {
  const shown = printable('a\u001b[2Jb\nc\u009b\u202ed')

  assert.equal(shown, 'a\\x1b[2Jb\\nc\\x9b\\u202ed')
})

it('a field of a pipe holds no tab and no line end, and null is told from text', () => {
  assert.equal(tsvField('a\tb\nc\\'), 'a\\tb\\nc\\\\')
  assert.equal(tsvField(null), '\\N')
  assert.equal(tsvField('\\N'), '\\\\N')
})

it('times are shown as a distance up to a month, then as a date', () => {
  const now = Date.parse('2026-11-23T12:00:00Z')

  assert.equal(relativeTime(now, now), 'now')
  assert.equal(relativeTime(now - 12_000, now), '12 s ago')
  assert.equal(relativeTime(now + 180_000, now), 'in 3 min')
  assert.equal(relativeTime(now - 40 * 86_400_000, now), '2026-10-14')
  assert.equal(relativeTime(-1, now), '-')
})

it('a time that no calendar holds is null', () => {
  assert.equal(isoTime(-1), null)
  assert.equal(isoTime(Number.MAX_SAFE_INTEGER), null)
  assert.equal(isoTime(0), '1970-01-01T00:00:00.000Z')
})

it('sizes and counts are rounded to what a person reads', () => {
  assert.deepEqual([0, 512, 1500, 12_345_678, 999_600].map(byteSize), [
    '0 B',
    '512 B',
    '1.5 kB',
    '12 MB',
    '1.0 MB',
  ])
  assert.equal(count(1, 'record'), '1 record')
  assert.equal(count(1_234_567, 'record'), '1.2 M records')
})
