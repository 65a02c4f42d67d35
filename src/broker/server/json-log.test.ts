import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createJsonLog } from './json-log.ts'

function logged() {
  const lines: string[] = []
  const clock = { nowMs: () => clock.time, monotonicMs: () => clock.time, time: 0 }
  const log = createJsonLog({ clock, write: (line) => lines.push(line) })
  return { lines, clock, log }
}

describe('the JSON log', () => {
  it('writes an entry as one line that begins with its event', () => {
    const { lines, log } = logged()

    log.warn('connection-closed', { clientId: 'a\nb', apiVersion: 3, api: undefined })

    assert.deepEqual(lines, [
      '{"event":"connection-closed","level":"warn","time":"1970-01-01T00:00:00.000Z","clientId":"a\\nb","apiVersion":3}',
    ])
  })

  it('thins a flood of one event to its count, and leaves other events alone', () => {
    const { lines, clock, log } = logged()

    for (let index = 0; index < 100; index++) log.warn('connection-closed')
    log.info('ready')
    clock.time = 1_000
    log.warn('connection-closed')

    assert.equal(lines.filter((line) => line.includes('connection-closed')).length, 21)
    assert.equal(lines.filter((line) => line.includes('ready')).length, 1)
    assert.equal(JSON.parse(lines[lines.length - 1]!).suppressed, 80)
  })

  it('cuts long text: what a client sends does not fill the disk', () => {
    const { lines, log } = logged()

    log.warn('connection-closed', { clientId: 'x'.repeat(100_000) })

    assert.ok(lines[0]!.length < 5_000)
  })
})
