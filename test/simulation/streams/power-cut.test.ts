// An event store loses power again and again while writers append. Whatever was answered keeps its
// version for ever, versions have no gap, and an append that was not answered and is tried again is there
// once. In between the index is deleted, torn, or put back to an older one, as a disk may leave it.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startBrokerWith } from '../../../src/broker/broker.ts'
import type { EventStore } from '../../../src/broker/streams/event-store.ts'
import { SimNet } from '../net/sim-net.ts'
import { SeededRandom } from '../seeded-random.ts'
import { SimDisk } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'

const SEEDS = 24
const LIVES = 4
const STREAMS = ['a', 'b', 'c', 'd']
const WRITERS = 8
const APPENDS_PER_WRITER = 12

/** What was answered: by stream, the id at each version. */
type Ledger = Map<string, Map<number, string>>

interface Pending {
  readonly stream: string
  readonly ids: readonly string[]
}

class Run {
  readonly random: SeededRandom
  readonly storage = new SimStorage()
  readonly ledger: Ledger = new Map(STREAMS.map((stream) => [stream, new Map()]))
  /** Sent and never answered. */
  pending: Pending[] = []
  startMs: number | undefined
  #nextId = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  async live(seed: number, isLast: boolean): Promise<void> {
    const world = new SimWorld({ seed, ...(this.startMs && { startMs: this.startMs }) })
    const index = this.random.below(220)
    const action = this.random.below(2) === 0 ? 'write' : 'sync'
    const disk = new SimDisk(world, this.storage, isLast ? {} : { cutAt: { action, index } })
    const { clock, timers, random } = world
    const net = new SimNet(world)
    const host = { disk, net, clock, timers, random, openFilesLimit: async () => undefined }
    const work = async () => {
      await this.#spoilIndex(disk)
      const config = { journalFileBytes: 40_000, checkpointIntervalMs: 100 }
      const broker = await startBrokerWith({ host, listen: false }, { commit: config })
      const store = broker.eventStore()
      await this.#check(store)
      await this.#retry(store)
      await Promise.all(Array.from({ length: WRITERS }, () => this.#write(store)))
      await this.#check(store)
      await broker.close()
    }
    const end = await world.run(work())
    if (!world.isCut) world.cutPower()
    this.startMs = world.nowMs
    if (end === 'cut') this.storage.crash(this.random)
  }

  /** Everything that was answered is there, at its version; nothing is missing in between. */
  async #check(store: EventStore): Promise<void> {
    for (const [stream, answered] of this.ledger) {
      const read = store.readStream(stream)
      const seen: string[] = []
      for await (const record of read) {
        assert.equal(record.version, seen.length, `stream ${stream} has a gap`)
        seen.push(idOf(record.headers))
      }
      assert.equal((await read.head).headVersion, seen.length - 1)
      assert.equal(new Set(seen).size, seen.length, `stream ${stream} has an event twice`)
      for (const [version, id] of answered) assert.equal(seen[version], id)
    }
  }

  /** What was not answered may have been written: trying it again finds out. */
  async #retry(store: EventStore): Promise<void> {
    for (const append of this.pending.splice(0)) await this.#append(store, append)
  }

  async #write(store: EventStore): Promise<void> {
    for (let i = 0; i < APPENDS_PER_WRITER; i++) {
      const count = 1 + this.random.below(3)
      const ids = Array.from({ length: count }, () => `e${this.#nextId++}`)
      await this.#append(store, { stream: STREAMS[this.random.below(STREAMS.length)]!, ids })
    }
  }

  async #append(store: EventStore, append: Pending): Promise<void> {
    const { stream, ids } = append
    this.pending.push(append)
    const events = ids.map((id) => ({
      value: Buffer.from('{}'),
      headers: [['ce_id', Buffer.from(id)]] as const,
    }))
    const outcome = await store.append([{ stream, expectedVersion: 'any', events }])
    assert.equal(outcome.kind, 'appended', JSON.stringify(outcome))
    if (outcome.kind !== 'appended') return
    const first = outcome.streams[0]!.version - ids.length + 1
    for (const [i, id] of ids.entries()) this.ledger.get(stream)!.set(first + i, id)
    this.pending = this.pending.filter((other) => other !== append)
  }

  async #spoilIndex(disk: SimDisk): Promise<void> {
    const folder = 'index/streams'
    const chance = this.random.below(4)
    for (const name of await disk.list(folder)) {
      if (chance === 0) await disk.remove(`${folder}/${name}`)
      if (chance !== 1) continue
      const file = await disk.open(`${folder}/${name}`)
      await file.truncate(Math.floor((await file.size()) * this.random.fraction()))
      await file.close()
    }
  }
}

function idOf(headers: readonly (readonly [string, Uint8Array | null])[]): string {
  return `${headers.find(([name]) => name === 'ce_id')?.[1]}`
}

for (let seed = 1; seed <= SEEDS; seed++) {
  it(`acknowledged events keep their versions through power cuts (seed ${seed})`, async () => {
    const run = new Run(seed)

    for (let life = 0; life < LIVES; life++) await run.live(seed * LIVES + life, life === LIVES - 1)

    const answered = [...run.ledger.values()].reduce((sum, stream) => sum + stream.size, 0)
    assert.ok(answered > WRITERS * APPENDS_PER_WRITER)
  })
}
