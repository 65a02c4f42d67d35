import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const script = join(import.meta.dirname, 'delayed-process.ts')

describe('delayed events of an embedded broker', () => {
  it('come once each, through a kill in their middle and a restart', () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-delayed-'))
    const live = (life: string) => {
      const options = { encoding: 'utf8', timeout: 120_000 } as const
      return spawnSync(process.execPath, [script, dir, life], options)
    }

    try {
      const killed = live('1')
      assert.equal(killed.signal, 'SIGKILL', killed.stderr)
      const closed = live('2')
      assert.equal(closed.status, 0, closed.stderr)
      const last = live('3')
      assert.equal(last.status, 0, last.stderr)

      const numbers = last.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).n as number)
      const expected = Array.from({ length: 12 }, (_, n) => n)
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        expected,
      )
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
