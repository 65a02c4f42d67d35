import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeClock, nodeHost, nodeTimers } from '../../host/node-host.ts'
import { BrokerSettings } from '../catalog/broker-settings.ts'
import { resolveSettings } from '../catalog/static-settings.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Dispatch } from './dispatch.ts'
import { Listener } from './listener.ts'
import { ConnectionQuotas } from './quotas/connection-quotas.ts'
import { RequestMemory } from './request-memory.ts'
import { ResponseMemory } from './response-memory.ts'

const LIMITS = {
  maxFrameBytes: 1000,
  maxInFlightBytes: 10_000,
  maxInFlightRequests: 10,
  maxIdleMs: 60_000,
}

const echo: Dispatch = async (frame) => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return { chunks: [length, frame], isFrameFree: false }
}

async function listening(
  t: TestContext,
  options: { limits?: Partial<typeof LIMITS>; dispatch?: Dispatch; bindTo?: string } = {},
) {
  const entries: string[] = []
  const note = (event: string) => void entries.push(event)
  const listener = await Listener.open({
    host: nodeHost({ disk: memoryDisk({ maxBytes: 0 }) }),
    name: 'PLAINTEXT',
    protocol: 'PLAINTEXT',
    nextId: () => 1,
    entry: undefined,
    bind: { host: options.bindTo ?? '127.0.0.1', port: 0 },
    advertise: undefined,
    limits: { ...LIMITS, ...options.limits },
    connections: new ConnectionQuotas({
      clock: nodeClock,
      timers: nodeTimers,
      config: new BrokerSettings(resolveSettings({})).config,
      catalog: { clientQuotas: () => new Map(), onChange: () => () => undefined },
      maxConnections: 3,
      onOpened: () => undefined,
      onRefused: note,
    }),
    memory: new RequestMemory(100_000),
    responses: new ResponseMemory(100_000),
    buffers: new BufferPool(0),
    dispatch: options.dispatch ?? echo,
    log: { info: note, warn: note, error: note },
  })
  t.after(() => listener.drain())
  return { listener, entries }
}

async function connected(listener: Listener): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: listener.address.port })
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const FRAME = Buffer.from([0, 0, 0, 8, 0, 3, 0, 0, 0, 0, 0, 5])

async function ask(socket: Socket): Promise<Buffer> {
  socket.write(FRAME)
  const [answer] = await once(socket, 'data')
  return answer
}

describe('a listener', () => {
  it('on port 0 takes a free port and says which', async (t) => {
    const { listener } = await listening(t)

    assert.ok(listener.address.port > 0)
    assert.deepEqual(listener.advertised, listener.address)
  })

  it('on every address tells a client the one that it reached', async (t) => {
    const told: string[] = []
    const dispatch: Dispatch = async (frame, connection) => {
      told.push(connection.advertised.host)
      return echo(frame, connection)
    }
    for (const bindTo of ['0.0.0.0', '::']) {
      const { listener } = await listening(t, { dispatch, bindTo })
      const socket = await connected(listener)

      await ask(socket)

      socket.destroy()
    }
    assert.deepEqual(told, ['127.0.0.1', '127.0.0.1'])
  })

  it('lets connections beyond max.connections wait, and takes them when others have gone', async (t) => {
    const { listener, entries } = await listening(t)
    const sockets = [
      await connected(listener),
      await connected(listener),
      await connected(listener),
    ]
    for (const socket of sockets) await ask(socket)

    const waiting = await connected(listener)
    const answer = ask(waiting)
    assert.deepEqual(await ask(sockets[0]!), FRAME)
    assert.equal(listener.connectionCount, 3)
    sockets[0]!.destroy()

    assert.deepEqual(await answer, FRAME)
    assert.deepEqual(entries, [])
    for (const socket of [...sockets, waiting]) socket.destroy()
  })

  it('closes connections on which nothing moves', async (t) => {
    const { listener } = await listening(t, { limits: { maxIdleMs: 40 } })
    const socket = await connected(listener)
    socket.resume()

    await once(socket, 'close')

    assert.equal(listener.connectionCount, 0)
  })

  it('drains: what has come is answered, then all is closed', async (t) => {
    const started = Promise.withResolvers<void>()
    const going = Promise.withResolvers<void>()
    const dispatch: Dispatch = async (frame, connection) => {
      started.resolve()
      await going.promise
      return echo(frame, connection)
    }
    const { listener } = await listening(t, { dispatch })
    const [busy, idle] = [await connected(listener), await connected(listener)]
    const answer = ask(busy)
    await started.promise

    const drained = listener.drain()
    const idleClosed = once(idle.resume(), 'close')
    going.resolve()

    assert.deepEqual(await answer, FRAME)
    await Promise.all([drained, idleClosed, once(busy, 'close')])
    assert.equal(listener.connectionCount, 0)
    await assert.rejects(connected(listener))
  })
})
