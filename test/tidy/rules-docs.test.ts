// Every rule of publishers and consumers has tests that carry its number, and docs/rules.md names them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import {
  renderRulesDocs,
  rules,
  rulesDocsPath,
  rulesToCome,
  testsByRule,
} from '../../scripts/rules-docs.ts'

const RULES = 28

describe('docs/rules.md', () => {
  it('has every rule from 1 on, but for those of what is not there yet', () => {
    const numbers = [...rules.keys(), ...rulesToCome].toSorted((a, b) => a - b)

    assert.deepEqual(
      numbers,
      Array.from({ length: RULES }, (_, index) => index + 1),
    )
  })

  it('has a test for each of them, and each test has a rule', () => {
    const tested = [...testsByRule().keys()].toSorted((a, b) => a - b)

    assert.deepEqual(tested, [...rules.keys()])
  })

  it('is what the names of the tests say', () => {
    const written = readFileSync(rulesDocsPath, 'utf8')

    assert.equal(written, renderRulesDocs(), 'run: node scripts/rules-docs.ts')
  })
})
