// The page docs/conformance.md, against the results that were kept and the reasons of what fails.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { conformancePage, conformancePagePath } from './page.ts'
import { readResults, surprisesOf } from './results.ts'
import { rows } from './rows.ts'

const results = readResults()

describe('the page of conformance', () => {
  it('is made from the rows and their last results', () => {
    const committed = readFileSync(conformancePagePath, 'utf8')

    assert.equal(committed, conformancePage(results), 'npm run conformance -- --write')
  })

  it('has a result of every row, and a reason for everything that fails', () => {
    for (const { id } of rows) {
      const result = results.millrace[id]

      assert.ok(result !== undefined, `${id} was never run with --write`)
      assert.deepEqual(surprisesOf(id, result), [], id)
    }
  })

  it('has results of no row that is gone', () => {
    const ids = new Set(rows.map(({ id }) => id))

    for (const target of [results.millrace, results.kafka]) {
      assert.deepEqual(
        Object.keys(target).filter((id) => !ids.has(id)),
        [],
      )
    }
  })
})
