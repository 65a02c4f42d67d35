// Reads what a member holds, when it is asked for more. Partitions of one leader are fetched together;
// one that becomes readable while such a fetch waits gets a fetch of its own, on another connection,
// because the broker answers one connection in order.
// Invariants: a partition is in at most one fetch; what a fetch brought is handed out only if its
// partition is still held, readable, and to be read on from just there. What is not asked for any more
// stays at most one answer of each fetch.

import type { FetchedPartition } from '../../sdk/transport/group-member.ts'
import type { Cluster } from './cluster.ts'
import { isConnectionTrouble, isRetriable } from './errors.ts'
import { type FetchOutcome, fetchFrom } from './fetching.ts'
import { type Holding, type Holdings, isReadable } from './holdings.ts'
import type { Bell } from './waiting.ts'

export interface PollerOptions {
  readonly cluster: Cluster
  readonly holdings: Holdings
  /** Rung for whatever may change what can be read. */
  readonly bell: Bell
  /** Of its connections, which are its own. */
  readonly purpose: string
  onOutOfRange(holding: Holding): void
  onFailed(error: unknown): void
  onTrouble(message: string, cause: unknown): void
}

interface Flight {
  readonly nodeId: number
  readonly slot: number
  readonly holdings: readonly Holding[]
}

interface Landing {
  readonly holding: Holding
  readonly fromOffset: number
  readonly fetched: FetchedPartition
}

const LONG_POLL_MS = 500
const MAX_FETCHES_OF_NODE = 4

export class Poller {
  readonly #options: PollerOptions
  readonly #flights = new Set<Flight>()
  #landed: (readonly Landing[])[] = []
  #isLocating = false
  #failures = 0

  constructor(options: PollerOptions) {
    this.#options = options
  }

  /** Empty once `signal` is aborted. */
  async poll(
    request: { maxBytes: number; signal: AbortSignal },
    check: () => void,
  ): Promise<readonly FetchedPartition[]> {
    for (;;) {
      check()
      if (request.signal.aborted) return []
      const fetched = this.#take()
      if (fetched.length > 0) return fetched
      const ms = this.#launch(request.maxBytes)
      await this.#options.bell.heard({ ms, signal: request.signal })
    }
  }

  #take(): readonly FetchedPartition[] {
    const { holdings } = this.#options
    for (;;) {
      const landed = this.#landed.shift()
      if (landed === undefined) return []
      const valid = landed.filter(
        ({ holding, fromOffset }) =>
          holdings.isHeld(holding) && isReadable(holding) && holding.nextOffset === fromOffset,
      )
      for (const { holding, fetched } of valid) {
        holding.nextOffset = fetched.nextOffset
        if (fetched.records.length > 0) holdings.gaveRecords(holding)
      }
      if (valid.length > 0) return valid.map(({ fetched }) => fetched)
    }
  }

  /** @returns after how long it should be called again, whatever happens */
  #launch(maxBytes: number): number | undefined {
    const { cluster, holdings } = this.#options
    const now = cluster.world.clock.monotonicMs()
    const covered = new Set([...this.#flights].flatMap((flight) => flight.holdings))
    for (const { holding } of this.#landed.flat()) covered.add(holding)
    const wanted = holdings.readable().filter((holding) => !covered.has(holding))
    const ready = wanted.filter(({ restsUntilMs }) => restsUntilMs <= now)
    const leaderOf = ({ topic, partition }: Holding) =>
      cluster.topic(topic)?.leaders[partition] ?? -1
    for (const [nodeId, ofNode] of Map.groupBy(ready, leaderOf)) {
      if (nodeId < 0) void this.#locate(ofNode)
      else this.#fetch(nodeId, ofNode, maxBytes)
    }
    const rests = wanted.map(({ restsUntilMs }) => restsUntilMs - now).filter((ms) => ms > 0)
    return rests.length === 0 ? undefined : Math.min(...rests)
  }

  #fetch(nodeId: number, ofNode: readonly Holding[], maxBytes: number): void {
    const taken = [...this.#flights].filter((flight) => flight.nodeId === nodeId)
    if (taken.length >= MAX_FETCHES_OF_NODE) return
    const slot = Array.from({ length: MAX_FETCHES_OF_NODE }, (_, index) => index).find((index) =>
      taken.every((flight) => flight.slot !== index),
    )!
    const flight: Flight = { nodeId, slot, holdings: ofNode }
    this.#flights.add(flight)
    const wishes = ofNode.map(({ topic, partition, nextOffset }) => ({
      topic,
      partition,
      fromOffset: nextOffset,
    }))
    const { cluster, purpose, bell } = this.#options
    void fetchFrom(cluster, { nodeId, purpose: `${purpose} ${slot}` }, wishes, {
      maxBytes,
      waitMs: LONG_POLL_MS,
    })
      .then(
        (outcomes) => this.#land(flight, outcomes),
        (error: unknown) => this.#crash(flight, error),
      )
      .finally(() => {
        this.#flights.delete(flight)
        bell.ring()
      })
  }

  #land(flight: Flight, outcomes: readonly FetchOutcome[]): void {
    const landed: Landing[] = []
    this.#failures = 0
    for (const [index, outcome] of outcomes.entries()) {
      const holding = flight.holdings[index]!
      if (!this.#options.holdings.isHeld(holding)) continue
      switch (outcome.kind) {
        case 'fetched':
          if (outcome.fetched.nextOffset > outcome.fromOffset) {
            landed.push({ holding, fromOffset: outcome.fromOffset, fetched: outcome.fetched })
          }
          break
        case 'moved':
          this.#rest([holding])
          break
        case 'out-of-range':
          if (holding.nextOffset === outcome.fromOffset) this.#options.onOutOfRange(holding)
          break
        case 'failed':
          this.#options.onFailed(outcome.error)
      }
    }
    if (landed.length > 0) this.#landed.push(landed)
  }

  #crash(flight: Flight, error: unknown): void {
    const { cluster } = this.#options
    if (cluster.isClosed) return
    if (!isConnectionTrouble(error) && !isRetriable(error)) {
      this.#options.onFailed(error)
      return
    }
    for (const { topic } of flight.holdings) cluster.forgetLeaders(topic)
    this.#options.onTrouble(`Reading from node ${flight.nodeId} failed; going on trying.`, error)
    this.#rest(flight.holdings)
  }

  async #locate(holdings: readonly Holding[]): Promise<void> {
    if (this.#isLocating) return
    this.#isLocating = true
    const { cluster, bell } = this.#options
    try {
      await cluster.refresh([...new Set(holdings.map(({ topic }) => topic))])
      const isKnown = ({ topic, partition }: Holding) =>
        (cluster.topic(topic)?.leaders[partition] ?? -1) >= 0
      this.#rest(holdings.filter((holding) => !isKnown(holding)))
    } catch (error) {
      if (!cluster.isClosed) {
        this.#options.onTrouble('The cluster did not answer; going on trying.', error)
      }
      this.#rest(holdings)
    } finally {
      this.#isLocating = false
      bell.ring()
    }
  }

  #rest(holdings: readonly Holding[]): void {
    if (holdings.length === 0) return
    const { cluster } = this.#options
    const pauseMs = cluster.backoffMs(this.#failures)
    this.#failures += 1
    for (const holding of holdings) {
      holding.restsUntilMs = cluster.world.clock.monotonicMs() + pauseMs
    }
  }
}
