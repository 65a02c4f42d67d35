// The audit of what was acknowledged: writers are at work when the process that has the data is ended
// without warning, and after a restart everything that was acknowledged must be there.
import { readFileSync, writeFileSync } from 'node:fs'
import { newEvent, streamName } from './events.ts'
import type { ReadEvent, StoreClient } from './store-client.ts'

const STREAMS = 20
const ACKNOWLEDGED_BEFORE = 400

export interface Victim {
  readonly pid: number
  readonly signal: NodeJS.Signals
}

/** Ends the victim, which may be this process, once enough was acknowledged and noted in `file`. */
export async function writeUntilKilled(
  client: StoreClient,
  file: string,
  victim: Victim,
): Promise<void> {
  const acknowledged: string[][] = Array.from({ length: STREAMS }, () => [])
  let count = 0
  let isOver = false
  const writers = acknowledged.map(async (ids, index) => {
    while (!isOver) {
      const event = newEvent(count)
      const answer = await client.append(streamName('audit', index), ids.length - 1, [event])
      if (isOver) return // not noted: it may be there or not
      if (answer.kind !== 'appended') throw new Error('the only writer of a stream met a conflict')
      ids.push(event.id)
      if (++count < ACKNOWLEDGED_BEFORE) continue
      isOver = true
      writeFileSync(file, JSON.stringify(acknowledged))
      process.kill(victim.pid, victim.signal)
    }
  })
  const failures = (await Promise.allSettled(writers)).filter(({ status }) => status === 'rejected')
  if (!isOver) throw new Error(`the audit's writers failed: ${JSON.stringify(failures)}`)
}

/** Each stream begins with what was acknowledged; the one append that was under way may follow. */
export async function auditAfterRestart(client: StoreClient, file: string): Promise<void> {
  const acknowledged = JSON.parse(readFileSync(file, 'utf8')) as string[][]
  for (const [index, ids] of acknowledged.entries()) {
    const stream = streamName('audit', index)
    const stored = await client.read(stream)
    const isWhole =
      ids.every((id, version) => isAt(stored, version, id)) &&
      stored.every((event, version) => event.version === version) &&
      stored.length <= ids.length + 1
    if (isWhole) continue
    throw new Error(
      `stream ${stream}: ${ids.length} events were acknowledged, after the restart it has ` +
        `${stored.length}, or others`,
    )
  }
}

function isAt(stored: readonly ReadEvent[], version: number, id: string): boolean {
  return stored[version]?.id === id
}
