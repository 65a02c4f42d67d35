// docs/events.md and the headers that the SDK knows say the same: each header has its row, each row its
// header.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { it } from 'node:test'
import { HEADER } from '../../src/sdk/events/headers.ts'

it('docs/events.md has a row for each header of an event, and no other', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/events.md'), 'utf8')

  const rows = [...page.matchAll(/^\| `([^`<]+)` \|/gm)].map((match) => match[1])

  assert.deepEqual(rows.toSorted(), Object.values(HEADER).toSorted())
})
