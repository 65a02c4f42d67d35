// One life of a whole broker in a simulated world: from its start on what the disk holds to its clean
// stop, its death, or the power cut. Whatever it complains of in a world that is well is a breach.
import { type Broker, startBrokerWith } from '../../../src/broker/broker.ts'
import type { BrokerInternals } from '../../../src/broker/broker-rooms.ts'
import { Connection } from '../../../src/cli/client/connection.ts'
import type { Host } from '../../../src/host/host.ts'
import { BreachError } from '../crash/ledger.ts'
import { type NetFaults, SimNet } from '../net/sim-net.ts'
import { type DiskFaults, SimDisk } from '../sim-disk.ts'
import type { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'
import type { Surroundings } from './actor.ts'

export interface LifeOptions {
  readonly seed: number
  /** Where the clock of the life before stopped. */
  readonly startMs: number | undefined
  readonly storage: SimStorage
  readonly diskFaults: DiskFaults
  readonly netFaults: NetFaults
  readonly internals: BrokerInternals
  readonly maxOpenFiles: number
  /** Besides what every life has. */
  readonly config?: Readonly<Record<string, string>>
  readonly onNote: ((line: string) => void) | undefined
}

export interface Life extends Surroundings {
  readonly disk: SimDisk
  /** Over connections that suffer nothing. */
  connectSafely(): Promise<Connection>
  /** In good order. */
  stop(): Promise<void>
}

export interface LifeReport {
  /** `failed`: it ended by itself, because its disk did. */
  readonly end: 'done' | 'cut' | 'failed'
  readonly disk: Readonly<Record<string, number>>
  readonly net: Readonly<Record<string, number>>
  readonly nowMs: number
  readonly trace: number
}

const ADDRESS = { host: '127.0.0.1', port: 9092 }
const REQUEST_TIMEOUT_MS = 2_000
/** What a broker writes into its log only when something is wrong with it or its disk. */
const COMPLAINTS = /"event":"(bug|fatal|partition-offline|close-failed|housekeeping-failed)"/

export async function liveOnce(
  options: LifeOptions,
  work: (life: Life) => Promise<void>,
): Promise<LifeReport> {
  const { seed, startMs, storage, diskFaults } = options
  const world = new SimWorld({ seed, ...(startMs !== undefined && { startMs }) })
  world.onNote = options.onNote
  const disk = new SimDisk(world, storage, diskFaults)
  const net = new SimNet(world)
  const life = new BrokerLife(world, { disk, net }, options)
  const outcome = await world.run(life.run(work))
  if (!world.isCut) world.cutPower()
  const { nowMs, trace } = world
  return { end: outcome, disk: disk.counts, net: net.counts, nowMs, trace }
}

class BrokerLife {
  readonly #world: SimWorld
  readonly #host: Host
  readonly #disk: SimDisk
  readonly #net: SimNet
  readonly #options: LifeOptions

  constructor(
    world: SimWorld,
    { disk, net }: { disk: SimDisk; net: SimNet },
    options: LifeOptions,
  ) {
    const { clock, timers, random } = world
    this.#world = world
    this.#disk = disk
    this.#net = net
    this.#options = options
    this.#host = { disk, net, clock, timers, random, openFilesLimit: async () => undefined }
  }

  async run(work: (life: Life) => Promise<void>): Promise<'done' | 'failed'> {
    const broker = await this.#start()
    if (broker === undefined) return 'failed'
    const failed = broker.failed.then((error) => {
      if (!this.#mayFail) throw new BreachError('offline', `the broker gave up: ${error.message}`)
      return 'failed' as const
    })
    const working = work({
      world: this.#world,
      disk: this.#disk,
      connect: () => this.#connect(this.#options.netFaults),
      connectSafely: () => this.#connect({}),
      stop: () => broker.close(),
    })
    return await Promise.race([working.then(() => 'done' as const), failed])
  }

  /** The disk reports errors: partitions may go offline, and the broker may end. */
  get #mayFail(): boolean {
    return (this.#options.diskFaults.errors ?? []).length > 0
  }

  async #start(): Promise<Broker | undefined> {
    const { internals, maxOpenFiles } = this.#options
    const config = {
      'auto.create.topics.enable': 'false',
      'connections.max.idle.ms': '5000',
      'group.min.session.timeout.ms': '1',
      'log.retention.check.interval.ms': '50',
      'millrace.max.open.files': String(maxOpenFiles),
      'offsets.topic.num.partitions': '2',
      ...this.#options.config,
    }
    const listen = `${ADDRESS.host}:${ADDRESS.port}`
    const onLog = (line: string) => this.#hear(line)
    try {
      return await startBrokerWith({ host: this.#host, listen, config, onLog }, internals)
    } catch (error) {
      if (this.#mayFail) return undefined
      throw new BreachError('offline', `the broker does not start: ${String(error)}`)
    }
  }

  #hear(line: string): void {
    this.#world.note(line)
    if (this.#mayFail || !COMPLAINTS.test(line)) return
    this.#world.fail(new BreachError('offline', line))
  }

  #connect(faults: NetFaults): Promise<Connection> {
    return Connection.open({
      address: ADDRESS,
      clientId: 'simulated',
      net: this.#net.via(faults),
      timers: this.#world.timers,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    })
  }
}
