// docs/compatibility.md says what the handlers say, and every handler says something.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import {
  compatibilityDocsPath,
  readHandlerHeaders,
  renderCompatibilityDocs,
} from '../../scripts/compatibility-docs.ts'
import { servedApis } from '../../src/broker/server/handler-table.ts'

describe('docs/compatibility.md', () => {
  it('is what its script writes from the handlers', () => {
    const written = readFileSync(compatibilityDocsPath, 'utf8')

    assert.equal(written, renderCompatibilityDocs(), 'run: node scripts/compatibility-docs.ts')
  })

  it('knows a handler file for every served API, and serves every handler file', () => {
    const files = readHandlerHeaders().map(({ apiKey }) => apiKey)

    assert.deepEqual(
      files,
      servedApis.map(({ apiKey }) => apiKey).sort((a, b) => a - b),
    )
  })

  it('every handler says its versions, its behaviour and where it differs', () => {
    for (const header of readHandlerHeaders()) {
      assert.match(header.versions, /^\d+/, `API ${header.apiKey}`)
      assert.ok(header.behaviour.length > 20, `API ${header.apiKey}`)
      assert.ok(header.differs.length > 10, `API ${header.apiKey}`)
    }
  })
})
