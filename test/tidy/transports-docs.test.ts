// docs/transports.md says what the contract's rules and the pinned rows say, and a transport stands
// there only because some test runs the contract against it.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { renderTransportsDocs, transportsDocsPath } from '../../scripts/transports-docs.ts'
import { contractRules } from '../../src/sdk/testing/transport-contract.ts'
import { pinned } from '../contract/pinned.ts'

const root = resolve(import.meta.dirname, '../..')

describe('docs/transports.md', () => {
  it('is what the contract and the pinned rows say', () => {
    const written = readFileSync(transportsDocsPath, 'utf8')

    assert.equal(written, renderTransportsDocs(), 'run: node scripts/transports-docs.ts')
  })

  it('shows a transport only when a test runs the contract against it', () => {
    const tests = globSync('{src,test}/**/*.test.ts', { cwd: root }).map((file) =>
      readFileSync(join(root, file), 'utf8'),
    )
    const running = tests.filter((text) => /(transport|kafka)Contract\(/.test(text))

    const untested = Object.keys(pinned).filter(
      (key) => !running.some((text) => text.includes(`pinned.${key}`)),
    )

    assert.deepEqual(untested, [])
  })

  it('names each rule once', () => {
    const ids = Object.values(contractRules).flatMap((rules) => rules.map(({ id }) => id))

    assert.deepEqual(ids, [...new Set(ids)])
  })
})
