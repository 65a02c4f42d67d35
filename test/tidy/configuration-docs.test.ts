// docs/configuration.md and the tables of keys say the same: each key has its row, each row its key.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { configurationDocsPath, renderConfigurationDocs } from '../../scripts/configuration-docs.ts'

describe('docs/configuration.md', () => {
  it('is what the tables of configuration keys say', () => {
    const written = readFileSync(configurationDocsPath, 'utf8')

    assert.equal(written, renderConfigurationDocs(), 'run: node scripts/configuration-docs.ts')
  })
})
