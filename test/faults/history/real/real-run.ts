// Rounds of the checker against a real broker process over TCP. The broker and its folder go on from
// round to round; each round has topics and a history of its own, which is checked and dropped, so that
// a campaign of any length fits into memory.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deleteTopics } from '../../../../src/broker/protocol/20-delete-topics.ts'
import { Connection } from '../../../../src/cli/client/connection.ts'
import { nodeTimers } from '../../../../src/host/node-host.ts'
import { nodeNet } from '../../../../src/host/node-net.ts'
import { SeededRandom } from '../../../simulation/seeded-random.ts'
import type { Arena } from '../actors/arena.ts'
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
import type { Tally } from '../tally.ts'
import { BrokerUnderTest } from './broker-under-test.ts'
import { goWrong, realFaults, sleep } from './faults.ts'
import { FaultyNetwork } from './faulty-network.ts'

export interface RoundReport {
  readonly anomalies: readonly Anomaly[]
  readonly operations: readonly Operation[]
  readonly settings: CastSettings
}

export interface RoundOptions {
  readonly seed: number
  readonly workMs: number
  /** Names of faults; those of the network come besides. */
  readonly faults?: readonly string[]
}

const REQUEST_TIMEOUT_MS = 3_000
const FAULT_REST_MS = 700
const TRANSACTION_TIMEOUT_MS = 1_500
const GROUP_TIMES = { sessionTimeoutMs: 2_000, rebalanceTimeoutMs: 3_000 }
const HEARTBEAT_MS = 100
/** Answers, or lost connections, that are enough for everybody to have come to an end. */
const PATIENCE = { answers: 20_000, interruptions: 400 }

export class RealWorld implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-history-'))
  readonly #tally: Tally
  #broker: BrokerUnderTest | undefined
  #proxy: FaultyNetwork | undefined
  #history: History | undefined
  readonly #faultsToCome: string[] = []
  #round = 0

  constructor(tally: Tally) {
    this.#tally = tally
  }

  get folder(): string {
    return this.#folder
  }

  get output(): string {
    return this.#broker?.output ?? ''
  }

  async round({ seed, workMs, faults = Object.keys(realFaults) }: RoundOptions) {
    const random = new SeededRandom(seed)
    const prefix = `r${this.#round++}.`
    const startedMs = performance.now()
    const history = new History(() => performance.now() - startedMs)
    this.#history = history
    await this.#begin(random)
    const settings = this.#choose(random, new SeededRandom(~seed), faults)
    const cast = new Cast(settings, random, prefix)
    let isEnding = false
    const arena = (connect: () => Promise<Connection>): Arena => ({
      ...{ history, tally: this.#tally, random, echoes: new Echoes() },
      nowMs: () => Date.now(),
      pass: sleep,
      connect,
      get isEnding() {
        return isEnding
      },
    })
    const suffering = arena(() => this.#connect(this.#proxy!.port))
    const safe = arena(() => this.#connect(this.#broker!.port))
    await this.#withSession(safe, (session) => cast.found(session, safe))
    this.#proxy!.faults = {
      cutRequestChance: 0.15,
      cutAnswerChance: 0.25,
      silenceChance: 0.08,
    }
    const work = cast.live(suffering)
    const wrong = goWrong(() => this.#target(random, history), {
      ...{ isEnding: () => isEnding, names: faults, restMs: FAULT_REST_MS },
      left: this.#faultsToCome,
    })
    await Promise.race([Promise.all([work.done, wrong]), sleep(workMs)])
    isEnding = true
    await wrong
    this.#proxy!.faults = undefined
    await this.#finish(work, history)
    await this.#withSession(safe, async (session) => {
      const { finalTask } = cast
      await readEverything(session, safe, finalTask)
      const wanted = finalTask.joins.flatMap(({ wishes }) => wishes.flatMap((one) => one.places))
      const all = [...finalTask.places, ...wanted]
      const topicNames = [...new Set(all.map(({ topic }) => topic))]
      await session.ask(
        deleteTopics,
        { topics: [], topicNames, timeoutMs: 10_000 },
        { maxVersion: 5 },
      )
    })
    await this.#broker!.askCounts()
    const { operations } = history
    this.#tally.count('operations', operations.length)
    this.#tally.count('compacted away', compactedAway(operations))
    this.#tally.count('rounds')
    return { anomalies: check(operations), operations, settings } satisfies RoundReport
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy?.close()
    await this.#broker?.kill()
  }

  /** Nothing was found: nobody needs the folder. */
  removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #begin(random: SeededRandom): Promise<void> {
    await this.#proxy?.close()
    this.#proxy = await FaultyNetwork.listen(random.fork(), (what) => {
      this.#tally.count(`fault ${what}`)
      this.#history?.note('network', { kind: 'fault', what })
    })
    if (this.#broker === undefined || this.#broker.hasEnded) await this.#start()
    this.#proxy.upstreamPort = this.#broker!.port
  }

  async #start(): Promise<void> {
    const config = {
      'auto.create.topics.enable': 'false',
      'group.min.session.timeout.ms': '500',
      'group.initial.rebalance.delay.ms': '0',
      'transaction.state.log.num.partitions': '2',
      'offsets.topic.num.partitions': '2',
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
      'log.roll.ms': '2000',
      ...consumerGroupConfig(GROUP_TIMES, HEARTBEAT_MS),
      'log.retention.check.interval.ms': '5000',
      'log.cleaner.backoff.ms': '500',
      'log.segment.delete.delay.ms': '1000',
    }
    const listen = `127.0.0.1:${this.#broker?.port ?? 0}`
    const settings = { folder: this.#folder, listen, config }
    this.#broker = await BrokerUnderTest.start(settings, this.#tally)
    this.#tally.count('lives')
    if (this.#proxy !== undefined) this.#proxy.upstreamPort = this.#broker.port
  }

  #choose(random: SeededRandom, guests: SeededRandom, faults: readonly string[]): CastSettings {
    const chosen = chooseCast(random, guests)
    return {
      ...chosen,
      ...this.#guests(chosen),
      thinkMs: 10 + chosen.thinkMs,
      deserters: faults.includes('clock jump') ? 0 : chosen.deserters,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      groupTimes: GROUP_TIMES,
    }
  }

  /** There are few rounds: these take part in turns, whatever the seed says. */
  #guests({ members, sharedLoops, keys }: CastSettings): Partial<CastSettings> {
    const turn = this.#round
    return {
      ...(turn % 2 === 1
        ? { members: Math.max(2, members), memberProtocol: 'consumer', wishes: 'expressions' }
        : { sharedLoops: Math.max(2, sharedLoops), processors: 0 }),
      staticShare: 0.5,
      keys: turn % 3 === 1 ? 3 : keys,
    }
  }

  #target(random: SeededRandom, history: History) {
    return {
      ...{ broker: this.#broker!, random, history, tally: this.#tally },
      restart: () => this.#start(),
      replay: () => this.#proxy!.replay(),
    }
  }

  /** Everybody comes to an end, however slow the machine is, unless the broker keeps them from it. */
  async #finish(work: ReturnType<Cast['live']>, history: History): Promise<void> {
    if (this.#broker!.hasEnded) await this.#start()
    let isDone = false
    const done = work.done.then(() => {
      isDone = true
    })
    const { answers, interruptions } = PATIENCE
    const before = [this.#tally.get('answers'), this.#tally.get('interruptions')] as const
    while (!isDone) {
      await Promise.race([done, sleep(50)])
      const isStuck =
        this.#tally.get('answers') - before[0] > answers ||
        this.#tally.get('interruptions') - before[1] > interruptions
      if (!isStuck) continue
      const what = `with all faults over these are not done: ${[...work.lazy].join(', ')}`
      history.note('the end', { kind: 'stuck', what })
      return
    }
  }

  async #withSession(arena: Arena, use: (session: Session) => Promise<void>): Promise<void> {
    const connection = await arena.connect()
    try {
      await use(new Session(connection, arena))
    } finally {
      connection.close()
    }
  }

  #connect(port: number): Promise<Connection> {
    return Connection.open({
      address: { host: '127.0.0.1', port },
      clientId: 'history',
      net: nodeNet,
      timers: nodeTimers,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    })
  }
}
