// message-db (the SQL of @eventide/message-db) as a store to be measured, called through `pg`.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import pg from 'pg'
import type { LoadEvent, StoreClient, StorePlace } from '../store/store-client.ts'

const DATABASE = 'message_store'
const MAX_CONNECTIONS = 32
const scripts = join(import.meta.dirname, 'node_modules/@eventide/message-db/database')
const WRITE = {
  name: 'write',
  text: 'select message_store.write_message($1, $2, $3, $4, null, $5) as version',
}
const READ = {
  name: 'read',
  text: 'select id, position, data from message_store.get_stream_messages($1, 0, -1)',
}

/** Makes the database, by the package's own script. */
export function install(port: number): void {
  const server = { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'postgres' }
  execFileSync(join(scripts, 'install.sh'), { env: { ...process.env, ...server }, stdio: 'pipe' })
}

export async function open({ port, callers }: StorePlace): Promise<StoreClient> {
  const pool = new pg.Pool({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: DATABASE,
    max: Math.min(callers, MAX_CONNECTIONS),
    options: '-c search_path=message_store',
  })
  // The audit ends the server under its connections, idle ones and others.
  pool.on('error', () => undefined)
  pool.on('connect', (connection) => connection.on('error', () => undefined))
  const write = async (
    client: pg.Pool | pg.PoolClient,
    stream: string,
    expectedVersion: number,
    { id, type, data }: LoadEvent,
  ) => {
    const values = [id, stream, type, JSON.stringify(data), expectedVersion]
    const { rows } = await client.query<{ version: string }>({ ...WRITE, values })
    return Number(rows[0]!.version)
  }
  return {
    knowsRetries: false,
    async append(stream, expectedVersion, events) {
      try {
        const version =
          events.length === 1
            ? await write(pool, stream, expectedVersion, events[0]!)
            : await inTransaction(pool, async (client) => {
                let version = expectedVersion
                for (const event of events) version = await write(client, stream, version, event)
                return version
              })
        return { kind: 'appended', version, place: String(version) }
      } catch (error) {
        if (isConflict(error)) return { kind: 'conflict' }
        throw error
      }
    },
    async read(stream) {
      const { rows } = await pool.query<{ id: string; position: string; data: string }>({
        ...READ,
        values: [stream],
      })
      return rows.map(({ id, position, data }) => {
        JSON.parse(data)
        return { id, version: Number(position) }
      })
    },
    close: () => pool.end(),
  }
}

async function inTransaction<Result>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  } finally {
    client.release()
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Wrong expected version')
}

/** What the planner knows of the tables, up to date. */
export async function settle(port: number): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: DATABASE })
  await client.connect()
  await client.query('vacuum analyze')
  await client.end()
}
