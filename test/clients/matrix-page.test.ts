// The page docs/clients.md, against the tables that the suite proves on a running broker.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { abilities } from './abilities.ts'
import { clients } from './clients.ts'
import { limits } from './limits.ts'
import { matrixPage, matrixPagePath } from './matrix-page.ts'

describe('the page of clients', () => {
  it('lists the same cells as the tables of clients, abilities and limits', () => {
    const committed = readFileSync(matrixPagePath, 'utf8')

    assert.equal(committed, matrixPage(), 'write it with: npm run test:clients -- --write')
  })

  it('has limits only of clients and abilities that exist, each cell once', () => {
    const ids = new Set(clients.map(({ id }) => id))
    const names = new Set(abilities.map(({ name }) => name))
    const cells = limits.flatMap((limit) =>
      limit.abilities.map((ability) => `${limit.client}: ${ability}`),
    )

    for (const limit of limits) {
      assert.ok(ids.has(limit.client), limit.client)
      for (const ability of limit.abilities) assert.ok(names.has(ability), ability)
    }
    assert.equal(new Set(cells).size, cells.length)
  })
})
