// One step of the store suite in a process of its own; its arguments are a StoreTask as JSON. Ours in
// process is the broker as well. Prints what was measured, or {} for a gate that held.
import { type ClosedLoopResult, closedLoop } from '../load/closed-loop.ts'
import { auditAfterRestart, type Victim, writeUntilKilled } from './audit.ts'
import { newEvent, streamName, zipf } from './events.ts'
import { expectEvents, race, retry } from './gates.ts'
import type { StoreClient, StoreModule, StorePlace } from './store-client.ts'

/** Those of other stores are installed apart, and so are their types. */
const modules = {
  embedded: () => import('./embedded-client.ts'),
  tcp: () => import('./tcp-client.ts'),
  emmett: () => rival('emmett'),
  'message-db': () => rival('message-db'),
}
const rival = (name: string): Promise<StoreModule> =>
  import(`${import.meta.dirname}/../rivals/${name}.ts`)
export type ClientName = keyof typeof modules

const EVENTS_OF_A_STREAM = 10
const FILLERS = 16
const FILLED = 'filled'
const LOOK_EVERY = 500
const APPEND_STREAMS = 20_000

export type StoreTask = StorePlace & { readonly client: ClientName } & (
    | { readonly kind: 'gates' }
    | { readonly kind: 'audit-write'; readonly file: string; readonly victim: Victim | 'self' }
    | { readonly kind: 'audit-check'; readonly file: string }
    | { readonly kind: 'fill'; readonly fromStream: number; readonly toStream: number }
    | { readonly kind: 'append'; readonly seconds: number; readonly prefix: string }
    | { readonly kind: 'read'; readonly seconds: number; readonly streams: number }
  )

if (import.meta.main) {
  const task = JSON.parse(process.argv[2]!) as StoreTask
  const { open }: StoreModule = await modules[task.client]()
  const client = await open(task)
  console.log(JSON.stringify((await run(client, task)) ?? {}))
  // A client whose server was killed may never be closed.
  if (task.kind !== 'audit-write') await client.close()
  process.exit(0)
}

async function run(client: StoreClient, task: StoreTask): Promise<ClosedLoopResult | undefined> {
  switch (task.kind) {
    case 'gates':
      await race(client)
      await retry(client)
      return undefined
    case 'audit-write': {
      const { victim, file } = task
      const own: Victim = { pid: process.pid, signal: 'SIGKILL' }
      await writeUntilKilled(client, file, victim === 'self' ? own : victim)
      return undefined
    }
    case 'audit-check':
      await auditAfterRestart(client, task.file)
      return undefined
    case 'fill':
      await fill(client, task)
      return undefined
    case 'append':
      return await closedLoop(task, appender(client, task))
    case 'read':
      return await closedLoop(task, reader(client, task))
  }
}

/** Every caller has streams of its own, so that it knows their versions and nobody conflicts. */
function appender(client: StoreClient, { callers, prefix }: StorePlace & { prefix: string }) {
  const own = Math.ceil(APPEND_STREAMS / callers)
  const places = Array.from({ length: callers }, (_, caller) => ({
    draw: zipf(own, caller + 1),
    versions: new Map<number, number>(),
  }))
  let count = 0
  return async (caller: number): Promise<void> => {
    const { draw, versions } = places[caller]!
    const index = caller * own + draw()
    const stream = streamName(prefix, index)
    const expected = versions.get(index) ?? -1
    const answer = await client.append(stream, expected, [newEvent(count++)])
    if (answer.kind !== 'appended') throw new Error(`${stream} is not at version ${expected}`)
    versions.set(index, answer.version)
  }
}

/** Streams of ten events. */
async function fill(
  client: StoreClient,
  { fromStream, toStream }: { readonly fromStream: number; readonly toStream: number },
): Promise<void> {
  let next = fromStream
  const filler = async () => {
    while (next < toStream) {
      const index = next++
      const stream = streamName(FILLED, index)
      const events = Array.from({ length: EVENTS_OF_A_STREAM }, (_, at) => newEvent(at))
      const answer = await client.append(stream, -1, events)
      if (answer.kind !== 'appended') throw new Error(`${stream} was there already`)
      if (index % LOOK_EVERY === 0) expectEvents(stream, await client.read(stream), events)
    }
  }
  await Promise.all(Array.from({ length: FILLERS }, filler))
}

/** Each stream is read as a whole. */
function reader(client: StoreClient, { streams }: { readonly streams: number }) {
  const draw = zipf(streams, 1)
  return async (): Promise<void> => {
    const stream = streamName(FILLED, draw())
    const { length } = await client.read(stream)
    if (length !== EVENTS_OF_A_STREAM) throw new Error(`${stream} was read as ${length} events`)
  }
}
