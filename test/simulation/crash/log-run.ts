// One run of the crash test on the log: a workload, the power cut at one operation of it, perhaps a
// second cut during recovery, and then the questions: is everything there that was acknowledged or
// read, nothing else, once, in place, and does the work go on to its end?
import { buildBatch } from '../../../src/broker/batch/builder.ts'
import type { LogFaults } from '../../../src/broker/log/faults.ts'
import type { PartitionLog } from '../../../src/broker/log/partition-log.ts'
import { DiskError } from '../../../src/host/disk.ts'
import { SeededRandom } from '../seeded-random.ts'
import { type DiskFaults, type PlannedError, SimDisk } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'
import { BreachError, keyOf, Ledger } from './ledger.ts'
import { LogLife, nameOf, readAll, readSome } from './log-life.ts'
import { LogProducer } from './log-producer.ts'
import { chooseSettings, type LogSettings } from './log-settings.ts'

export interface RunOptions {
  readonly seed: number
  /** In the first life; undefined lets the workload end and then cuts the power. */
  readonly cutAt?: DiskFaults['cutAt']
  /** In the first life the disk fails: a partition may go offline, or the broker end. */
  readonly errors?: readonly PlannedError[]
  /** In the first life the disk is full for a while. */
  readonly isFull?: boolean
  /** Instead of what the seed says. */
  readonly settings?: Partial<LogSettings>
  /** Planted in the log. */
  readonly logFaults?: LogFaults
  /** Planted in the disk. */
  readonly diskFaults?: PlantedDiskFaults
  /** Hears what happens. */
  readonly onNote?: (line: string) => void
}

export type PlantedDiskFaults = Pick<DiskFaults, 'syncDoesNothing' | 'folderSyncDoesNothing'>

export interface RunReport {
  /** Operations of the disks of all lives, losses, and what clients did, by name. */
  readonly counts: Record<string, number>
  /** Operations in the first life. */
  readonly firstLife: { readonly write: number; readonly sync: number }
  readonly trace: number
}

const SECOND_CUT_CHANCE = 0.3
const SECOND_CUT_WITHIN = 30
const SYNC_WITHIN_MS = 1000
const CARELESS_CHANCE = 0.5
const FREE_WHEN_FULL_BYTES = 20_000

/** @throws BreachError a promise was broken */
export async function runOnce(options: RunOptions): Promise<RunReport> {
  const run = new LogRun(options)
  return await run.run()
}

class LogRun {
  readonly #options: RunOptions
  readonly #random: SeededRandom
  readonly #settings: LogSettings
  readonly #storage = new SimStorage()
  readonly #ledger: Ledger
  readonly #producers: LogProducer[] = []
  readonly #counts: Record<string, number> = {}
  #wasCleanStop = true
  #uncleanStarts = 0
  #cuts = 0
  #nowMs: number | undefined
  #trace = 0
  #carelessCount = 0
  #compactions = 0
  /** In this life the disk reports errors, so partitions may go offline and the broker end. */
  #mayFail = false

  constructor(options: RunOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#settings = { ...chooseSettings(this.#random), ...options.settings }
    const { partitions, producersPerPartition, isCompacted } = this.#settings
    this.#ledger = new Ledger({ isCompacted })
    for (let index = 0; index < partitions * producersPerPartition; index++) {
      const partition = index % partitions
      const settings = this.#settings
      const ledger = this.#ledger
      this.#producers.push(new LogProducer({ partition, producerId: index, settings, ledger }))
    }
  }

  async run(): Promise<RunReport> {
    const { cutAt, errors, isFull } = this.#options
    const work = (world: SimWorld, life: LogLife) => this.#work(world, life)
    const first = await this.#life({ cutAt, ...(errors && { errors }) }, async (world, life) => {
      if (isFull === true) this.#fillDisk(world)
      await work(world, life)
    })
    if (this.#random.chance(SECOND_CUT_CHANCE)) {
      const action = this.#random.pick(['write', 'sync'] as const)
      await this.#life({ cutAt: { action, index: this.#random.below(SECOND_CUT_WITHIN) } }, work)
    }
    await this.#life({}, async (world, life) => {
      await this.#check(world, life)
      await work(world, life)
      await this.#check(world, life)
      await life.close()
      this.#wasCleanStop = true
    })
    await this.#life({}, (world, life) => this.#check(world, life))
    return {
      counts: {
        ...this.#counts,
        ...this.#storage.counters,
        acknowledged: this.#ledger.acknowledgedCount,
        read: this.#ledger.readCount,
        cuts: this.#cuts,
        compactions: this.#compactions,
      },
      firstLife: { write: first['write'] ?? 0, sync: first['sync'] ?? 0 },
      trace: this.#trace,
    }
  }

  /** From power on to power off, whatever `work` comes to. @returns what the disk was asked for */
  async #life(
    diskFaults: DiskFaults,
    work: (world: SimWorld, life: LogLife) => Promise<void>,
  ): Promise<Record<string, number>> {
    const { logFaults = {}, diskFaults: planted, onNote } = this.#options
    const seed = this.#random.uint32()
    const world = new SimWorld({ seed, ...(this.#nowMs && { startMs: this.#nowMs }) })
    world.onNote = onNote
    const disk = new SimDisk(world, this.#storage, { ...planted, ...diskFaults })
    const wasCleanStop = this.#wasCleanStop
    if (!wasCleanStop) this.#uncleanStarts++
    this.#wasCleanStop = false
    const leaderEpoch = this.#uncleanStarts
    this.#mayFail = diskFaults.errors !== undefined
    const died = Promise.withResolvers<void>()
    const onFatal = (error: unknown) => {
      if (!this.#mayFail || !(error instanceof DiskError)) world.fail(error)
      died.resolve()
    }
    const live = async () => {
      const settings = this.#settings
      const options = { world, disk, settings, faults: logFaults, wasCleanStop, leaderEpoch }
      const opened = LogLife.open({ ...options, onFatal })
      opened.catch(onFatal)
      await work(world, await opened)
    }
    await world.run(Promise.race([live(), died.promise]))
    if (!world.isCut) world.cutPower()
    this.#endLife(world, disk)
    return disk.counts
  }

  #endLife(world: SimWorld, disk: SimDisk): void {
    this.#cuts++
    this.#nowMs = world.nowMs
    this.#trace = (this.#trace * 31 + world.trace) >>> 0
    this.#storage.capacityBytes = undefined
    this.#storage.crash(this.#random.fork())
    for (const [name, count] of Object.entries(disk.counts)) {
      this.#counts[name] = (this.#counts[name] ?? 0) + count
    }
  }

  /** No more space than there is already, or little more; and then space again. */
  #fillDisk(world: SimWorld): void {
    const { random } = world
    world.after(random.fraction() * 5, () => {
      this.#storage.capacityBytes = this.#storage.usedBytes + random.below(FREE_WHEN_FULL_BYTES)
    })
    world.after(5 + random.fraction() * 100, () => {
      this.#storage.capacityBytes = undefined
    })
  }

  /** All producers at once, readers beside them, and some who do not wait for the sync. */
  async #work(world: SimWorld, life: LogLife): Promise<void> {
    let isOver = false
    const readers = life.logs.map((log) => this.#readAlong(world, log, () => isOver))
    const careless = world.random.chance(CARELESS_CHANCE)
      ? life.logs.map((log) => this.#produceCarelessly(world, log))
      : []
    const compactors = this.#settings.isCompacted
      ? life.logs.map((log) => this.#compactAlong(world, log, () => isOver))
      : []
    const producing = this.#producers.map((producer) =>
      producer.produce(world, life.logs[producer.partition]!),
    )
    const produced = Promise.all([...producing, ...careless]).finally(() => {
      isOver = true
    })
    await Promise.all([produced, ...readers, ...compactors])
    if (this.#mayFail) return
    this.#assertOnline(life)
    if (!this.#producers.every((producer) => producer.isDone)) {
      throw new BreachError('stuck', 'not everything was acknowledged')
    }
  }

  async #readAlong(world: SimWorld, log: PartitionLog, isOver: () => boolean): Promise<void> {
    let next = log.logStartOffset
    while (!isOver() && log.state === 'online') {
      const { records, nextOffset } = await readSome(log, next)
      this.#ledger.read(nameOf(log), records)
      next = nextOffset
      await world.pass(world.random.fraction())
    }
  }

  /** And once more when all is written. */
  async #compactAlong(world: SimWorld, log: PartitionLog, isOver: () => boolean): Promise<void> {
    let isLast = false
    while (!isLast && log.state === 'online') {
      await world.pass(world.random.fraction() * 4)
      isLast = isOver()
      const maxBytes = world.random.pick([0, 1_000_000])
      const { signal } = new AbortController()
      const report = await log.upkeep.compact({ map: { maxBytes, loadFactor: 0.5 }, signal })
      if (report !== undefined) this.#compactions++
    }
  }

  /** acks 0 and 1 without a producer id: may be lost, but what is read of it must stay. */
  async #produceCarelessly(world: SimWorld, log: PartitionLog): Promise<void> {
    for (let round = 0; round < 3; round++) {
      const name = `careless-${this.#carelessCount++}|`
      const value = this.#settings.isCompacted ? `k0/${name}` : name
      this.#ledger.sent(nameOf(log), [value])
      const key = this.#settings.isCompacted ? Buffer.from(keyOf(value)) : null
      const records = [{ timestamp: 1, key, value: Buffer.from(value) }]
      const acks = world.random.pick([0, 1] as const)
      await log.append(buildBatch({ records }), { acks, origin: 'client' })
      await world.pass(world.random.fraction())
    }
  }

  #assertOnline(life: LogLife): void {
    for (const log of life.logs) {
      if (log.state === 'online') continue
      throw new BreachError('offline', `${nameOf(log)}: ${log.offlineReason}`)
    }
  }

  /** What was written with acks 0 and 1 becomes readable soon after. */
  async #waitForSync(world: SimWorld, log: PartitionLog): Promise<void> {
    const deadlineMs = world.nowMs + SYNC_WITHIN_MS
    while (log.highWatermark !== log.logEndOffset) {
      const { highWatermark, logEndOffset } = log
      if (world.nowMs > deadlineMs) {
        throw new BreachError(
          'stuck',
          `${nameOf(log)}: ${highWatermark} of ${logEndOffset} readable`,
        )
      }
      await world.pass(1)
    }
  }

  async #check(world: SimWorld, life: LogLife): Promise<void> {
    this.#assertOnline(life)
    for (const log of life.logs) {
      await this.#waitForSync(world, log)
      this.#ledger.check(nameOf(log), await readAll(log))
    }
  }
}
