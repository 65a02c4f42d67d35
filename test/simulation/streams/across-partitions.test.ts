// A store with several partitions loses power again and again while writers append over all of them.
// Wherever the power goes: an append is there in all of its streams or in none, one that was answered is
// there at the versions that it was told, and one that is tried again is there once.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startBrokerWith } from '../../../src/broker/broker.ts'
import type { EventStore } from '../../../src/broker/streams/event-store.ts'
import { SimNet } from '../net/sim-net.ts'
import { SeededRandom } from '../seeded-random.ts'
import { SimDisk } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'

const SEEDS = 12
const LIVES = 4
const PARTITIONS = 3
const STREAMS = ['a', 'b', 'c', 'd', 'e', 'f']
const WRITERS = 4
const APPENDS_PER_WRITER = 8
const STORE = 'wide'

interface Append {
  readonly id: string
  readonly streams: readonly string[]
  /** Of each stream, once it was answered. */
  versions: readonly number[] | undefined
}

interface Seen {
  cuts: number
  /** Appends that were not answered and are there, and that are not. */
  found: number
  missing: number
}

class Run {
  readonly random: SeededRandom
  readonly storage = new SimStorage()
  readonly appends: Append[] = []
  startMs: number | undefined
  readonly #seen: Seen

  constructor(seed: number, seen: Seen) {
    this.random = new SeededRandom(seed)
    this.#seen = seen
  }

  async live(seed: number, isLast: boolean): Promise<void> {
    const world = new SimWorld({ seed, ...(this.startMs && { startMs: this.startMs }) })
    const action = this.random.below(2) === 0 ? 'write' : 'sync'
    const index = this.random.below(260)
    const disk = new SimDisk(world, this.storage, isLast ? {} : { cutAt: { action, index } })
    const { clock, timers, random } = world
    const net = new SimNet(world)
    const host = { disk, net, clock, timers, random, openFilesLimit: async () => undefined }
    const work = async () => {
      const commit = { journalFileBytes: 40_000, checkpointIntervalMs: 100 }
      const broker = await startBrokerWith({ host, listen: false }, { commit })
      const config = { 'millrace.store': 'true' }
      await broker.local.topics.ensure([{ name: STORE, partitions: PARTITIONS, config }])
      const store = broker.eventStore(STORE)
      // It waits for what the last life has left.
      await this.#append(store, this.#newAppend(STREAMS))
      await this.#check(store)
      for (const append of this.appends) {
        if (append.versions === undefined) await this.#append(store, append)
      }
      await Promise.all(Array.from({ length: WRITERS }, () => this.#write(store)))
      await this.#check(store)
      await broker.close()
    }
    const end = await world.run(work())
    if (!world.isCut) world.cutPower()
    this.startMs = world.nowMs
    if (end !== 'cut') return
    this.#seen.cuts++
    this.storage.crash(this.random)
  }

  async #check(store: EventStore): Promise<void> {
    const places = new Map<string, Map<string, number>>()
    const heads = new Map<string, number>()
    for await (const { stream, version, value } of store.readAll()) {
      const id = `${value}`
      assert.equal(version, (heads.get(stream) ?? -1) + 1, `stream ${stream} has a gap`)
      heads.set(stream, version)
      const own = places.get(id) ?? new Map<string, number>()
      assert.equal(own.has(stream), false, `${id} is twice in stream ${stream}`)
      places.set(id, own.set(stream, version))
    }
    for (const { id, streams, versions } of this.appends) {
      const versionOf = places.get(id)
      if (versions !== undefined) {
        assert.deepEqual(
          streams.map((stream) => versionOf?.get(stream)),
          versions,
        )
      } else if (versionOf === undefined) this.#seen.missing++
      else {
        this.#seen.found++
        assert.equal(versionOf.size, streams.length, `${id} is there in part`)
      }
    }
    for (const [stream, version] of heads) {
      assert.equal((await store.head(stream)).headVersion, version)
    }
  }

  async #write(store: EventStore): Promise<void> {
    for (let i = 0; i < APPENDS_PER_WRITER; i++) {
      const count = 1 + this.random.below(STREAMS.length)
      const first = this.random.below(STREAMS.length)
      const streams = Array.from(
        { length: count },
        (_, k) => STREAMS[(first + k) % STREAMS.length]!,
      )
      await this.#append(store, this.#newAppend(streams))
    }
  }

  #newAppend(streams: readonly string[]): Append {
    const append = { id: `e${this.appends.length}`, streams, versions: undefined }
    this.appends.push(append)
    return append
  }

  async #append(store: EventStore, append: Append): Promise<void> {
    const { id, streams } = append
    const headers = [['ce_id', Buffer.from(id)]] as const
    const events = [{ value: Buffer.from(id), headers }]
    const outcome = await store.append(
      streams.map((stream) => ({ stream, expectedVersion: 'any', events })),
    )
    assert.equal(outcome.kind, 'appended', JSON.stringify(outcome))
    if (outcome.kind !== 'appended') return
    append.versions = outcome.streams.map(({ version }) => version)
  }
}

it('an append over partitions is all or nothing wherever the power goes', async () => {
  const seen: Seen = { cuts: 0, found: 0, missing: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = new Run(seed, seen)

    for (let life = 0; life < LIVES; life++) await run.live(seed * LIVES + life, life === LIVES - 1)

    const unanswered = run.appends.filter(({ versions }) => versions === undefined)
    assert.deepEqual(unanswered, [], `seed ${seed}`)
  }
  // A green run must not be an empty one.
  assert.ok(seen.cuts > SEEDS && seen.found > 0 && seen.missing > 0, JSON.stringify(seen))
})
