import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { openFilesLimit } from './open-files.ts'

describe('the limit on open files', () => {
  it('is what the shell set', () => {
    const script = `import { openFilesLimit } from ${JSON.stringify(import.meta.resolve('./open-files.ts'))}
      console.log(await openFilesLimit())`

    const { stdout } = spawnSync('sh', [
      '-c',
      'ulimit -n 321; exec "$0" --input-type=module -e "$1"',
      process.execPath,
      script,
    ])

    assert.equal(stdout.toString().trim(), '321')
  })

  it('is a whole number where there is one', async () => {
    const limit = await openFilesLimit()

    assert.ok(limit === undefined || (Number.isSafeInteger(limit) && limit > 0))
  })
})
