// A broker in memory under 100,000 bad frames, beside a good client. Nothing may crash, nothing may
// leak, no handler may throw, the good client may notice nothing, and every handler must have been
// reached. MILLRACE_FUZZ_FRAMES and MILLRACE_FUZZ_SEED choose the run; what each frame is follows from
// the seed and its number, what it meets also from the frames that run beside it.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Broker, startBroker } from '../../src/broker/broker.ts'
import { servedApis } from '../../src/broker/server/handler-table.ts'
import type { Disk } from '../../src/host/disk.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { BadClient } from './bad-client.ts'
import { readCorpus } from './corpus.ts'
import { depthOf, FrameSource, type FuzzFrame } from './frame-source.ts'
import { GoodClient, openConnection } from './good-client.ts'
import { Surroundings } from './surroundings.ts'
import { Tally } from './tally.ts'

const frameCount = Number(process.env['MILLRACE_FUZZ_FRAMES'] ?? 100_000)
const seed = Number(process.env['MILLRACE_FUZZ_SEED'] ?? Date.now() % 1_000_000)
const CLIENTS = 24
const PATIENCE_MS = 250
const REFRESH_EVERY_FRAMES = 1000
/** What is loaded and compiled by then is no leak. */
const WARM_UP_SHARE = 0.2
const MAX_HEAP_GROWTH_BYTES = 32 * 1024 * 1024
const MAX_BUFFER_GROWTH_BYTES = 64 * 1024 * 1024
const GONE_DEADLINE_MS = 10_000

it(`${frameCount} bad frames harm nobody (seed ${seed})`, async (t) => {
  const collectGarbage = globalThis.gc
  assert.ok(collectGarbage !== undefined, 'run with --expose-gc: npm run test:fuzz')
  const unhandled = watchUnhandled()
  const bugs: string[] = []
  const disk = memoryDisk({ maxBytes: 1024 * 1024 * 1024 })
  await using broker = await startBroker({
    host: nodeHost({ disk }),
    listen: '127.0.0.1:0',
    // A bound that frames do reach: a fuzzer that may make 20,000 partitions measures nothing else.
    config: { 'millrace.max.partitions': '300' },
    onLog: (line) => {
      const entry: { event: string } = JSON.parse(line)
      if (entry.event === 'bug' || entry.event === 'fatal') bugs.push(line)
    },
  })
  const { port } = broker.addresses[0]!
  const good = await GoodClient.start(port)
  const tally = new Tally(servedApis.map(({ apiKey }) => apiKey))
  const surroundings = new Surroundings()
  const source = new FrameSource(readCorpus(), servedApis, surroundings)
  const fuzzer = new Fuzzer({ port, source, surroundings, tally })

  const startedAt = performance.now()
  await fuzzer.run(0, Math.floor(frameCount * WARM_UP_SHARE))
  const before = await settled(broker, disk, collectGarbage)
  await fuzzer.run(Math.floor(frameCount * WARM_UP_SHARE), frameCount)
  const after = await settled(broker, disk, collectGarbage)
  const seconds = (performance.now() - startedAt) / 1000
  await good.stop()

  t.diagnostic(`${Math.round(frameCount / seconds)} frames/s\n${tally.table()}`)
  t.diagnostic(`good client: ${latencies(good.latenciesMs)}`)
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`)
  assert.deepEqual(bugs, [])
  assert.deepEqual(unhandled, [])
  assert.deepEqual(tally.malformedAnswers, [])
  assert.deepEqual(tally.apisNeverAnswered(), [])
  assert.ok(after.heapBytes - before.heapBytes < MAX_HEAP_GROWTH_BYTES, 'the heap grew')
  assert.ok(after.bufferBytes - before.bufferBytes < MAX_BUFFER_GROWTH_BYTES, 'buffers pile up')
  assert.equal(after.handles, before.handles)
})

class Fuzzer {
  readonly #port: number
  readonly #source: FrameSource
  readonly #surroundings: Surroundings
  readonly #tally: Tally

  constructor(parts: {
    port: number
    source: FrameSource
    surroundings: Surroundings
    tally: Tally
  }) {
    this.#port = parts.port
    this.#source = parts.source
    this.#surroundings = parts.surroundings
    this.#tally = parts.tally
  }

  /** Sends the frames with these numbers, several at a time. */
  async run(from: number, end: number): Promise<void> {
    let next = from
    const live = async () => {
      const client = new BadClient(this.#port, PATIENCE_MS)
      while (next < end) {
        const number = next++
        if (number % REFRESH_EVERY_FRAMES === 0) await this.#refresh()
        await this.#send(client, this.#source.next(seededRandom(seed * 1_000_003 + number)))
      }
      client.close()
    }
    await Promise.all(Array.from({ length: CLIENTS }, live))
  }

  async #send(client: BadClient, frame: FuzzFrame): Promise<void> {
    const depth = depthOf(frame.bytes, servedApis)
    const outcome = await client.send(frame.prefix, frame.bytes)
    this.#tally.count(frame, depth, outcome)
  }

  async #refresh(): Promise<void> {
    const connection = await openConnection(this.#port, 'surroundings')
    await this.#surroundings.refresh(connection)
    connection.close()
  }
}

interface Footprint {
  readonly heapBytes: number
  /** Outside the heap, less what the broker's files hold. */
  readonly bufferBytes: number
  /** Sockets, timers and so on that keep the process alive. */
  readonly handles: number
}

/** What is held once all bad connections are gone. */
async function settled(broker: Broker, disk: Disk, collectGarbage: () => void): Promise<Footprint> {
  const deadline = performance.now() + GONE_DEADLINE_MS
  // The good client's connection stays.
  while (broker.inspect.connectionCount > 1 || broker.inspect.waitingFetchCount > 0) {
    assert.ok(performance.now() < deadline, 'connections stay behind')
    await delay(10)
  }
  // Twice: the first run finds what finalizers then let go.
  for (let run = 0; run < 2; run++) {
    collectGarbage()
    await delay(10)
  }
  const { heapUsed, external } = process.memoryUsage()
  return {
    heapBytes: heapUsed,
    bufferBytes: external - (await storedBytes(disk, '.')),
    handles: process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length,
  }
}

async function storedBytes(disk: Disk, folder: string): Promise<number> {
  let bytes = 0
  for (const name of await disk.list(folder)) {
    const path = `${folder}/${name}`
    const found = await disk.stat(path)
    bytes += found?.isFolder === true ? await storedBytes(disk, path) : (found?.size ?? 0)
  }
  return bytes
}

function watchUnhandled(): string[] {
  const seen: string[] = []
  process.on('unhandledRejection', (reason) => seen.push(`unhandled rejection: ${reason}`))
  process.on('uncaughtException', (error) => seen.push(`uncaught: ${error.stack}`))
  return seen
}

function latencies(valuesMs: readonly number[]): string {
  const sorted = [...valuesMs].sort((a, b) => a - b)
  const at = (share: number) => `${sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1)} ms`
  return `${sorted.length} rounds, median ${at(0.5)}, p99 ${at(0.99)}, slowest ${at(1)}`
}
