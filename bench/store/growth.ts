// One step of the growth suite in a process of its own, on a store that grows from step to step; its
// arguments are a GrowthTask as JSON. Every stream has ten events. Prints what was measured.
import { startBroker } from '../../src/broker/broker.ts'
import type { EventStore } from '../../src/broker/streams/event-store.ts'
import { percentile } from '../percentile.ts'
import { encode, STORE } from './embedded-client.ts'
import { newEvent, streamName } from './events.ts'

const EVENTS_OF_A_STREAM = 10
const FILLERS = 64

export interface GrowthTask {
  readonly folder: string
  /** How many events are there, or are to be there after `fill`. */
  readonly events: number
  /** `open` starts on the checkpoint of the index, `reindex` without one: the caller removed it. */
  readonly kind: 'fill' | 'open' | 'reindex'
  /** How long `open` reads streams. */
  readonly seconds: number
  /** Before `fill`. */
  readonly eventsBefore: number
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2]!) as GrowthTask
  console.log(JSON.stringify(await run(task)))
  process.exit(0)
}

async function run(task: GrowthTask): Promise<Record<string, number>> {
  const learnt: Learnt[] = []
  const beganMs = performance.now()
  const broker = await startBroker({
    folder: task.folder,
    listen: false,
    onLog: (line) => {
      const entry = JSON.parse(line) as Learnt
      if (entry.event === 'stream-index-learnt' && entry.topic === STORE) learnt.push(entry)
    },
  })
  const store = broker.eventStore(STORE)
  await store.head('whatever') // answered once the index is ready
  const startMs = performance.now() - beganMs
  const result = await step(task, store, { startMs, learnt: learnt[0] })
  await broker.close()
  return result
}

interface Learnt {
  readonly event: string
  readonly topic: string
  readonly records: number
  readonly ms: number
  readonly fromCheckpoint: boolean
}

async function step(
  task: GrowthTask,
  store: EventStore,
  { startMs, learnt }: { readonly startMs: number; readonly learnt: Learnt | undefined },
): Promise<Record<string, number>> {
  const { kind, events } = task
  if (kind === 'fill') {
    await fill(store, task.eventsBefore / EVENTS_OF_A_STREAM, events / EVENTS_OF_A_STREAM)
    return {}
  }
  if (learnt === undefined) throw new Error('nobody said that the index was learnt')
  if (learnt.fromCheckpoint !== (kind === 'open')) throw new Error(`${kind}: a checkpoint too many`)
  const memoryMb = process.memoryUsage.rss() / 1e6
  if (kind === 'open') {
    const reads = await readStreams(store, task)
    return { startMs, memoryMb, ...reads, ...(await catchUp(store, events)) }
  }
  if (learnt.records !== events) {
    throw new Error(`${learnt.records} records were learnt again, not ${events}`)
  }
  return { reindexPerSecond: (events * 1000) / learnt.ms, memoryMb }
}

async function fill(store: EventStore, fromStream: number, toStream: number): Promise<void> {
  let next = fromStream
  const filler = async () => {
    while (next < toStream) {
      const index = next++
      const events = Array.from({ length: EVENTS_OF_A_STREAM }, (_, at) => encode(newEvent(at)))
      const append = { stream: streamName('', index), expectedVersion: 'none' as const, events }
      const outcome = await store.append([append])
      if (outcome.kind !== 'appended') throw new Error(outcome.message)
    }
  }
  await Promise.all(Array.from({ length: FILLERS }, filler))
}

/** One caller, streams all over the log. */
async function readStreams(
  store: EventStore,
  { events, seconds }: GrowthTask,
): Promise<{ readsPerSecond: number; readP50Ms: number }> {
  const streams = events / EVENTS_OF_A_STREAM
  const latencies: number[] = []
  const fromMs = performance.now() + 1000
  const untilMs = fromMs + seconds * 1000
  for (let draw = 1; performance.now() < untilMs; ) {
    draw = (Math.imul(draw, 1_664_525) + 1_013_904_223) >>> 0
    const stream = streamName('', Math.floor((draw / 2 ** 32) * streams))
    const beganMs = performance.now()
    let count = 0
    for await (const { version } of store.readStream(stream)) if (version === count) count++
    const endedMs = performance.now()
    if (count !== EVENTS_OF_A_STREAM) throw new Error(`${stream} was read as ${count} events`)
    if (endedMs > fromMs) latencies.push(endedMs - beganMs)
  }
  const busyMs = latencies.reduce((sum, ms) => sum + ms, 0)
  latencies.sort((a, b) => a - b)
  return {
    readsPerSecond: (latencies.length * 1000) / busyMs,
    readP50Ms: percentile(latencies, 50),
  }
}

async function catchUp(
  store: EventStore,
  events: number,
): Promise<{ catchUpPerSecond: number; peakMemoryMb: number }> {
  const beganMs = performance.now()
  let count = 0
  for await (const said of store.subscribe()) {
    if (said.kind === 'caught-up') break
    count++
  }
  const seconds = (performance.now() - beganMs) / 1000
  if (count !== events) throw new Error(`${count} events were caught up with, not ${events}`)
  return { catchUpPerSecond: count / seconds, peakMemoryMb: process.resourceUsage().maxRSS / 1000 }
}
