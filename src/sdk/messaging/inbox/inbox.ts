// De-duplication in the tables that a handler writes: an event is claimed by an insert in the
// handler's own transaction, so a repetition finds the claim and what the handler wrote, or neither.
// The window is the guarantee: a repetition that comes later than `keep` is handled again, so it must
// be longer than anything may be repeated after (retention, redrive, replay).
// It is no promise about effects outside the tables: a handler that calls somebody runs again when
// its transaction is rolled back, and passes the event's id along as the idempotency key.

import type { SqlTransaction, Tables } from '../../transport/tables.ts'
import type { Claim, Claimed, Dedupe } from '../dedupe.ts'
import { type Duration, durationMs } from '../duration.ts'

/** Old claims go a few at a time, within a transaction that is there anyway. */
const PRUNE_EVERY_MS = 60_000
const PRUNE_ROWS = 1000

export interface InboxOptions {
  /** How long a claim is remembered. */
  readonly keep: Duration
}

/** @throws DurationError */
export function inbox(tables: Tables, options: InboxOptions): Dedupe {
  return new TableInbox(tables, durationMs(options.keep))
}

class TableInbox implements Dedupe {
  readonly #tables: Tables
  readonly #keepMs: number
  /** By group: whose claims are looked at again from when on. */
  readonly #nextPruneMs = new Map<string, number>()

  constructor(tables: Tables, keepMs: number) {
    this.#tables = tables
    this.#keepMs = keepMs
  }

  async prepare(): Promise<void> {
    await this.#tables.begin(async ({ sql }) => {
      await sql`create table if not exists millrace_inbox (
        consumer_group text not null,
        event_source text not null,
        event_id text not null,
        handled_ms bigint not null,
        outputs blob,
        primary key (consumer_group, event_source, event_id)
      )`
      await sql`create index if not exists millrace_inbox_age on millrace_inbox (consumer_group, handled_ms)`
    })
  }

  once(
    claims: readonly Claim[],
    work: (transaction: SqlTransaction, fresh: readonly Claim[]) => Promise<Uint8Array>,
  ): Promise<Claimed> {
    return this.#tables.begin(async (transaction) => {
      const { sql } = transaction
      const [any] = claims
      if (any !== undefined) await this.#prune(sql, any)
      const fresh: Claim[] = []
      const outputs: Uint8Array[] = []
      for (const claim of claims) {
        if (await isFresh(sql, claim)) fresh.push(claim)
        else outputs.push(await outputsOf(sql, claim))
      }
      const [first] = fresh
      if (first === undefined) return { fresh, outputs }
      const made = await work(transaction, fresh)
      // What they published together is kept once: they come again together, or not at all.
      await sql`
        update millrace_inbox set outputs = ${made}
        where consumer_group = ${first.group}
          and event_source = ${first.eventSource} and event_id = ${first.eventId}`
      return { fresh, outputs: [...outputs, made] }
    })
  }

  async #prune(sql: SqlTransaction['sql'], { group, nowMs }: Claim): Promise<void> {
    if (nowMs < (this.#nextPruneMs.get(group) ?? 0)) return
    const gone = await sql`
      delete from millrace_inbox
      where consumer_group = ${group} and (event_source, event_id) in (
        select event_source, event_id from millrace_inbox
        where consumer_group = ${group} and handled_ms < ${nowMs - this.#keepMs}
        limit ${PRUNE_ROWS}
      )
      returning event_id`
    // As many as that: there are more, and the next event takes them along.
    if (gone.length < PRUNE_ROWS) this.#nextPruneMs.set(group, nowMs + PRUNE_EVERY_MS)
  }
}

/** Claims it, unless that has been done. */
async function isFresh(sql: SqlTransaction['sql'], claim: Claim): Promise<boolean> {
  const { group, eventSource, eventId, nowMs } = claim
  const inserted = await sql`
    insert into millrace_inbox (consumer_group, event_source, event_id, handled_ms)
    values (${group}, ${eventSource}, ${eventId}, ${nowMs})
    on conflict (consumer_group, event_source, event_id) do nothing
    returning event_id`
  return inserted.length > 0
}

async function outputsOf(sql: SqlTransaction['sql'], claim: Claim): Promise<Uint8Array> {
  const [row] = await sql<{ outputs: Uint8Array | null }>`
    select outputs from millrace_inbox
    where consumer_group = ${claim.group}
      and event_source = ${claim.eventSource} and event_id = ${claim.eventId}`
  return row?.outputs ?? new Uint8Array()
}
