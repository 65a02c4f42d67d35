// Begins transactions, each under an id of its own, and never comes back: only their timeout ends them.

import { Actor, type Arena } from './arena.ts'
import type { Place, Session } from './session.ts'
import { TransactionalClient } from './transactions.ts'

const REST_MS = 60

export class Deserter extends Actor {
  readonly #place: Place
  readonly #prefix: string
  readonly #timeoutMs: number
  #count = 0

  constructor(name: string, prefix: string, place: Place, timeoutMs: number) {
    super(name)
    this.#prefix = prefix
    this.#place = place
    this.#timeoutMs = timeoutMs
  }

  readonly isDone = true

  protected async work(session: Session, arena: Arena): Promise<void> {
    while (!arena.isEnding) {
      const client = new TransactionalClient({
        name: this.name,
        transactionalId: `${this.#prefix}${this.name}.${this.#count++}`,
        isV2: arena.random.chance(0.5),
        timeoutMs: this.#timeoutMs,
      })
      await client.init(session, arena)
      client.begin()
      await client.send(session, arena, { place: this.#place, values: [client.newValue()] })
      arena.tally.count('deserted transactions')
      await arena.pass(2 * arena.random.fraction() * REST_MS)
    }
  }
}
