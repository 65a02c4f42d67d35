// An event store in a process that is killed: callers append at the versions that they expect, live
// through `kill -9` at random moments, and try again what was not answered. Afterwards everything that
// was answered stands where it was expected, once, and nothing stands there by half.
// Rounds: an eighth of CRASH_ROUNDS (50). Every third life is stopped in good order instead.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { startBroker } from '../../src/broker/broker.ts'
import type { EventStore } from '../../src/broker/streams/event-store.ts'
import { INDEX_FOLDER } from '../../src/broker/streams/index-files.ts'
import { appendTo, type LifeLine, nameOf, type SentAppend, STREAMS } from './store-life.ts'

const script = join(import.meta.dirname, 'store-life.ts')
const rounds = Math.max(4, Math.ceil(Number(process.env['CRASH_ROUNDS'] ?? 50) / 8))
const MIN_LIFE_MS = 10
const MAX_LIFE_MS = 250
const STOP_EVERY_ROUNDS = 3
const READY_DEADLINE_MS = 120_000
/** Answered appends that are tried again at the end. */
const RETRIED = 500

/** What the outside world knows. */
class StoreLedger {
  readonly #unanswered = new Map<string, SentAppend>()
  readonly answered: SentAppend[] = []
  readonly #conflicts: SentAppend[] = []
  retried = 0
  deduplicated = 0

  get unanswered(): readonly SentAppend[] {
    return [...this.#unanswered.values()]
  }

  note(line: LifeLine): void {
    if (line.kind === 'sent') this.#unanswered.set(line.append.id, line.append)
    if (line.kind !== 'answered' && line.kind !== 'conflict') return
    const append = this.#unanswered.get(line.id)
    assert.ok(append !== undefined, `${line.id} was answered and never sent`)
    this.#unanswered.delete(line.id)
    if (line.isRetry) this.retried += 1
    if (line.kind === 'conflict') this.#conflicts.push(append)
    else {
      this.answered.push(append)
      if (line.deduplicated) this.deduplicated += 1
      assert.ok(line.isRetry || !line.deduplicated, `${line.id} was new and is called known`)
    }
  }

  /** @param stored ids by stream, in the order of their versions */
  check(stored: ReadonlyMap<string, readonly string[]>): void {
    for (const { id, parts } of this.answered) {
      for (const { stream, expectedVersion, ids } of parts) {
        const first = expectedVersion === 'none' ? 0 : expectedVersion + 1
        const found = stored.get(stream)!.slice(first, first + ids.length)
        assert.deepEqual(found, ids, `${id} was answered, stream ${stream} has others at ${first}`)
      }
    }
    const events = [...stored.values()].flat()
    const all = new Set(events)
    assert.equal(all.size, events.length, 'an event is there twice')
    for (const { id, parts } of this.#conflicts) {
      const kept = parts.flatMap(({ ids }) => ids).filter((event) => all.has(event))
      assert.deepEqual(kept, [], `${id} was refused, and some of it is there`)
    }
    const known = [...this.answered, ...this.unanswered].flatMap(({ parts }) => parts)
    const sent = new Set(known.flatMap(({ ids }) => ids))
    for (const event of all) assert.ok(sent.has(event), `${event} is there and was never sent`)
    for (const { id, parts } of this.unanswered) {
      const ids = parts.flatMap((part) => part.ids)
      const count = ids.filter((event) => all.has(event)).length
      assert.ok(count === 0 || count === ids.length, `of ${id} ${count} events of ${ids.length}`)
    }
  }
}

class Life {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #errors: string[] = []
  hasStopped = false

  private constructor(child: ChildProcess) {
    this.#child = child
    // Its output is read to its end, also what a killed process had written.
    this.#exited = once(child, 'close')
  }

  static async start(folder: string, file: string, ledger: StoreLedger): Promise<Life> {
    const child = spawn(process.execPath, [script, folder, file])
    const life = new Life(child)
    const ready = Promise.withResolvers<void>()
    createInterface(child.stdout).on('line', (text) => {
      const line = JSON.parse(text) as LifeLine
      ledger.note(line)
      if (line.kind === 'ready') ready.resolve()
      if (line.kind === 'stopped') life.hasStopped = true
    })
    createInterface(child.stderr).on('line', (line) => life.#errors.push(line))
    child.once('exit', () => ready.reject(new Error(`it ended:\n${life.#errors.join('\n')}`)))
    const late = () => ready.reject(new Error('the store is not ready'))
    const deadline = setTimeout(late, READY_DEADLINE_MS)
    await ready.promise.finally(() => clearTimeout(deadline))
    return life
  }

  async kill(): Promise<void> {
    assert.equal(this.#child.exitCode, null, this.#errors.join('\n'))
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async stop(): Promise<void> {
    this.#child.stdin!.write('stop\n')
    await this.#exited
    assert.ok(this.hasStopped, this.#errors.join('\n'))
  }
}

it(`an event store keeps what it answered over ${rounds} lives that are killed`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-store-'))
  const file = `${folder}.json`
  const ledger = new StoreLedger()
  let kills = 0
  t.after(() => rmSync(file, { force: true }))

  for (let round = 1; round <= rounds; round++) {
    writeFileSync(file, JSON.stringify(ledger.unanswered))
    const life = await Life.start(folder, file, ledger)
    await delay(MIN_LIFE_MS + Math.random() * (MAX_LIFE_MS - MIN_LIFE_MS))
    if (round % STOP_EVERY_ROUNDS === 0) await life.stop()
    else {
      await life.kill()
      kills += 1
    }
  }
  const learnt = await checkStore(folder, ledger)
  rmSync(join(folder, INDEX_FOLDER), { recursive: true })
  const learntAnew = await checkStore(folder, ledger)

  const { answered, retried, deduplicated } = ledger
  t.diagnostic(
    `${kills} kills, ${answered.length} appends answered, ${retried} tried again, ` +
      `${deduplicated} of them were there`,
  )
  assert.equal(learnt, true)
  assert.equal(learntAnew, false)
  assert.ok(retried > 0, 'no append was ever under way when the process was killed')
  rmSync(folder, { recursive: true, force: true })
})

/** Opens the store here. @returns whether its index was loaded and not learnt from the beginning */
async function checkStore(folder: string, ledger: StoreLedger): Promise<boolean> {
  let fromCheckpoint: unknown
  const broker = await startBroker({
    folder,
    listen: false,
    onLog: (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>
      if (entry['event'] === 'stream-index-learnt') fromCheckpoint = entry['fromCheckpoint']
    },
  })
  try {
    const store = broker.eventStore()
    ledger.check(await readAll(store))
    await checkRetries(store, ledger.answered)
    ledger.check(await readAll(store))
  } finally {
    await broker.close()
  }
  assert.equal(typeof fromCheckpoint, 'boolean')
  return fromCheckpoint === true
}

async function readAll(store: EventStore): Promise<Map<string, string[]>> {
  const stored = new Map<string, string[]>()
  for (let i = 0; i < STREAMS; i++) {
    const ids: string[] = []
    const read = store.readStream(nameOf(i))
    for await (const { version, value } of read) {
      assert.equal(version, ids.length, `stream ${nameOf(i)} has a gap`)
      ids.push((JSON.parse(String(value)) as { id: string }).id)
    }
    assert.equal((await read.head).headVersion, ids.length - 1)
    stored.set(nameOf(i), ids)
  }
  return stored
}

/** What was answered once is answered the same again, from whichever life it is. */
async function checkRetries(store: EventStore, answered: readonly SentAppend[]): Promise<void> {
  const step = Math.max(1, Math.floor(answered.length / RETRIED))
  for (let i = 0; i < answered.length; i += step) {
    const append = answered[i]!
    const outcome = await appendTo(store, append)
    assert.ok(outcome.kind === 'appended' && outcome.deduplicated, `${append.id} is not known`)
    for (const [part, { expectedVersion, ids }] of append.parts.entries()) {
      const before = expectedVersion === 'none' ? -1 : expectedVersion
      assert.equal(outcome.streams[part]!.version, before + ids.length)
    }
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
