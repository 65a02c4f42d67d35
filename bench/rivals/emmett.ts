// Emmett's store on PostgreSQL as a store to be measured. It counts versions from 1.
import { isExpectedVersionConflictError } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import type { StoreClient, StorePlace } from '../store/store-client.ts'

const MAX_CONNECTIONS = 32

export async function open({ port, callers }: StorePlace): Promise<StoreClient> {
  const connectionString = `postgresql://postgres@127.0.0.1:${port}/postgres`
  const pool = new pg.Pool({ connectionString, max: Math.min(callers, MAX_CONNECTIONS) })
  // The audit ends the server under its connections, idle ones and others.
  pool.on('error', () => undefined)
  pool.on('connect', (connection) => connection.on('error', () => undefined))
  const store = getPostgreSQLEventStore(connectionString, {
    connectionOptions: { pool },
    schema: { autoMigration: 'None' },
  })
  return {
    knowsRetries: false,
    async append(stream, expectedVersion, events) {
      const list = events.map(({ id, type, data }) => ({
        type,
        data,
        metadata: { messageId: id },
      }))
      try {
        const { nextExpectedStreamVersion } = await store.appendToStream(stream, list, {
          expectedStreamVersion: BigInt(expectedVersion + 1),
        })
        const version = Number(nextExpectedStreamVersion) - 1
        return { kind: 'appended', version, place: String(version) }
      } catch (error) {
        if (isExpectedVersionConflictError(error)) return { kind: 'conflict' }
        throw error
      }
    },
    async read(stream) {
      const { events } = await store.readStream(stream)
      return events.map(({ data, metadata }) => ({
        id: String((data as Record<string, unknown>)['id']),
        version: Number(metadata.streamPosition) - 1,
      }))
    },
    async close() {
      await store.close()
      await pool.end()
    },
  }
}

/** Makes the tables. */
export async function install(port: number): Promise<void> {
  const store = getPostgreSQLEventStore(`postgresql://postgres@127.0.0.1:${port}/postgres`)
  await store.schema.migrate()
  await store.close()
}

/** What the planner knows of the tables, up to date. */
export async function settle(port: number): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  await client.connect()
  await client.query('vacuum analyze')
  await client.end()
}
