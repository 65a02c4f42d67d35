// The broker as it is started by people, on a real file system without space: a small tmpfs, filled by
// producing. Linux, as root; elsewhere full-disk.test.ts tells the same of a disk in memory. In CI a
// machine that cannot mount fails.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { BrokerProcess } from '../crash/broker-process.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, makeTopic, produceTo, valuesIn } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { deleteTopic, produceEach } from './requests.ts'

const SIZE = '64m'
const CONFIGS = { 'file.delete.delay.ms': '0', 'segment.bytes': String(4 * 1024 * 1024) }
/** More than are synced directly: a commit over them goes through the journal. */
const MANY = ['a', 'b', 'c']
const canMount = process.platform === 'linux' && process.getuid?.() === 0

if (canMount || process.env['CI'] === 'true') {
  describe('a broker on a file system that is full', () => {
    it('loses nothing, serves reads and deletions, starts again after kill -9, and goes on', async (t) => {
      const folder = mountSmall(t)
      const world = new World(t, folder)
      await world.start()
      await world.fill()

      await world.readAll()
      await world.process.kill()
      await world.start()
      await world.readAll()
      assert.equal(await world.tryToProduce('refused'), ErrorCode.KAFKA_STORAGE_ERROR)
      assert.equal(await deleteTopic(world.client, 'ballast'), ErrorCode.NONE)
      await until(async () => (await world.tryToProduce('taken')) === ErrorCode.NONE)

      await world.fill()
      await world.stop()
      await world.start()
      await world.readAll()
      assert.equal(await deleteTopic(world.client, 'ballast'), ErrorCode.NONE)
      await until(async () => (await world.tryToProduce('taken again')) === ErrorCode.NONE)
      await world.readAll()
      await world.stop()
    })
  })
}

/** A file system of its own, given back when the test ends. */
function mountSmall(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'millrace-test', folder])
  t.after(() => {
    execFileSync('umount', ['-l', folder]) // lazily: a failed test leaves its broker on it
    rmdirSync(folder)
  })
  return folder
}

/** One broker after the other on one folder, and what they have acknowledged. */
class World {
  readonly #t: TestContext
  readonly #folder: string
  readonly #acknowledged = new Map<string, Map<number, string>>()
  #process: BrokerProcess | undefined
  #client: KafkaClient | undefined

  constructor(t: TestContext, folder: string) {
    this.#t = t
    this.#folder = folder
  }

  get process(): BrokerProcess {
    return this.#process!
  }

  get client(): KafkaClient {
    return this.#client!
  }

  async start(): Promise<void> {
    const started = await BrokerProcess.start({ folder: this.#folder, port: 0 })
    this.#t.after(() => started.kill())
    this.#process = started
    this.#client = await KafkaClient.connect({ host: '127.0.0.1', port: started.port })
  }

  async stop(): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.process.stop()
    assert.equal(await this.process.exitWithin(0), 0, this.process.output)
  }

  /** Until not even a small batch is taken, on one partition or on several. */
  async fill(): Promise<void> {
    const { client } = this
    for (const topic of [...MANY, 'ballast']) {
      if (!this.#acknowledged.has(topic)) await makeTopic(client, topic, { configs: CONFIGS })
      this.#acknowledged.set(topic, this.#acknowledged.get(topic) ?? new Map())
    }
    for (const bytes of [700_000, 30_000, 1000, 1]) {
      let codes: number[]
      do {
        const value = 'x'.repeat(bytes)
        codes = [(await produceTo(client, 'ballast', batchOf([value]))).errorCode]
        const answers = await produceEach(client, MANY, value.slice(0, 1000))
        for (const [topic, { errorCode, baseOffset }] of answers) {
          codes.push(errorCode)
          if (errorCode === ErrorCode.NONE) {
            this.#acknowledged.get(topic)!.set(baseOffset, value.slice(0, 1000))
          }
        }
      } while (codes.includes(ErrorCode.NONE))
      assert.deepEqual(new Set(codes), new Set([ErrorCode.KAFKA_STORAGE_ERROR]))
    }
    const { bavail, bsize } = statfsSync(this.#folder)
    assert.ok(bavail * bsize < 1024 * 1024, `${bavail * bsize} bytes are free`)
    this.#acknowledged.delete('ballast') // about to be deleted
  }

  async tryToProduce(value: string): Promise<number> {
    const { errorCode, baseOffset } = await produceTo(this.client, 'a', batchOf([value]))
    if (errorCode === ErrorCode.NONE) this.#acknowledged.get('a')!.set(baseOffset, value)
    return errorCode
  }

  /** Everything acknowledged is there, where it was acknowledged, and nothing else. */
  async readAll(): Promise<void> {
    for (const [topic, expected] of this.#acknowledged) {
      const values: string[] = []
      for (;;) {
        const { errorCode, records } = await fetchFrom(this.client, topic, {
          offset: values.length,
        })
        assert.equal(errorCode, ErrorCode.NONE)
        const more = valuesIn(records)
        if (more.length === 0) break
        values.push(...more)
      }
      for (const [offset, value] of expected) assert.equal(values[offset], value)
      assert.equal(values.length, expected.size, topic)
    }
  }
}
