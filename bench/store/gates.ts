// What a store must get right before it is timed. Each gate throws when it does not.
import { newEvent } from './events.ts'
import type { LoadEvent, ReadEvent, StoreClient } from './store-client.ts'

const WRITERS = 32
/** A writer that conflicts has been overtaken since it looked, so each can at most once by each other. */
const MOST_CONFLICTS = 4 * WRITERS * WRITERS

/** Writers race for every version of one stream, and each gets its turn: none lost, none doubled. */
export async function race(client: StoreClient): Promise<void> {
  const stream = 'race-1'
  const first = newEvent(0)
  await expectAppended(client, stream, -1, [first])
  const events = Array.from({ length: WRITERS }, (_, index) => newEvent(index + 1))
  let conflicts = 0
  const versions = await Promise.all(
    events.map(async (event) => {
      for (;;) {
        const head = (await client.read(stream)).at(-1)!.version
        const answer = await client.append(stream, head, [event])
        if (answer.kind === 'appended') return answer.version
        if (++conflicts > MOST_CONFLICTS) throw new Error('the writers of one stream get no turn')
      }
    }),
  )
  const stored = await client.read(stream)
  const expected = [first, ...events.toSorted((a, b) => versionOf(a) - versionOf(b))]
  expectEvents(stream, stored, expected)
  if (conflicts === 0) throw new Error(`${WRITERS} writers of one stream never met`)

  function versionOf(event: LoadEvent): number {
    return versions[events.indexOf(event)]!
  }
}

/**
 * An append that is sent again as it was, because its answer was lost: answered as the first time
 * where the store knows retries, else refused. It is never there twice.
 */
export async function retry(client: StoreClient): Promise<void> {
  const stream = 'retry-1'
  const events = [newEvent(0), newEvent(1)]
  const first = await expectAppended(client, stream, -1, events)
  const later = newEvent(2)
  await expectAppended(client, stream, 1, [later])

  const again = await client.append(stream, -1, events)

  const wanted = client.knowsRetries ? first : { kind: 'conflict' }
  if (JSON.stringify(again) !== JSON.stringify(wanted)) {
    throw new Error(`a retry was answered ${JSON.stringify(again)}, not ${JSON.stringify(wanted)}`)
  }
  expectEvents(stream, await client.read(stream), [...events, later])
}

/** Exactly these, in this order, numbered from 0. */
export function expectEvents(
  stream: string,
  stored: readonly ReadEvent[],
  expected: readonly { readonly id: string }[],
): void {
  const ids = expected.map(({ id }, version) => `${version}=${id}`).join()
  const found = stored.map(({ id, version }) => `${version}=${id}`).join()
  if (ids !== found) throw new Error(`stream ${stream} has ${found || 'nothing'}, not ${ids}`)
}

async function expectAppended(
  client: StoreClient,
  stream: string,
  expectedVersion: number,
  events: readonly LoadEvent[],
) {
  const answer = await client.append(stream, expectedVersion, events)
  if (answer.kind !== 'appended') throw new Error(`${stream} is not at version ${expectedVersion}`)
  return answer
}
