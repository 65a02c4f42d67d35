import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openSqlite } from '../../host/sqlite.ts'
import { SqlError } from '../../sdk/transport/errors.ts'
import type { Tables } from '../../sdk/transport/tables.ts'
import { sqlite } from './sqlite.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-sqlite-'))
})
after(() => rm(folder, { recursive: true, force: true }))

let files = 0
const newFile = () => join(folder, `tables-${files++}.sqlite`)

async function withItems(file = newFile()): Promise<Tables> {
  const tables = sqlite({ file })
  await tables.begin(({ sql }) => sql`create table item (id text primary key, n any)`)
  return tables
}

const names = async (tables: Tables) => {
  const rows = await tables.begin(({ sql }) => sql<{ id: string }>`select id from item order by id`)
  return rows.map(({ id }) => id)
}

const isSqlError = (kind: SqlError['kind']) => (error: unknown) =>
  error instanceof SqlError && error.kind === kind

describe('tables in SQLite', () => {
  it('keep what a transaction wrote once its work resolves', async () => {
    const file = newFile()
    const tables = await withItems(file)

    const answer = await tables.begin(async ({ sql }) => {
      await sql`insert into item (id) values (${'a'})`
      return sql`insert into item (id) values (${"b'; drop table item; --"}) returning id`
    })
    await tables.close()

    assert.deepEqual(answer, [{ id: "b'; drop table item; --" }])
    await using reopened = sqlite({ file })
    assert.deepEqual(await names(reopened), ['a', "b'; drop table item; --"])
  })

  it('keep nothing of a transaction whose work rejects, and go on', async () => {
    await using tables = await withItems()

    const failing = tables.begin(async ({ sql }) => {
      await sql`insert into item (id) values (${'a'})`
      throw new Error('no')
    })

    await assert.rejects(failing, /^Error: no$/)
    assert.deepEqual(await names(tables), [])
  })

  it('take transactions one at a time, in the order of their calls, whatever they wait for', async () => {
    await using tables = await withItems()
    const gate = Promise.withResolvers<void>()
    const order: string[] = []

    const slow = tables.begin(async ({ sql }) => {
      order.push('slow begins')
      await gate.promise
      await sql`insert into item (id) values (${'slow'})`
      order.push('slow ends')
    })
    const quick = tables.begin(async ({ sql }) => {
      order.push(`quick sees ${(await sql`select id from item`).length}`)
    })
    gate.resolve()
    await Promise.all([slow, quick])

    assert.deepEqual(order, ['slow begins', 'slow ends', 'quick sees 1'])
  })

  it('give values back as they took them', async () => {
    await using tables = await withItems()
    const values = [1, 1.5, 2 ** 53 - 1, 2n ** 62n, 'text', null, new Uint8Array([0, 255])]

    const answers = await tables.begin(async ({ sql }) => {
      const got: unknown[] = []
      for (const value of values) got.push((await sql`select ${value} as v`)[0]?.['v'])
      return got
    })

    assert.deepEqual(answers, values)
    const [row] = await tables.begin(
      ({ sql }) => sql`select ${true} as yes, ${new Date(0)} as then_, ${-1} as minus`,
    )
    assert.deepEqual(row, { yes: 1, then_: '1970-01-01T00:00:00.000Z', minus: -1 })
  })

  it('wait for a writer elsewhere without stopping the event loop', async () => {
    const file = newFile()
    await using tables = await withItems(file)
    const other = openSqlite(file)
    other.exec('BEGIN IMMEDIATE')
    let turns = 0
    let isWritten = false

    const writing = tables
      .begin(({ sql }) => sql`insert into item (id) values (${'a'})`)
      .then(() => {
        isWritten = true
      })
    for (; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(isWritten, false)
    other.exec("INSERT INTO item (id) VALUES ('b'); COMMIT")
    other.close()
    await writing

    assert.deepEqual(await names(tables), ['a', 'b'])
  })

  it('say after the busy timeout that somebody else writes', async () => {
    const file = newFile()
    await (await withItems(file)).close()
    await using tables = sqlite({ file, busyTimeoutMs: 0 })
    const other = openSqlite(file)
    other.exec('BEGIN IMMEDIATE')

    const refused = tables.begin(({ sql }) => sql`select 1`)

    await assert.rejects(refused, (error) => {
      return error instanceof SqlError && error.kind === 'busy' && error.retriable
    })
    other.close()
    assert.deepEqual(await names(tables), [])
  })

  it('let readers see the last commit while a transaction is open', async () => {
    const file = newFile()
    await using tables = await withItems(file)
    const reader = openSqlite(file)

    const seen = await tables.begin(async ({ sql }) => {
      await sql`insert into item (id) values (${'a'})`
      return reader.prepare('select count(*) as n from item').get()?.['n']
    })

    assert.equal(seen, 0)
    assert.equal(reader.prepare('select count(*) as n from item').get()?.['n'], 1)
    reader.close()
  })

  it('refuse with the kind of what is wrong, and the statement', async () => {
    await using tables = await withItems()
    await tables.begin(({ sql }) => sql`insert into item (id) values (${'a'})`)

    const twice = tables.begin(({ sql }) => sql`insert into item (id) values (${'a'})`)
    const wrong = tables.begin(({ sql }) => sql`selekt 1`)
    const two = tables.begin(({ sql }) => sql`delete from item; delete from item`)

    await assert.rejects(twice, isSqlError('unique'))
    await assert.rejects(wrong, /`selekt 1`.*syntax error/)
    await assert.rejects(two, /would not be executed/)
    assert.deepEqual(await names(tables), ['a'])
    assert.throws(
      () => sqlite({ file: join(folder, 'missing', 'x.sqlite') }),
      isSqlError('statement'),
    )
  })

  it('refuse a transaction within itself, a statement after its end, and work after closing', async () => {
    const tables = await withItems()

    const nested = tables.begin(() => tables.begin(({ sql }) => sql`select 1`))
    const late = await tables.begin(async ({ sql }) => sql)

    await assert.rejects(nested, /a second would wait for it/)
    await assert.rejects(late`select 1`, /has ended the transaction/)
    await tables.close()
    await assert.rejects(
      tables.begin(async () => undefined),
      /is closed/,
    )
  })
})
