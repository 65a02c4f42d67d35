import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const script = join(import.meta.dirname, 'consumer-process.ts')

describe('rule 8: an event whose handler ends the process', () => {
  it('is parked after a few lives, and all others are handled', () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-exit-'))
    const lines: string[] = []
    const codes: (number | null)[] = []

    try {
      while (codes.at(-1) !== 0 && codes.length < 10) {
        const life = spawnSync(process.execPath, [script, dir], {
          encoding: 'utf8',
          timeout: 120_000,
        })
        codes.push(life.status)
        lines.push(...life.stdout.split('\n'))
        if (life.status !== 7 && life.status !== 0) assert.fail(life.stderr)
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }

    assert.deepEqual(codes, [7, 7, 7, 7, 0])
    assert.ok(lines.includes('parked crashed at 2'), lines.join(', '))
    for (const n of [1, 2, 4, 5, 6]) assert.ok(lines.includes(`handled ${n}`), lines.join(', '))
  })
})
