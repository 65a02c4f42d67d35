// Our event store in the process that uses it.
import { startBroker } from '../../src/broker/broker.ts'
import type { LoadEvent, StoreClient, StorePlace } from './store-client.ts'

export const STORE = 'bench'

export async function open({ folder }: StorePlace): Promise<StoreClient> {
  const broker = await startBroker({ folder, listen: false })
  const store = broker.eventStore(STORE)
  return {
    knowsRetries: true,
    async append(stream, expectedVersion, events) {
      const outcome = await store.append([
        { stream, expectedVersion: expectation(expectedVersion), events: events.map(encode) },
      ])
      if (outcome.kind === 'appended') {
        const { version, position } = outcome.streams[0]!
        return { kind: 'appended', version, place: String(position?.offset) }
      }
      if (outcome.reason.kind === 'wrong-version') return { kind: 'conflict' }
      throw new Error(outcome.message)
    },
    async read(stream) {
      const events = []
      for await (const { headers, version, value } of store.readStream(stream)) {
        JSON.parse(value!.toString()) // the rivals hand out data, not bytes
        const id = headers.find(([name]) => name === 'ce_id')?.[1]
        events.push({ id: String(id), version })
      }
      return events
    },
    close: () => broker.close(),
  }
}

function expectation(version: number) {
  return version === -1 ? 'none' : version
}

export function encode({ id, type, data }: LoadEvent) {
  const headers = [
    ['ce_id', Buffer.from(id)],
    ['ce_type', Buffer.from(type)],
  ] as const
  return { value: Buffer.from(JSON.stringify(data)), headers }
}
