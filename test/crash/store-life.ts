// One life of an application with an event store in its process: `node store-life.ts FOLDER FILE`, until
// it is killed, or told to stop by a line on its input. FILE has appends of earlier lives that were never
// answered: they are tried again first, as they were. Prints what it does, a line of JSON for each step.

import { readFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { startBroker } from '../../src/broker/broker.ts'
import type { EventStore, StoreOutcome } from '../../src/broker/streams/event-store.ts'

export interface StreamPart {
  readonly stream: string
  readonly expectedVersion: 'none' | number
  readonly ids: readonly string[]
}

/** An append, or what became of one. */
export interface SentAppend {
  readonly id: string
  readonly parts: readonly StreamPart[]
}

export type LifeLine =
  | { readonly kind: 'ready' }
  | { readonly kind: 'sent'; readonly append: SentAppend }
  | {
      readonly kind: 'answered'
      readonly id: string
      readonly isRetry: boolean
      readonly deduplicated: boolean
    }
  /** Somebody else was there first: nothing was written. */
  | { readonly kind: 'conflict'; readonly id: string; readonly isRetry: boolean }
  | { readonly kind: 'stopped' }

export const STREAMS = 16
const CALLERS = 64
const MOST_EVENTS = 3
/** Not `process.stdout`: that makes the pipe one that does not wait. */
const STDOUT = 1
/** Short-lived segments, so that rolling is killed too. */
const CONFIG = { 'log.roll.ms': '150' }

if (import.meta.main) {
  const [folder = '', file = ''] = process.argv.slice(2)
  const broker = await startBroker({ folder, listen: false, config: CONFIG })
  const isStopping = { now: false }
  createInterface(process.stdin).once('line', () => {
    isStopping.now = true
  })
  await live(broker.eventStore(), JSON.parse(readFileSync(file, 'utf8')), isStopping)
  await broker.close()
  tell({ kind: 'stopped' })
  process.exit(0)
}

async function live(
  store: EventStore,
  unanswered: readonly SentAppend[],
  isStopping: { readonly now: boolean },
): Promise<void> {
  await Promise.all(unanswered.map((append) => send(store, append, { isRetry: true })))
  const heads = new Map<string, number>()
  for (let i = 0; i < STREAMS; i++) {
    const stream = nameOf(i)
    heads.set(stream, (await store.head(stream)).headVersion)
  }
  tell({ kind: 'ready' })
  let count = 0
  const caller = async () => {
    while (!isStopping.now) {
      const append = newAppend(`${process.pid}-${count++}`, heads)
      tell({ kind: 'sent', append })
      const outcome = await send(store, append, { isRetry: false })
      if (outcome.kind === 'appended') {
        for (const { stream, version } of outcome.streams) raise(heads, stream, version)
      } else if (outcome.reason.kind === 'wrong-version') {
        raise(heads, outcome.reason.stream, outcome.reason.actual)
      }
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}

/** One to three events, of one stream or of two, at the version that the caller knows. */
function newAppend(id: string, heads: ReadonlyMap<string, number>): SentAppend {
  const first = Math.floor(Math.random() * STREAMS)
  const second = (first + 1) % STREAMS
  const streams = Math.random() < 0.2 ? [first, second] : [first]
  const parts = streams.map((index, part) => {
    const stream = nameOf(index)
    const head = heads.get(stream) ?? -1
    const length = 1 + Math.floor(Math.random() * MOST_EVENTS)
    const ids = Array.from({ length }, (_, i) => `${id}-${part}-${i}`)
    return { stream, expectedVersion: head < 0 ? ('none' as const) : head, ids }
  })
  return { id, parts }
}

async function send(
  store: EventStore,
  append: SentAppend,
  { isRetry }: { readonly isRetry: boolean },
): Promise<StoreOutcome> {
  const { id } = append
  const outcome = await appendTo(store, append)
  if (outcome.kind === 'appended') {
    tell({ kind: 'answered', id, isRetry, deduplicated: outcome.deduplicated })
  } else if (outcome.reason.kind === 'wrong-version') tell({ kind: 'conflict', id, isRetry })
  else throw new Error(`append ${id}: ${outcome.message}`)
  return outcome
}

export function appendTo(store: EventStore, { parts }: SentAppend): Promise<StoreOutcome> {
  return store.append(
    parts.map(({ stream, expectedVersion, ids }) => ({
      stream,
      expectedVersion,
      events: ids.map((id) => ({
        value: Buffer.from(JSON.stringify({ id })),
        headers: [['ce_id', Buffer.from(id)]] as const,
      })),
    })),
  )
}

export function nameOf(index: number): string {
  return `account-${index}`
}

function raise(heads: Map<string, number>, stream: string, version: number): void {
  heads.set(stream, Math.max(version, heads.get(stream) ?? -1))
}

function tell(line: LifeLine): void {
  // Waits while nobody reads, where `process.stdout` would keep it: what is told before a kill is told.
  writeSync(STDOUT, `${JSON.stringify(line)}\n`)
}
