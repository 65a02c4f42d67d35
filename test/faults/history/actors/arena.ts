// What actors need around them, in the simulated world and in the real one, and how they live through
// lost connections: whoever loses one rests a little, connects again and goes on where it was.

import { ClientError } from '../../../../src/cli/client/client-error.ts'
import type { Connection } from '../../../../src/cli/client/connection.ts'
import type { SeededRandom } from '../../../simulation/seeded-random.ts'
import type { History } from '../history.ts'
import type { Tally } from '../tally.ts'
import type { Echoes } from './echoes.ts'
import { Session } from './session.ts'

export interface Arena {
  readonly history: History
  readonly tally: Tally
  readonly random: SeededRandom
  /** What may be sent once more, late. */
  readonly echoes: Echoes
  /** For timestamps of records. */
  nowMs(): number
  /** Resolves after so long. */
  pass(ms: number): Promise<void>
  /** One that may suffer. @throws ClientError */
  connect(): Promise<Connection>
  /** Finish what is under way, begin nothing. */
  readonly isEnding: boolean
}

const REST_MS = 20

/** The broker wants it to be tried again, later or on another connection. */
export class TryAgain extends Error {}

export abstract class Actor {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  abstract get isDone(): boolean
  /** Works on one connection until it is done or the connection is. */
  protected abstract work(session: Session, arena: Arena): Promise<void>

  async live(arena: Arena): Promise<void> {
    while (!(arena.isEnding && this.isDone)) {
      let connection: Connection | undefined
      try {
        connection = await arena.connect()
        await this.work(new Session(connection, arena), arena)
      } catch (error) {
        if (!(error instanceof ClientError || error instanceof TryAgain)) throw error
        arena.tally.count('interruptions')
        await arena.pass(REST_MS * (0.5 + arena.random.fraction()))
      } finally {
        connection?.close()
      }
    }
  }
}
