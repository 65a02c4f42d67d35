// One run of the checker in the simulated world: several lives of the whole broker on one simulated
// disk. In all but the last one things go wrong as the seed says; in the last one nothing does, all
// work must come to its end, and everything is read. Then the history is checked.

import type { BrokerInternals } from '../../../../src/broker/broker-rooms.ts'
import { recoveryCounters } from '../../../../src/broker/log/recovery-counters.ts'
import { coordinatorCounters } from '../../../../src/broker/server/coordinator-counters.ts'
import type { Connection } from '../../../../src/cli/client/connection.ts'
import { type Life, liveOnce } from '../../../simulation/broker/broker-life.ts'
import { BreachError } from '../../../simulation/crash/ledger.ts'
import type { NetFaults } from '../../../simulation/net/sim-net.ts'
import { SeededRandom } from '../../../simulation/seeded-random.ts'
import type { DiskFaults, PlannedError } from '../../../simulation/sim-disk.ts'
import { SimStorage } from '../../../simulation/sim-storage.ts'
import type { SimWorld } from '../../../simulation/sim-world.ts'
import type { Arena } from '../actors/arena.ts'
import { echoLateRequests } from '../actors/echo.ts'
import { Echoes } from '../actors/echoes.ts'
import { readEverything } from '../actors/finale.ts'
import { consumerGroupConfig } from '../actors/membership.ts'
import { Session } from '../actors/session.ts'
import { Cast, type CastSettings, chooseCast } from '../cast.ts'
import type { Anomaly } from '../checker/anomaly.ts'
import { check } from '../checker/check.ts'
import { compactedAway } from '../checker/compaction.ts'
import { History } from '../history.ts'
import type { Operation } from '../operations.ts'
import { Tally } from '../tally.ts'

export interface SimulatedSettings extends CastSettings {
  /** That things go wrong in. */
  readonly lives: number
  readonly lifeMs: number
  readonly netFaults: NetFaults
  readonly echoEveryMs: number
  readonly segmentMs: number
  readonly journalFileBytes: number
  readonly checkpointIntervalMs: number
  /** In each life, the chance of each. */
  readonly fullDiskChance: number
  readonly ioErrorChance: number
  readonly slowDiskChance: number
  readonly clockJumpChance: number
}

export interface SimulatedOptions {
  readonly seed: number
  /** Instead of what the seed says. */
  readonly settings?: Partial<SimulatedSettings>
  /** Planted in the broker. */
  readonly internals?: BrokerInternals
  readonly onNote?: (line: string) => void
}

export interface SimulatedReport {
  readonly anomalies: readonly Anomaly[]
  readonly operations: readonly Operation[]
  readonly tally: Tally
}

/** Virtual: several times the longest request, session and transaction. */
const FINISH_WITHIN_MS = 15_000
const MAX_JUMP_MS = 30 * 60_000
const SLOWNESS = 200
const HEARTBEAT_MS = 10
const CLEANER_BACKOFF_MS = 20
const RESERVE_BYTES = 50_000
const START_MS = 1_767_225_600_000

export async function runSimulated(options: SimulatedOptions): Promise<SimulatedReport> {
  return await new SimulatedRun(options).run()
}

function choose(random: SeededRandom, guests: SeededRandom): SimulatedSettings {
  return {
    ...chooseCast(random, guests),
    lives: random.pick([1, 2, 3]),
    lifeMs: random.pick([150, 150, 400, 400, 400, 1_600]),
    netFaults: {
      maxPieceBytes: random.pick([50, 500, 100_000]),
      maxDelayMs: random.pick([0.01, 0.1, 1]),
      resetChance: random.pick([0, 0.2, 0.5]),
      silenceChance: random.pick([0, 0, 0.1]),
    },
    echoEveryMs: random.pick([5, 20]),
    segmentMs: random.pick([20, 600_000]),
    journalFileBytes: random.pick([4_000, 64_000]),
    checkpointIntervalMs: random.pick([10, 100, 60_000]),
    fullDiskChance: random.pick([0, 0.3]),
    ioErrorChance: random.pick([0, 0, 0.3]),
    slowDiskChance: random.pick([0, 0.3]),
    clockJumpChance: random.pick([0, 0.3]),
  }
}

class SimulatedRun {
  readonly #options: SimulatedOptions
  readonly #random: SeededRandom
  readonly #settings: SimulatedSettings
  readonly #storage = new SimStorage()
  readonly #tally = new Tally()
  readonly #echoes = new Echoes()
  readonly #history: History
  readonly #cast: Cast
  #world: SimWorld | undefined
  #nowMs: number | undefined

  constructor(options: SimulatedOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    const guests = new SeededRandom(~options.seed)
    const settings = { ...choose(this.#random, guests), ...options.settings }
    const deserters = settings.clockJumpChance > 0 ? 0 : settings.deserters
    this.#settings = { ...settings, deserters }
    this.#history = new History(() => (this.#world?.nowMs ?? START_MS) - START_MS)
    this.#cast = new Cast(this.#settings, this.#random)
  }

  async run(): Promise<SimulatedReport> {
    const before = { ...recoveryCounters, ...coordinatorCounters }
    try {
      for (let life = 0; life < this.#settings.lives; life++) await this.#badLife()
      await this.#live({}, {}, (life) => this.#lastLife(life))
    } catch (error) {
      // It complains of a disk that is well.
      if (!(error instanceof BreachError)) throw error
      this.#history.note('the broker', { kind: 'stuck', what: error.message })
    }
    for (const [name, count] of Object.entries({ ...recoveryCounters, ...coordinatorCounters })) {
      this.#tally.count(`recovery ${name}`, count - before[name as keyof typeof before])
    }
    this.#tally.count('runs')
    const { operations } = this.#history
    this.#tally.count('operations', operations.length)
    this.#tally.count('compacted away', compactedAway(operations))
    return { anomalies: check(operations), operations, tally: this.#tally }
  }

  async #badLife(): Promise<void> {
    const random = this.#random
    const { lifeMs } = this.#settings
    const ending = random.pick(['power cut', 'power cut', 'kill', 'stop'] as const)
    const afterMs = lifeMs * (0.2 + 0.8 * random.fraction())
    const action = random.pick(['write', 'sync'] as const)
    const cutAt = random.chance(0.6) ? { action, index: random.below(lifeMs) } : undefined
    const errors = this.#chooseErrors()
    const faults = { ...(ending !== 'stop' && { cutAt }), errors }
    const { end, disk } = await this.#live(faults, this.#settings.netFaults, async (life) => {
      this.#plan(life, afterMs)
      const arena = this.#arena(life, () => life.connect())
      await this.#found(life, arena)
      const work = Promise.all([
        this.#cast.live(arena).done,
        echoLateRequests(arena, this.#settings.echoEveryMs),
      ])
      await Promise.race([work, life.world.pass(afterMs)])
      if (ending === 'stop') await life.stop()
      else life.world.cutPower()
    })
    this.#tally.count('fault I/O error', (disk['io on sync'] ?? 0) + (disk['io on write'] ?? 0))
    this.#tally.count('fault full disk', disk['no space'] ?? 0)
    if (end === 'failed') this.#tally.count('ended by its disk')
    const losesPower = ending === 'power cut'
    if (losesPower) this.#storage.crash(random.fork())
    this.#storage.capacityBytes = undefined
    this.#tally.count(`fault ${ending}`)
    this.#history.note('machine', { kind: 'fault', what: ending })
  }

  #chooseErrors(): PlannedError[] {
    const random = this.#random
    if (!random.chance(this.#settings.ioErrorChance)) return []
    const on = random.pick(['write', 'sync'] as const)
    const path = random.pick(['topics/', 'topics/__', 'journal'])
    return [{ on, index: random.below(100), code: 'io', path }]
  }

  /** What goes wrong while it lives. */
  #plan({ world, disk }: Life, lifeMs: number): void {
    const { fullDiskChance, slowDiskChance, clockJumpChance } = this.#settings
    const random = this.#random
    const note = (what: string) => this.#history.note('machine', { kind: 'fault', what })
    const at = (run: () => void) => world.after(random.fraction() * lifeMs, run)
    if (random.chance(fullDiskChance)) {
      at(() => {
        note('the disk is full')
        this.#storage.capacityBytes = this.#storage.usedBytes + random.below(2_000)
        world.after(random.fraction() * lifeMs, () => {
          this.#storage.capacityBytes = undefined
        })
      })
    }
    if (random.chance(slowDiskChance)) {
      at(() => {
        note('the disk is slow')
        this.#tally.count('fault slow disk')
        disk.slowness = SLOWNESS
        world.after(random.fraction() * lifeMs, () => {
          disk.slowness = 1
        })
      })
    }
    if (random.chance(clockJumpChance)) {
      at(() => {
        const jumpMs = Math.floor((2 * random.fraction() - 1) * MAX_JUMP_MS)
        note(`the clock jumps by ${jumpMs} ms`)
        this.#tally.count(`fault clock ${jumpMs > 0 ? 'forward' : 'back'}`)
        world.jumpClock(jumpMs)
      })
    }
  }

  async #lastLife(life: Life): Promise<void> {
    const { world } = life
    let isEnding = false
    const arena = this.#arena(
      life,
      () => life.connectSafely(),
      () => isEnding,
    )
    await this.#found(life, arena)
    const { done, lazy } = this.#cast.live(arena)
    await Promise.race([done, world.pass(this.#settings.lifeMs / 2)])
    isEnding = true
    const end = await Promise.race([done, world.pass(FINISH_WITHIN_MS).then(() => 'late')])
    if (end === 'late') {
      const who = [...lazy].join(', ')
      const what = `after ${FINISH_WITHIN_MS} ms of nothing but good these are not done: ${who}`
      this.#history.note('the end', { kind: 'stuck', what })
    }
    const session = new Session(await life.connectSafely(), arena)
    await readEverything(session, arena, this.#cast.finalTask)
    await life.stop()
  }

  async #found(life: Life, arena: Arena): Promise<void> {
    await this.#cast.found(new Session(await life.connectSafely(), arena), arena)
  }

  #arena(life: Life, connect: () => Promise<Connection>, isEnding = () => false): Arena {
    const { world } = life
    return {
      history: this.#history,
      tally: this.#tally,
      random: world.random,
      echoes: this.#echoes,
      // Clients have clocks of their own.
      nowMs: () => Math.floor(world.nowMs),
      pass: (ms) => world.pass(ms),
      connect,
      get isEnding() {
        return isEnding()
      },
    }
  }

  async #live(diskFaults: DiskFaults, netFaults: NetFaults, work: (life: Life) => Promise<void>) {
    const { internals, onNote } = this.#options
    const { journalFileBytes, checkpointIntervalMs, segmentMs, groupTimes, keys } = this.#settings
    const report = await liveOnce(
      {
        seed: this.#random.uint32(),
        startMs: this.#nowMs,
        storage: this.#storage,
        diskFaults,
        netFaults,
        internals: {
          commit: { journalFileBytes, checkpointIntervalMs, reserveBytes: RESERVE_BYTES },
          ...internals,
        },
        maxOpenFiles: 100,
        config: {
          'log.roll.ms': String(segmentMs),
          ...(keys > 0 && { 'log.cleaner.backoff.ms': String(CLEANER_BACKOFF_MS) }),
          ...consumerGroupConfig(groupTimes, HEARTBEAT_MS),
          'transaction.state.log.num.partitions': '2',
          'transaction.abort.timed.out.transaction.cleanup.interval.ms': '20',
        },
        onNote,
      },
      async (life) => {
        this.#world = life.world
        await work(life)
      },
    )
    this.#nowMs = report.nowMs
    this.#tally.count('fault reset', report.net['resets'] ?? 0)
    this.#tally.count('fault half-open', report.net['silences'] ?? 0)
    this.#tally.count('lives')
    return report
  }
}
