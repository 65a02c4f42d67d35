// The broker as a process whose system calls fail: strace makes them, for one file, from the moment it
// attaches. What the disk in memory shows to be decided right reaches the operating system, too.
// Linux with strace, as root (`scripts/services prepare strace`); in CI a machine without it fails.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { BrokerProcess } from '../crash/broker-process.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, makeTopic, produceTo, valuesIn } from '../support/test-broker.ts'
import { produceEach } from './requests.ts'

const EXIT_DEADLINE_MS = 10_000
const SEGMENT = 'topics/orders-0/00000000000000000000.log'
const JOURNAL = 'journal/journal-0'
const CATALOGUE = 'meta/00000000000000000000.log'
/** More than are synced directly: a commit over them goes through the journal. */
const MANY = ['a', 'b', 'c']
const SYNC = ['fdatasync']
const WRITE = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2']
const READ = ['read', 'readv', 'pread64', 'preadv', 'preadv2']
const canTrace = process.platform === 'linux' && process.getuid?.() === 0 && hasStrace()

if (canTrace || process.env['CI'] === 'true') {
  describe("a system call that fails on a partition's file", () => {
    for (const [what, calls] of [
      ['sync', SYNC],
      ['write', WRITE],
    ] as const) {
      it(`(${what}) takes it offline for good; others serve, and a start finds what was acknowledged`, async (t) => {
        const world = await World.start(t)
        await world.fail(calls, SEGMENT)

        const first = await produceTo(world.client, 'orders', batchOf(['not durable']))
        await world.heal() // from now on a sync would succeed, and mean nothing
        const second = await produceTo(world.client, 'orders', batchOf(['refused']))
        const other = await produceTo(world.client, 'a', batchOf(['taken']))

        assert.equal(first.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
        assert.equal(second.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
        assert.equal(other.errorCode, ErrorCode.NONE)
        await world.restart()
        const values = await world.read('orders')
        assert.deepEqual(values.slice(0, 2), ['settled 0', 'settled 1'])
        assert.ok(!values.includes('refused'))
      })
    }

    it('(read) is answered with 56, and the next start serves it', async (t) => {
      const world = await World.start(t)
      await world.restart() // nothing of it is in memory any more
      await world.fail(READ, SEGMENT)

      const { errorCode } = await fetchFrom(world.client, 'orders')

      assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
      await world.heal()
      await world.restart()
      assert.deepEqual(await world.read('orders'), ['settled 0', 'settled 1'])
    })
  })

  describe('a system call that fails on what every partition needs', () => {
    for (const [what, calls] of [
      ['sync', SYNC],
      ['write', WRITE],
    ] as const) {
      it(`(the journal, ${what}) ends the process with 1: nothing is acknowledged, nothing lost`, async (t) => {
        const world = await World.start(t)
        await world.fail(calls, JOURNAL)

        const answers = await produceEach(world.client, MANY, 'not durable').catch(() => new Map())

        for (const { errorCode } of answers.values()) assert.notEqual(errorCode, ErrorCode.NONE)
        assert.equal(await world.process.exitWithin(EXIT_DEADLINE_MS), 1, world.process.output)
        await world.restart()
        assert.deepEqual(await world.read('orders'), ['settled 0', 'settled 1'])
        assert.deepEqual((await world.read('a')).slice(0, 1), ['settled'])
      })

      it(`(the catalogue, ${what}) ends the process with 1: no topic is promised, none lost`, async (t) => {
        const world = await World.start(t)
        await world.fail(calls, CATALOGUE)

        const { topics } = await world.client
          .send(createTopics, 7, {
            topics: [
              { name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
            ],
            timeoutMs: 10_000,
          })
          .catch(() => ({ topics: [] }))

        assert.ok(topics.every(({ errorCode }) => errorCode !== ErrorCode.NONE))
        assert.equal(await world.process.exitWithin(EXIT_DEADLINE_MS), 1, world.process.output)
        await world.restart()
        assert.deepEqual(await world.read('orders'), ['settled 0', 'settled 1'])
      })
    }
  })
}

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** One broker after the other on one folder, and the strace on it. */
class World {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-syscalls-'))
  #process: BrokerProcess | undefined
  #client: KafkaClient | undefined
  #strace: ChildProcess | undefined

  /** Its files are there, have durable names, and the journal has been used. */
  static async start(t: TestContext): Promise<World> {
    const world = new World()
    t.after(async () => {
      await world.heal()
      await world.#process?.kill()
      rmSync(world.#folder, { recursive: true })
    })
    await world.#open()
    for (const topic of ['orders', ...MANY]) await makeTopic(world.client, topic)
    for (const value of ['settled 0', 'settled 1']) {
      const { errorCode } = await produceTo(world.client, 'orders', batchOf([value]))
      assert.equal(errorCode, ErrorCode.NONE)
    }
    for (const { errorCode } of (await produceEach(world.client, MANY, 'settled')).values()) {
      assert.equal(errorCode, ErrorCode.NONE)
    }
    return world
  }

  get process(): BrokerProcess {
    return this.#process!
  }

  get client(): KafkaClient {
    return this.#client!
  }

  /** From when this resolves until `heal`, these calls on that file fail with EIO. */
  async fail(calls: readonly string[], file: string): Promise<void> {
    const inject = `${calls.join()}:error=EIO`
    const path = join(this.#folder, file)
    const args = ['-f', '-P', path, '-e', `trace=${calls.join()}`, '-e', `inject=${inject}`]
    const strace = spawn('strace', [...args, '-p', String(this.process.pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#strace = strace
    let said = ''
    for await (const chunk of strace.stderr!.iterator({ destroyOnReturn: false })) {
      said += chunk
      if (/attached/.test(said)) break
    }
    assert.match(said, /attached/)
    strace.stderr!.resume()
  }

  /** The kernel lets the calls through again. */
  async heal(): Promise<void> {
    const strace = this.#strace
    this.#strace = undefined
    if (strace === undefined || strace.exitCode !== null || strace.signalCode !== null) return
    const exited = once(strace, 'exit')
    strace.kill('SIGTERM')
    await exited
  }

  async restart(): Promise<void> {
    await this.heal()
    await this.client[Symbol.asyncDispose]()
    await this.process.stop()
    await this.#open()
  }

  async read(topic: string): Promise<string[]> {
    const { errorCode, records } = await fetchFrom(this.client, topic)
    assert.equal(errorCode, ErrorCode.NONE)
    return valuesIn(records)
  }

  async #open(): Promise<void> {
    this.#process = await BrokerProcess.start({ folder: this.#folder, port: 0 })
    this.#client = await KafkaClient.connect({ host: '127.0.0.1', port: this.#process.port })
  }
}
