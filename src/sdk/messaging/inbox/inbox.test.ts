import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sqlite } from '../../../transports/sqlite/sqlite.ts'
import type { SqlTransaction, Tables } from '../../transport/tables.ts'
import type { Claim } from '../dedupe.ts'
import { inbox } from './inbox.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 0, 1)

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-inbox-'))
})
after(() => rm(folder, { recursive: true, force: true }))

let files = 0
async function newTables(): Promise<Tables> {
  const tables = sqlite({ file: join(folder, `${files++}.sqlite`) })
  await tables.begin(({ sql }) => sql`create table paid (id text)`)
  return tables
}

async function newInbox(tables: Tables, keep: '7d' | '1d' = '7d') {
  const dedupe = inbox(tables, { keep })
  await dedupe.prepare()
  return dedupe
}

const claim = (eventId: string, changes: Partial<Claim> = {}): readonly [Claim] => {
  return [{ group: 'billing', eventSource: 'shop', eventId, nowMs: NOW_MS, ...changes }]
}

/** A handler that writes a row and publishes what its text says. */
const pay = (id: string) => async (transaction: SqlTransaction) => {
  await transaction.sql`insert into paid (id) values (${id})`
  return Buffer.from(`paid ${id}`)
}

const paid = async (tables: Tables) => {
  const rows = await tables.begin(({ sql }) => sql<{ id: string }>`select id from paid`)
  return rows.map(({ id }) => id)
}

/** Of those that published something. */
const textsOf = (outputs: readonly Uint8Array[]) =>
  outputs.map((bytes) => Buffer.from(bytes).toString()).filter((text) => text !== '')

const claims = async (tables: Tables) => {
  const rows = await tables.begin(
    ({ sql }) => sql<{ n: number }>`select count(*) as n from millrace_inbox`,
  )
  return rows[0]?.n
}

describe('rule 10: an inbox claims an event in the transaction of its handler', () => {
  it('handles an event once, and answers a repetition with the first outputs', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables)

    const first = await dedupe.once(claim('e1'), pay('e1'))
    const second = await dedupe.once(claim('e1'), () => assert.fail('handled twice'))

    assert.deepEqual(await paid(tables), ['e1'])
    assert.equal(first.fresh.length, 1)
    assert.deepEqual(second.fresh, [])
    assert.deepEqual(textsOf(second.outputs), ['paid e1'])
  })

  it('handles it once when the repetition comes at the same time', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables)

    const answers = await Promise.all([
      dedupe.once(claim('e1'), pay('e1')),
      dedupe.once(claim('e1'), pay('e1')),
    ])

    assert.deepEqual(await paid(tables), ['e1'])
    assert.deepEqual(
      answers.map(({ fresh }) => fresh.length),
      [1, 0],
    )
  })

  it('rule 11: claims nothing when the handler fails: with its rows goes the claim', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables)
    const failing = async (transaction: SqlTransaction) => {
      await pay('e1')(transaction)
      throw new Error('no answer')
    }

    await assert.rejects(dedupe.once(claim('e1'), failing), /^Error: no answer$/)
    assert.deepEqual(await paid(tables), [])
    const again = await dedupe.once(claim('e1'), pay('e1'))

    assert.equal(again.fresh.length, 1)
    assert.deepEqual(await paid(tables), ['e1'])
  })

  it('claims several at once without those that it has, and keeps what they publish together', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables)
    await dedupe.once(claim('e1'), pay('e1'))
    const all = ['e1', 'e2', 'e3'].flatMap((id) => claim(id))
    const idsOf = (list: readonly Claim[]) => list.map(({ eventId }) => eventId)

    const first = await dedupe.once(all, async (transaction, fresh) => {
      for (const id of idsOf(fresh)) await pay(id)(transaction)
      return Buffer.from(`paid ${idsOf(fresh)}`)
    })
    const again = await dedupe.once(all, () => assert.fail('handled twice'))

    assert.deepEqual(idsOf(first.fresh), ['e2', 'e3'])
    assert.deepEqual(await paid(tables), ['e1', 'e2', 'e3'])
    assert.deepEqual(textsOf(first.outputs), ['paid e1', 'paid e2,e3'])
    assert.deepEqual(textsOf(again.outputs), ['paid e1', 'paid e2,e3'])
    const failing = dedupe.once([...claim('e4'), ...claim('e5')], async (transaction) => {
      await pay('e4')(transaction)
      throw new Error('no answer')
    })
    await assert.rejects(failing, /no answer/)
    assert.equal(await claims(tables), 3)
  })

  it('knows an event by group, source and id together', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables)
    await dedupe.once(claim('e1'), pay('first'))

    await dedupe.once(claim('e1', { group: 'mails' }), pay('other group'))
    await dedupe.once(claim('e1', { eventSource: 'webshop' }), pay('other source'))

    assert.deepEqual(await paid(tables), ['first', 'other group', 'other source'])
  })

  it('remembers over a restart', async () => {
    const file = join(folder, 'restart.sqlite')
    const first = sqlite({ file })
    await (await newInbox(first)).once(claim('e1'), async () => Buffer.from('sent'))
    await first.close()

    await using second = sqlite({ file })
    const answer = await (await newInbox(second)).once(claim('e1'), () => assert.fail('again'))

    assert.deepEqual(textsOf(answer.outputs), ['sent'])
  })

  it('remembers for as long as it was told to, and no longer', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables, '1d')
    await dedupe.once(claim('e1'), pay('e1'))
    await dedupe.once(claim('e2', { nowMs: NOW_MS + DAY_MS / 2 }), pay('e2'))

    const within = await dedupe.once(claim('e1', { nowMs: NOW_MS + DAY_MS }), pay('e1'))
    await dedupe.once(claim('e3', { nowMs: NOW_MS + DAY_MS + 120_000 }), pay('e3'))

    assert.deepEqual(within.fresh, [])
    assert.equal(await claims(tables), 2, 'e1 has been forgotten')
    await assert.rejects(async () => inbox(tables, { keep: '7 days' as '7d' }), /no duration/)
  })

  it('forgets the claims of one group without those of another', async () => {
    await using tables = await newTables()
    const dedupe = await newInbox(tables, '1d')
    await dedupe.once(claim('e1', { group: 'mails' }), pay('e1'))
    await dedupe.once(claim('e1'), pay('e1'))

    await dedupe.once(claim('e2', { nowMs: NOW_MS + 2 * DAY_MS }), pay('e2'))

    assert.equal(await claims(tables), 2)
  })
})
