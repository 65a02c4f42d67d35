import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { STREAMS_PER_PAGE, StreamTable } from './stream-table.ts'

const STREAMS = 2 * STREAMS_PER_PAGE + 100

function nameOf(i: number): Buffer {
  return Buffer.from(`stream-${i}`)
}

function ensure(table: StreamTable, i: number): number {
  const name = nameOf(i)
  return table.ensure(name, 0, name.length)
}

function filled(): StreamTable {
  const table = new StreamTable(7)
  for (let i = 0; i < STREAMS; i++) table.advance(ensure(table, i), i % 5, i)
  return table
}

describe('a snapshot of the table of streams', () => {
  it('is of the moment when it was begun, whatever is appended while it is taken', () => {
    const table = filled()
    const notDurable = { headVersion: 3, headOffset: 3, firstVersion: 1, bornVersion: 1 }

    table.beginSnapshot(new Map([[8, { ...notDurable, life: 'deleted' }]]))
    for (let slot = 0; slot < STREAMS; slot += 3) table.advance(slot, 100, 1_000_000 + slot)
    const pages = [table.takePage(0)]
    for (let slot = 0; slot < STREAMS; slot += 2) table.advance(slot, 200, 2_000_000 + slot)
    table.advance(ensure(table, STREAMS), 0, 3_000_000)
    pages.push(table.takePage(1), table.takePage(2))
    table.endSnapshot()

    const loaded = new StreamTable(7)
    const chunks = table.nameChunks()
    loaded.load({ pages, chunks, namesEnd: table.nameBytes, count: STREAMS })
    loaded.enterRange(0, STREAMS)
    for (let i = 0; i < STREAMS; i++) {
      const name = nameOf(i)
      const slot = loaded.find(name, 0, name.length)
      assert.equal(slot, i)
      if (i === 8) assert.deepEqual(loaded.fields(slot), { ...notDurable, life: 'deleted' })
      else assert.deepEqual([loaded.headVersion(slot), loaded.headOffset(slot)], [i % 5, i])
    }
    assert.equal(table.headVersion(6), 200)
    assert.equal(table.headVersion(9), 100)
  })

  it('finds all streams after loading, and goes on growing', () => {
    const table = filled()
    table.beginSnapshot(new Map())
    const pages = Array.from({ length: table.pageCount }, (_, number) => table.takePage(number))

    const loaded = new StreamTable(7)
    const chunks = table.nameChunks().map((chunk) => Buffer.from(chunk))
    loaded.load({ pages, chunks, namesEnd: table.nameBytes, count: STREAMS })
    loaded.enterRange(0, STREAMS)
    for (let i = STREAMS; i < 3 * STREAMS; i++) loaded.advance(ensure(loaded, i), 0, i)

    for (let i = 0; i < 3 * STREAMS; i++) assert.equal(ensure(loaded, i), i)
  })
})
