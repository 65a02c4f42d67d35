// Whoever lives beside the broker and outlives it: in each life it gets some more to do, connects, and
// after whatever goes wrong connects again and goes on where it was.
import { ClientError } from '../../../src/cli/client/client-error.ts'
import type { Connection } from '../../../src/cli/client/connection.ts'
import type { SimWorld } from '../sim-world.ts'
import type { ClusterLedger } from './cluster-ledger.ts'

/** One life of the broker, as its clients see it. */
export interface Surroundings {
  readonly world: SimWorld
  connect(): Promise<Connection>
}

const RETRY_MS = 20

export abstract class Actor {
  protected readonly ledger: ClusterLedger
  /** About how long it rests after something went wrong. */
  protected readonly retryMs: number = RETRY_MS
  /** Connections that ended before the work did. */
  interruptions = 0

  constructor(ledger: ClusterLedger) {
    this.ledger = ledger
  }

  /** A new life: more to do. */
  abstract begin(): void
  abstract get isDone(): boolean
  /** Works until there is nothing left to do. @throws ClientError when that cannot go on */
  protected abstract work(connection: Connection, world: SimWorld): Promise<void>

  async live({ world, connect }: Surroundings): Promise<void> {
    while (!this.isDone) {
      let connection: Connection | undefined
      try {
        connection = await connect()
        await this.work(connection, world)
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        this.interruptions++
        await world.pass(this.retryMs * (0.5 + world.random.fraction()))
      } finally {
        connection?.close()
      }
    }
  }
}
