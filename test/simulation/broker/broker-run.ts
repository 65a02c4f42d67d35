// One run of the crash test on the whole broker: several lives on one disk, the first of which ends
// where the caller says and the others where the seed does: by a power cut, a kill that leaves what the
// operating system has, or a clean stop. Each begins by holding the broker against the ledger, and the
// last one, in which nothing fails any more, must bring all work to its end.
import type { BrokerInternals } from '../../../src/broker/broker-rooms.ts'
import { BreachError } from '../crash/ledger.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { DiskFaults, PlannedError } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import type { SimWorld } from '../sim-world.ts'
import type { Actor } from './actor.ts'
import { Admin, DATA_TOPIC, Founder } from './admin.ts'
import { type Life, liveOnce } from './broker-life.ts'
import { type BrokerSettings, chooseSettings } from './broker-settings.ts'
import { checkCluster } from './check.ts'
import { ClusterLedger } from './cluster-ledger.ts'
import { IdempotentProducer, PlainProducer } from './producers.ts'
import { Follower, Member } from './readers.ts'

export interface BrokerRunOptions {
  readonly seed: number
  /** In the first life; undefined lets the work end and then cuts the power. */
  readonly cutAt?: DiskFaults['cutAt']
  /** In the first life the disk fails: a partition may go offline, or the broker end. */
  readonly errors?: readonly PlannedError[]
  /** Instead of what the seed says. */
  readonly settings?: Partial<BrokerSettings>
  /** Planted in the broker. */
  readonly internals?: BrokerInternals
  /** Planted in the disk. */
  readonly diskFaults?: Pick<DiskFaults, 'syncDoesNothing' | 'folderSyncDoesNothing'>
  /** Hears what happens. */
  readonly onNote?: (line: string) => void
}

export interface BrokerRunReport {
  /** Everything that was counted: disks, nets, losses, clients. */
  readonly counts: Record<string, number>
  /** Operations in the first life. */
  readonly firstLife: { readonly write: number; readonly sync: number }
  readonly trace: number
}

type Ending =
  | { readonly kind: 'cut' | 'kill'; readonly at: DiskFaults['cutAt'] }
  | { readonly kind: 'stop'; readonly afterMs: number }

/** Virtual: nothing that a client asks for may take longer. */
const WORK_WITHIN_MS = 60_000
/** A disk that has failed leaves work that never ends. */
const FAILING_LIFE_MS = 3_000
const MAX_STOP_AFTER_MS = 400
/** Enough for the catalogue of a run. */
const RESERVE_BYTES = 50_000
const READABLE_WITHIN_MS = 200

/** @throws BreachError a promise was broken */
export async function runBrokerOnce(options: BrokerRunOptions): Promise<BrokerRunReport> {
  return await new BrokerRun(options).run()
}

class BrokerRun {
  readonly #options: BrokerRunOptions
  readonly #random: SeededRandom
  readonly #settings: BrokerSettings
  readonly #storage = new SimStorage()
  readonly #ledger = new ClusterLedger()
  readonly #founder: Founder
  readonly #producers: readonly IdempotentProducer[]
  readonly #members: readonly Member[]
  readonly #admins: readonly Admin[]
  readonly #actors: readonly Actor[]
  readonly #counts: Record<string, number> = {}
  #nowMs: number | undefined
  #trace = 0
  #hasFounded = false

  constructor(options: BrokerRunOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    const settings = { ...chooseSettings(this.#random), ...options.settings }
    const ledger = this.#ledger
    this.#settings = settings
    const place = (index: number) => ({ topic: DATA_TOPIC, partition: index % settings.partitions })
    const many = <T>(count: number, make: (index: number) => T) =>
      Array.from({ length: count }, (_, index) => make(index))
    this.#founder = new Founder(ledger, settings)
    this.#producers = many(settings.idempotentProducers, (index) => {
      return new IdempotentProducer({ name: `i${index}`, place: place(index), ledger, settings })
    })
    this.#members = many(
      settings.members,
      () => new Member(ledger, DATA_TOPIC, settings.partitions),
    )
    this.#admins = many(settings.admins, () => new Admin(ledger, settings))
    this.#actors = [
      ...this.#producers,
      ...many(settings.plainProducers, (index) => {
        return new PlainProducer({ name: `p${index}`, place: place(index), ledger, settings })
      }),
      ...many(settings.followers, (index) => new Follower(ledger, place(index))),
      ...this.#members,
      ...this.#admins,
    ]
  }

  async run(): Promise<BrokerRunReport> {
    const { cutAt, errors = [] } = this.#options
    const first = await this.#life({ kind: 'cut', at: cutAt }, errors)
    for (let life = 0; life < this.#settings.middleLives; life++) {
      await this.#life(this.#chooseEnding(first))
    }
    await this.#lastLives()
    this.#countClients()
    return {
      counts: this.#counts,
      firstLife: { write: first['write'] ?? 0, sync: first['sync'] ?? 0 },
      trace: this.#trace,
    }
  }

  #chooseEnding(first: Readonly<Record<string, number>>): Ending {
    const random = this.#random
    const kind = random.pick(['cut', 'cut', 'kill', 'stop'] as const)
    if (kind === 'stop') return { kind, afterMs: random.fraction() * MAX_STOP_AFTER_MS }
    const action = random.pick(['write', 'sync'] as const)
    return { kind, at: { action, index: random.below(Math.max(10, first[action] ?? 0)) } }
  }

  /** @returns what the disk was asked for */
  async #life(
    ending: Ending,
    errors: readonly PlannedError[] = [],
  ): Promise<Readonly<Record<string, number>>> {
    const diskFaults = ending.kind === 'stop' ? { errors } : { cutAt: ending.at, errors }
    let hasServed = false
    let hasStopped = false
    const { end, disk } = await this.#live(diskFaults, this.#settings.netFaults, async (life) => {
      hasServed = true
      await this.#check(life)
      for (const actor of this.#actors) actor.begin()
      const isFailing = errors.length > 0
      const working = this.#work(life, isFailing)
      if (ending.kind !== 'stop') return working
      await Promise.race([working, life.world.pass(ending.afterMs)])
      await life.stop()
      hasStopped = true
    })
    const keepsPower = end !== 'cut' || ending.kind === 'kill'
    this.#count(hasStopped ? 'clean stops' : keepsPower ? 'kills' : 'power cuts')
    // The machine may lose its power after the process has ended, too.
    const hasPower = keepsPower && !this.#random.chance(0.3)
    this.#endLife({ hasServed, isClean: hasStopped, hasPower })
    return disk
  }

  /** Nothing fails any more: all work ends, and what is there then is there after a clean stop. */
  async #lastLives(): Promise<void> {
    await this.#live({}, {}, async (life) => {
      await this.#check(life)
      for (const actor of this.#actors) actor.begin()
      await this.#work(life, false)
      if (!this.#actors.every((actor) => actor.isDone)) {
        throw new BreachError('stuck', 'not everything was done')
      }
      await life.world.pass(READABLE_WITHIN_MS)
      await this.#check(life)
      await life.stop()
    })
    this.#endLife({ hasServed: true, isClean: true, hasPower: this.#random.chance(0.5) })
    await this.#live({}, {}, (life) => this.#check(life))
  }

  async #live(
    diskFaults: DiskFaults,
    netFaults: BrokerSettings['netFaults'],
    work: (life: Life) => Promise<void>,
  ) {
    const { internals, diskFaults: planted, onNote } = this.#options
    const { journalFileBytes, checkpointIntervalMs, maxOpenFiles } = this.#settings
    const report = await liveOnce(
      {
        seed: this.#random.uint32(),
        startMs: this.#nowMs,
        storage: this.#storage,
        diskFaults: { ...planted, ...diskFaults },
        netFaults,
        internals: {
          commit: { journalFileBytes, checkpointIntervalMs, reserveBytes: RESERVE_BYTES },
          ...internals,
        },
        maxOpenFiles,
        onNote,
      },
      work,
    )
    this.#nowMs = report.nowMs
    this.#trace = (this.#trace * 31 + report.trace) >>> 0
    for (const counts of [report.disk, report.net]) {
      for (const [name, count] of Object.entries(counts)) this.#count(name, count)
    }
    this.#count('lives')
    return report
  }

  async #check({ world, connectSafely }: Life): Promise<void> {
    const connection = await connectSafely()
    await checkCluster({ connection, ledger: this.#ledger, world })
    connection.close()
    this.#count('checks')
  }

  async #work(life: Life, isFailing: boolean): Promise<void> {
    const { world } = life
    const everybody = async () => {
      // The topic that all work with is never deleted: nobody needs to ask for it again.
      if (!this.#hasFounded) await this.#founder.live(life)
      this.#hasFounded = true
      await Promise.all(this.#actors.map((actor) => actor.live(life)))
    }
    const limitMs = isFailing ? FAILING_LIFE_MS : WORK_WITHIN_MS
    const end = await Promise.race([everybody(), tooLate(world, limitMs)])
    if (end === 'too late' && !isFailing) {
      const lazy = this.#actors.filter((actor) => !actor.isDone)
      const who = lazy.map((actor) => actor.constructor.name).join(', ') || 'the founder'
      throw new BreachError('stuck', `after ${limitMs} ms work is left: ${who}`)
    }
  }

  #endLife(end: Parameters<ClusterLedger['lifeEnded']>[0]): void {
    if (!end.hasPower) this.#storage.crash(this.#random.fork())
    this.#ledger.lifeEnded(end)
  }

  #countClients(): void {
    const { records, commits } = this.#ledger
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
    this.#count('acknowledged', records.acknowledgedCount)
    this.#count('read', records.readCount)
    this.#count('commits', commits)
    this.#count('resent', sum(this.#producers.map(({ resent }) => resent)))
    this.#count('generations', sum(this.#members.map(({ generations }) => generations)))
    this.#count('interruptions', sum(this.#actors.map(({ interruptions }) => interruptions)))
    for (const { done } of this.#admins) {
      for (const [what, count] of Object.entries(done)) this.#count(`admin: ${what}`, count)
    }
    for (const [name, count] of Object.entries(this.#storage.counters)) this.#count(name, count)
  }

  #count(name: string, count = 1): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + count
  }
}

async function tooLate(world: SimWorld, afterMs: number): Promise<'too late'> {
  await world.pass(afterMs)
  return 'too late'
}
