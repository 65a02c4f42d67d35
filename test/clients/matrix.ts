// Runs the matrix: every client in its own process, a few clients at a time, in three steps. Cells
// are promises from the beginning, so that a test can wait for its own while the rest goes on.

import { codecs, recompressedTopic, sharedTopic } from './abilities/records.ts'
import type { Ability, Step, Writers } from './ability.ts'
import type { Client } from './clients.ts'
import { type Driver, Unsupported } from './contract.ts'
import { Probe } from './probe.ts'
import type { Target } from './target.ts'

const CLIENTS_AT_ONCE = 3

export type Outcome =
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'fail'; readonly ms: number; readonly error: Error }
  | { readonly kind: 'unsupported'; readonly ms: number; readonly error: Error }

export class Matrix {
  readonly #cells = new Map<string, PromiseWithResolvers<Outcome>>()
  readonly #versions = new Map<Client, PromiseWithResolvers<string>>()
  readonly #drivers = new Map<Client, Driver>()
  readonly #clients: readonly Client[]
  readonly abilities: readonly Ability[]
  readonly #writers: Writers = new Map(
    codecs
      .flatMap((codec) => [sharedTopic(codec), recompressedTopic(codec)])
      .map((topic) => [topic, []]),
  )

  constructor(clients: readonly Client[], abilities: readonly Ability[]) {
    this.#clients = clients
    this.abilities = abilities
    for (const client of clients) {
      this.#versions.set(client, Promise.withResolvers())
      for (const ability of abilities) {
        this.#cells.set(cellName(client, ability), Promise.withResolvers())
      }
    }
  }

  /** What the client says when it is asked for its version, or what went wrong. */
  version(client: Client): Promise<string> {
    return this.#versions.get(client)!.promise
  }

  cell(client: Client, ability: Ability): Promise<Outcome> {
    return this.#cells.get(cellName(client, ability))!.promise
  }

  /** Resolves when every cell is settled; nothing that fails rejects it. */
  async run(target: Target): Promise<void> {
    try {
      await this.#steps(target)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      for (const cell of this.#cells.values()) cell.resolve({ kind: 'fail', ms: 0, error })
      for (const version of this.#versions.values()) version.resolve(String(error))
    } finally {
      await this.#closeDrivers()
    }
  }

  async #steps(target: Target): Promise<void> {
    const probe = new Probe(target.bootstrap)
    for (const codec of codecs) {
      await probe.createTopic(sharedTopic(codec), this.#clients.length)
      const configs = { 'compression.type': codec === 'none' ? 'uncompressed' : codec }
      await probe.createTopic(recompressedTopic(codec), this.#clients.length, configs)
    }
    await this.#step('first', target)
    await this.#closeDrivers()
    await this.#step('after-restart-of-client', target)
    await target.restart()
    await untilServed(probe)
    await this.#step('after-restart-of-broker', target)
  }

  async #step(step: Step, target: Target): Promise<void> {
    const waiting = [...this.#clients]
    const worker = async () => {
      for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
        await this.#askVersion(client, target)
        for (const ability of this.abilities) {
          if (ability.step === step) await this.#attempt(client, ability, target)
        }
      }
    }
    await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, worker))
  }

  async #askVersion(client: Client, target: Target): Promise<void> {
    const { resolve } = this.#versions.get(client)!
    try {
      const { version } = await this.#driverOf(client, target).call('hello', {})
      resolve(version)
    } catch (error) {
      resolve(String(error))
    }
  }

  async #attempt(client: Client, ability: Ability, target: Target): Promise<void> {
    const startedAt = performance.now()
    const outcome = await this.#try(client, ability, target)
    const ms = Math.round(performance.now() - startedAt)
    this.#cells.get(cellName(client, ability))!.resolve({ ...outcome, ms })
  }

  async #try(client: Client, ability: Ability, target: Target) {
    const index = this.#clients.indexOf(client)
    try {
      await ability.attempt({
        client,
        index,
        driver: this.#driverOf(client, target),
        probe: new Probe(target.bootstrap),
        link: target.link,
        secured: target.secured,
        writers: this.#writers,
        name: (what) => `${what}-${client.id}`,
      })
      return { kind: 'pass' } as const
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      return { kind: error instanceof Unsupported ? 'unsupported' : 'fail', error } as const
    }
  }

  #driverOf(client: Client, target: Target): Driver {
    const before = this.#drivers.get(client)
    const driver = before?.isUsable ? before : client.start(target.bootstrap)
    this.#drivers.set(client, driver)
    return driver
  }

  async #closeDrivers(): Promise<void> {
    const drivers = [...this.#drivers.values()]
    this.#drivers.clear()
    await Promise.all(drivers.map((driver) => driver.close()))
  }
}

export function cellName(client: Client, ability: Ability): string {
  return `${client.name}: ${ability.name}`
}

/** After a restart of the broker, waits until the shared topics are served again. */
async function untilServed(probe: Probe): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      for (const codec of codecs) await probe.endOffset(sharedTopic(codec), 0)
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
