// docs/cli.md and the commands say the same: each verb and option has its row, each row its option.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { cliDocsPath, renderCliDocs } from '../../scripts/cli-docs.ts'

it('docs/cli.md is what the commands say of themselves', async () => {
  const written = readFileSync(cliDocsPath, 'utf8')

  assert.equal(written, await renderCliDocs(), 'run: node scripts/cli-docs.ts')
})
