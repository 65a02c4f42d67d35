import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CliError, ExitCode } from './exit-code.ts'
import { parseDuration, parsePosition } from './position.ts'

const NOW_MS = Date.parse('2026-11-23T12:00:00Z')

it('a position is a name, an offset, a distance from the end or a time', () => {
  assert.deepEqual(parsePosition('start', NOW_MS), { kind: 'start' })
  assert.deepEqual(parsePosition('end', NOW_MS), { kind: 'end' })
  assert.deepEqual(parsePosition('42', NOW_MS), { kind: 'offset', offset: 42 })
  assert.deepEqual(parsePosition('-10', NOW_MS), { kind: 'before-end', count: 10 })
})

it('a time is RFC 3339, a date, milliseconds or an age', () => {
  const timeOf = (text: string) => parsePosition(text, NOW_MS)

  const noon = { kind: 'time', timeMs: NOW_MS }
  assert.deepEqual(timeOf('@2026-11-23T12:00:00Z'), noon)
  assert.deepEqual(timeOf('@2026-11-23T13:00:00+01:00'), noon)
  assert.deepEqual(timeOf(`@${NOW_MS}`), noon)
  assert.deepEqual(timeOf('@2026-11-23'), { kind: 'time', timeMs: NOW_MS - 12 * 3_600_000 })
  assert.deepEqual(timeOf('@-90s'), { kind: 'time', timeMs: NOW_MS - 90_000 })
})

it('anything else is a usage error that names the grammar', () => {
  for (const text of [
    '',
    'begin',
    '1.5',
    '--1',
    '@',
    '@yesterday',
    '@2026-11-23T12:00',
    '@-5',
    '@2026-13-40T00:00:00Z',
  ]) {
    assert.throws(
      () => parsePosition(text, NOW_MS),
      (error) => error instanceof CliError && error.exitCode === ExitCode.USAGE,
      text,
    )
  }
})

it('a duration has a unit', () => {
  assert.equal(parseDuration('500ms'), 500)
  assert.equal(parseDuration('1.5s'), 1500)
  assert.throws(() => parseDuration('10'))
})
