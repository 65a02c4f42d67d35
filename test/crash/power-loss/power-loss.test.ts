// Real power loss, on ext4 and xfs: producers and consumers keep their own ledger while the file
// system under the broker is shut down at random moments, mounted again, and the broker started on
// what the disk has. Needs Linux, root and xfsprogs (`scripts/services prepare power-loss`).
// Rounds of each file system and seed: MILLRACE_POWER_ROUNDS (5), MILLRACE_POWER_SEED (random).
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createTopics } from '../../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode } from '../../../src/broker/wire/error-codes.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { CrashConsumer, CrashProducer, openConnection, readPartition } from '../actors.ts'
import { BrokerProcess } from '../broker-process.ts'
import { Ledger } from '../ledger.ts'
import { type FileSystem, RemovableDisk } from './removable-disk.ts'

const rounds = Number(process.env['MILLRACE_POWER_ROUNDS'] ?? 5)
const seed = Number(process.env['MILLRACE_POWER_SEED'] ?? Date.now() % 1_000_000)
const TOPIC = 'power'
const PARTITIONS = 6
const PRODUCERS = 6
const MIN_LIFE_MS = 100
const MAX_LIFE_MS = 1500
/** Short-lived segments, so that the power goes while they are rolled, too. */
const SEGMENT_MS = 300
/** A broker whose journal is gone ends by itself; one that lost partitions only goes on. */
const END_DEADLINE_MS = 1000

for (const fileSystem of ['ext4', 'xfs'] as const) {
  describe(`when the power goes under ${fileSystem}`, () => {
    it(`nothing acknowledged, shown or committed is lost over ${rounds} times (seed ${seed})`, async (t) => {
      const world = await World.start(fileSystem, {})
      try {
        for (let round = 0; round < rounds; round++) {
          await world.liveAndLosePower()
          await world.comeBack()
        }
        await world.stop()
        await world.check()
        t.diagnostic(world.summary)
        assert.ok(world.ledger.acknowledgedCount > 0)
      } catch (error) {
        t.diagnostic(`seed ${seed}, folder kept: ${await world.keepFolder()}\n${world.output}`)
        throw error
      } finally {
        await world.remove()
      }
    })

    it('a broker that does not sync loses what it acknowledged: the test can tell', async () => {
      const world = await World.start(fileSystem, { 'millrace.unsafe.skip.sync': 'true' })
      try {
        await world.liveAndLosePower()
        await world.comeBack()
        await world.stop().catch(() => undefined) // consumers notice it as well
        await assert.rejects(world.check())
      } finally {
        await world.remove()
      }
    })
  })
}

class World {
  readonly ledger = new Ledger()
  readonly #disk: RemovableDisk
  readonly #configs: Record<string, string>
  readonly #random = seededRandom(seed)
  readonly #madeTopics: string[] = []
  #broker: BrokerProcess
  #producers: CrashProducer[] = []
  #consumers: CrashConsumer[] = []
  #endedByItself = 0

  private constructor(disk: RemovableDisk, broker: BrokerProcess, configs: Record<string, string>) {
    this.#disk = disk
    this.#broker = broker
    this.#configs = configs
  }

  static async start(fileSystem: FileSystem, configs: Record<string, string>): Promise<World> {
    const disk = RemovableDisk.make(fileSystem)
    let world: World | undefined
    try {
      const folder = join(disk.mountPoint, 'data')
      world = new World(disk, await BrokerProcess.start({ folder, port: 0, configs }), configs)
      assert.equal(await world.#makeTopic(TOPIC, PARTITIONS), true)
      world.#startActors()
      return world
    } catch (error) {
      if (world === undefined) disk.remove()
      else await world.remove()
      throw error
    }
  }

  get output(): string {
    return this.#broker.output
  }

  get summary(): string {
    const resent = this.#producers.reduce((sum, producer) => sum + producer.resent, 0)
    const commits = this.#consumers.reduce((sum, consumer) => sum + consumer.commits, 0)
    return (
      `${this.ledger.acknowledgedCount} acknowledged, ${resent} batches sent again, ${commits} commits, ` +
      `${this.#madeTopics.length} topics made, ${this.#endedByItself} times the broker ended by itself`
    )
  }

  async liveAndLosePower(): Promise<void> {
    const making = this.#makeTopics()
    await delay(MIN_LIFE_MS + this.#random() * (MAX_LIFE_MS - MIN_LIFE_MS))
    assert.ok(!this.#broker.hasEnded, `the broker ended by itself:\n${this.output}`)
    this.#disk.cutPower()
    const code = await this.#broker.exitWithin(END_DEADLINE_MS)
    if (code !== undefined) {
      this.#endedByItself++
      assert.notEqual(code, 0, 'a broker that lost its disk called its end a success')
    }
    await this.#broker.kill()
    await making
    this.#disk.unmount()
    this.#disk.mount()
  }

  async comeBack(): Promise<void> {
    const { port } = this.#broker
    const folder = join(this.#disk.mountPoint, 'data')
    this.#broker = await BrokerProcess.start({ folder, port, configs: this.#configs })
  }

  /** @throws what a producer or a consumer found wrong */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled(
      [...this.#producers, ...this.#consumers].map((actor) => actor.stop()),
    )
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /** Holds what the broker has now against what anybody was ever told. */
  async check(): Promise<void> {
    const { port } = this.#broker
    const stored = await Promise.all(
      this.#consumers.map((_, partition) => readPartition(port, TOPIC, partition)),
    )
    this.ledger.check(stored.flat())
    for (const [partition, { shown }] of this.#consumers.entries()) {
      assert.deepEqual(stored[partition]!.slice(0, shown.length), shown)
    }
    for (const name of this.#madeTopics) {
      assert.equal(await this.#makeTopic(name, 1), false, `topic ${name} was lost`)
    }
  }

  /** Copies what the broker has, for whoever looks into a failure. @returns where to */
  async keepFolder(): Promise<string> {
    await this.#broker.kill()
    const copy = mkdtempSync(join(tmpdir(), 'millrace-power-loss-kept-'))
    cpSync(join(this.#disk.mountPoint, 'data'), copy, { recursive: true })
    return copy
  }

  async remove(): Promise<void> {
    // Actors first: they would come back to the port for ever.
    const stopping = this.stop().catch(() => undefined)
    await this.#broker.kill()
    await stopping
    this.#disk.remove()
  }

  #startActors(): void {
    const { port } = this.#broker
    const { ledger } = this
    const common = { port, topic: TOPIC, ledger, diskMayGo: true }
    this.#producers = Array.from({ length: PRODUCERS }, (_, index) => {
      const partition = index % PARTITIONS
      return new CrashProducer({ ...common, name: `p${index}`, partition, random: this.#random })
    })
    this.#consumers = Array.from({ length: PARTITIONS }, (_, partition) => {
      return new CrashConsumer({ ...common, partition })
    })
  }

  /** One after the other, until the disk is gone. */
  async #makeTopics(): Promise<void> {
    for (;;) {
      const name = `made-${this.#madeTopics.length}`
      const isMade = await this.#makeTopic(name, 1).catch(() => undefined)
      if (isMade !== true) return
      this.#madeTopics.push(name)
      await delay(20)
    }
  }

  /** @returns whether it was made; false when there was one. @throws when it could not be */
  async #makeTopic(name: string, numPartitions: number): Promise<boolean> {
    const connection = await openConnection(this.#broker.port)
    try {
      const configs = [{ name: 'segment.ms', value: String(SEGMENT_MS) }]
      const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs }
      const answer = await connection.request(createTopics, { topics: [topic], timeoutMs: 30_000 })
      const { errorCode } = answer.topics[0]!
      if (errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return false
      assert.equal(errorCode, ErrorCode.NONE)
      return true
    } finally {
      connection.close()
    }
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
