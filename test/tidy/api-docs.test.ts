import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { apiDocs, apiDocsFolder } from '../../scripts/api-docs.ts'

it('docs/api is what the public doors declare: node scripts/api-docs.ts', () => {
  const docs = apiDocs()

  assert.deepEqual(readdirSync(apiDocsFolder).sort(), [...docs.keys()].sort())
  for (const [name, content] of docs) {
    assert.equal(readFileSync(join(apiDocsFolder, name), 'utf8'), content)
  }
})
