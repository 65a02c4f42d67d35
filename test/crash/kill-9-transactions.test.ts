// The broker as the command starts it, killed with transactions under way: writers over several
// partitions and read-process-write loops go on over all kills, and the history of what they were told
// must show every transaction whole or not at all. Rounds and seed: CRASH_ROUNDS (50, a fifth of them
// here), CRASH_SEED (random).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import type { Arena } from '../faults/history/actors/arena.ts'
import { Echoes } from '../faults/history/actors/echoes.ts'
import { readEverything } from '../faults/history/actors/finale.ts'
import { consumerGroupConfig } from '../faults/history/actors/membership.ts'
import { Session } from '../faults/history/actors/session.ts'
import { Cast, chooseCast } from '../faults/history/cast.ts'
import { check } from '../faults/history/checker/check.ts'
import { describe } from '../faults/history/checker/smallest.ts'
import { History } from '../faults/history/history.ts'
import { Tally } from '../faults/history/tally.ts'
import { SeededRandom } from '../simulation/seeded-random.ts'
import { openConnection } from './actors.ts'
import { BrokerProcess } from './broker-process.ts'

const rounds = Math.ceil(Number(process.env['CRASH_ROUNDS'] ?? 50) / 5)
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)
/** After so many kills everything is read and checked, and the next ones begin with nothing. */
const ROUNDS_PER_HISTORY = 25
const MIN_LIFE_MS = 50
const MAX_LIFE_MS = 600
/** Whoever was in a group when it was killed is waited for so long. */
const GROUP_TIMES = { sessionTimeoutMs: 2_000, rebalanceTimeoutMs: 2_000 }
const HEARTBEAT_MS = 50

it(`transactions are all or nothing over ${rounds} kills (seed ${seed})`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
  const random = new SeededRandom(seed)
  const tally = new Tally()
  const configs = {
    ...consumerGroupConfig(GROUP_TIMES, HEARTBEAT_MS),
    'group.min.session.timeout.ms': String(GROUP_TIMES.sessionTimeoutMs),
  }
  let broker = await BrokerProcess.start({ folder, port: 0, configs })
  const { port } = broker
  const restart = async (history: History) => {
    await broker.kill()
    history.note('machine', { kind: 'fault', what: 'kill -9' })
    broker = await BrokerProcess.start({ folder, port, configs })
    tally.count('kills')
  }
  try {
    for (let left = rounds; left > 0; left -= ROUNDS_PER_HISTORY) {
      const prefix = `h${left}.`
      await oneHistory(Math.min(left, ROUNDS_PER_HISTORY), { prefix, port, random, tally, restart })
    }
    const { kills, committed = 0, aborted = 0, read } = tally.counts
    const resumed = tally.get('asked again')
    t.diagnostic(
      `${kills} kills, ${committed} committed, ${aborted} aborted, ${read} read, ${resumed} asked again`,
    )
    assert.ok(committed > 0 && aborted > 0 && resumed > 0, 'no transaction met a kill')
  } catch (error) {
    t.diagnostic(`seed ${seed}, folder kept: ${folder}\n${broker.output}`)
    throw error
  } finally {
    await broker.kill()
  }
  rmSync(folder, { recursive: true, force: true })
})

interface Around {
  readonly prefix: string
  readonly port: number
  readonly random: SeededRandom
  readonly tally: Tally
  restart(history: History): Promise<void>
}

async function oneHistory(kills: number, around: Around): Promise<void> {
  const { prefix, port, random, tally, restart } = around
  const startedMs = performance.now()
  const history = new History(() => performance.now() - startedMs)
  const settings = {
    ...chooseCast(random, new SeededRandom(~seed)),
    ...{ writers: 2, transactionalWriters: 2, processors: 2, followers: 1, members: 0, admins: 0 },
    ...{ deserters: 0, partitions: 2, thinkMs: 2, oversleepChance: 0, resumeChance: 0.5 },
    ...{ transactionTimeoutMs: 60_000, classicShare: 0.5, groupTimes: GROUP_TIMES },
  }
  const cast = new Cast(settings, random, prefix)
  let isEnding = false
  const arena: Arena = {
    ...{ history, tally, random, echoes: new Echoes() },
    nowMs: () => Date.now(),
    pass,
    connect: () => openConnection(port),
    get isEnding() {
      return isEnding
    },
  }
  const connection = await arena.connect()
  await cast.found(new Session(connection, arena), arena)
  connection.close()

  const { done } = cast.live(arena)
  for (let kill = 0; kill < kills; kill++) {
    await Promise.race([done, pass(MIN_LIFE_MS + random.below(MAX_LIFE_MS - MIN_LIFE_MS))])
    await restart(history)
  }
  isEnding = true
  await done
  const last = await arena.connect()
  await readEverything(new Session(last, arena), arena, cast.finalTask)
  last.close()

  const [first] = check(history.operations)
  assert.equal(first && describe(first, history.operations), undefined)
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
