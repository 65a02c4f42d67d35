// Events and reads for the rules of event stores.

import type { OutgoingRecord } from '../../events/record.ts'
import type {
  AppendResult,
  EventStore,
  ExpectedVersion,
  StoredRecord,
} from '../../transport/event-store.ts'
import type { Transport } from '../../transport/transport.ts'
import type { ContractRun } from './rule.ts'

export interface Opened {
  readonly transport: Transport
  readonly store: EventStore
}

/** A store of its own name, which nobody has made yet. */
export async function openStore(run: ContractRun): Promise<Opened> {
  const transport = await run.open()
  return { transport, store: transport.eventStore(run.uniqueName()) }
}

/** As above, with several partitions. */
export async function openWideStore(run: ContractRun): Promise<Opened> {
  const opened = await openStore(run)
  const { transport, store } = opened
  const config = { 'millrace.store': 'true' }
  await transport.administration.ensureTopics([{ name: store.topic, partitions: 3, config }])
  return opened
}

/** An event whose id and value are the same text. */
export function event(id: string, type = 'Happened'): Omit<OutgoingRecord, 'key'> {
  const headers = [
    ['ce_id', Buffer.from(id)],
    ['ce_type', Buffer.from(type)],
  ] as const
  return { value: Buffer.from(id), headers }
}

export function append(
  store: EventStore,
  stream: string,
  expectedVersion: ExpectedVersion,
  ids: readonly string[],
): Promise<AppendResult> {
  return store.append([{ stream, expectedVersion, records: ids.map((id) => event(id)) }])
}

/** `stream:version=value` of each. */
export async function taken(records: AsyncIterable<StoredRecord>): Promise<string[]> {
  const all: string[] = []
  for await (const record of records) all.push(lineOf(record))
  return all
}

export function lineOf({ stream, version, value }: StoredRecord): string {
  return `${stream}:${version}=${Buffer.from(value ?? []).toString()}`
}

export function versionsOf({ streams }: AppendResult): [string, number, number | undefined][] {
  return streams.map(({ stream, version, position }) => [stream, version, position?.offset])
}
