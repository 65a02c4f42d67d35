import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetReceiver } from '../../host/net.ts'
import { ApiKey } from '../wire/api-keys.ts'
import { BufferPool } from './buffer-pool.ts'
import { Connection } from './connection.ts'
import { ManualTime } from './coordinator-test-world.ts'
import { type Dispatch, type Dispatched, RequestRefused } from './dispatch.ts'
import { SCRATCH_BYTES } from './frame-assembly.ts'
import { RequestMemory } from './request-memory.ts'
import { ResponseMemory } from './response-memory.ts'

const LIMITS = {
  maxFrameBytes: 1000,
  maxInFlightBytes: 200,
  maxInFlightRequests: 5,
  maxIdleMs: 1000,
}

interface TestRequest {
  readonly id: number
  readonly end: (answer?: string) => void
  readonly resolve: (outcome: Dispatched) => void
  readonly fail: (error: Error) => void
}

/** A connection on a socket of our own, with requests that end when the test says so. */
function connected(limits: Partial<typeof LIMITS> = {}, memory = new RequestMemory(10_000)) {
  const socket = new TestSocket()
  const responses = new ResponseMemory(1_000_000)
  const entries: Record<string, unknown>[] = []
  const clock = { nowMs: () => 0, monotonicMs: () => clock.time, time: 0 }
  const timers = new ManualTime()
  const note = (event: string, fields?: object) => void entries.push({ event, ...fields })
  const requests: TestRequest[] = []
  const dispatch: Dispatch = (frame) => {
    const { promise, resolve, reject } = Promise.withResolvers<Dispatched>()
    const end = (answer?: string) => {
      const chunks = answer === undefined ? undefined : [Buffer.from(answer)]
      resolve({ chunks, isFrameFree: false })
    }
    requests.push({ id: frame.readInt32BE(4), end, resolve, fail: reject })
    return promise
  }
  const connection = new Connection({
    id: 1,
    socket,
    advertised: { host: 'broker', port: 9092 },
    dispatch,
    limits: { ...LIMITS, ...limits },
    memory,
    responses,
    scratch: Buffer.alloc(SCRATCH_BYTES),
    pool: new BufferPool(0),
    log: { info: note, warn: note, error: note },
    clock,
    timers,
  })
  return { socket, entries, clock, timers, requests, connection, memory, responses }
}

class TestSocket {
  readonly remoteAddress = '10.0.0.1:50000'
  readonly localAddress = '10.0.0.2'
  readonly bufferedBytes = 0
  written: string[] = []
  /** The peer takes what was written last. */
  taken: () => void = () => undefined
  isPaused = false
  isDestroyed = false
  isEnded = false
  /** Whether the peer's side takes more. */
  isWritable = true
  #receiver: NetReceiver | undefined
  drain: () => void = () => assert.fail('nobody listens')
  lose: () => void = () => assert.fail('nobody listens')

  onData() {
    assert.fail('read by onRead')
  }
  onRead(receiver: NetReceiver) {
    this.#receiver = receiver
  }
  /** Bytes arrive, as large a piece at a time as the connection has room for. */
  receive(bytes: Buffer) {
    for (let at = 0; at < bytes.length; ) {
      const count = bytes.copy(this.#receiver!.target(), 0, at)
      at += count
      this.#receiver!.filled(count)
    }
  }
  onDrain(listener: () => void) {
    this.drain = listener
  }
  onClose(listener: () => void) {
    this.lose = listener
  }
  write(chunks: readonly Buffer[], onWritten?: () => void) {
    this.written.push(chunks.map(String).join(''))
    if (onWritten !== undefined) this.taken = onWritten
    return this.isWritable
  }
  pause() {
    this.isPaused = true
  }
  resume() {
    this.isPaused = false
  }
  destroy() {
    this.isDestroyed = true
  }
  end() {
    this.isEnded = true
  }
}

function requestFrame(apiKey: number, id: number, size = 8): Buffer {
  const frame = Buffer.alloc(4 + size)
  frame.writeInt32BE(size)
  frame.writeInt16BE(apiKey, 4)
  frame.writeInt32BE(id, 8)
  return frame
}

/** Lets promises settle, and the flush after them. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('the order of requests on a connection', () => {
  it('Produces overlap, and are answered in the order they came', async () => {
    const { socket, requests } = connected()
    for (const id of [1, 2, 3]) socket.receive(requestFrame(ApiKey.PRODUCE, id))
    assert.deepEqual(
      requests.map(({ id }) => id),
      [1, 2, 3],
    )

    requests[2]!.end('c')
    await settle()
    assert.deepEqual(socket.written, [])
    requests[0]!.end('a')
    await settle()
    requests[1]!.end('b')
    await settle()

    assert.deepEqual(socket.written, ['a', 'bc'])
  })

  it('any other request waits for those before it, and lets none pass', async () => {
    const { socket, requests } = connected()
    const keys = [ApiKey.PRODUCE, ApiKey.PRODUCE, ApiKey.METADATA, ApiKey.PRODUCE, ApiKey.FETCH]
    for (const [id, key] of keys.entries()) socket.receive(requestFrame(key, id))
    const started = () => requests.map(({ id }) => id)

    assert.deepEqual(started(), [0, 1])
    requests[0]!.end()
    await settle()
    assert.deepEqual(started(), [0, 1], 'one Produce is still running')
    requests[1]!.end('b')
    await settle()
    assert.deepEqual(started(), [0, 1, 2])
    requests[2]!.end('c')
    await settle()
    assert.deepEqual(started(), [0, 1, 2, 3])
    requests[3]!.end('d')
    await settle()

    assert.deepEqual(started(), [0, 1, 2, 3, 4])
    assert.deepEqual(socket.written, ['b', 'c', 'd'])
  })

  it('answers that one sync settles leave in one write', async () => {
    const { socket, requests } = connected()
    for (const id of [1, 2, 3]) socket.receive(requestFrame(ApiKey.PRODUCE, id))

    for (const request of requests) request.end('x')
    await settle()

    assert.deepEqual(socket.written, ['xxx'])
  })
})

describe('the bounds of a connection', () => {
  it('too many bytes in flight stop the reading, and answers start it again', async () => {
    const { socket, requests } = connected()
    socket.receive(requestFrame(ApiKey.FETCH, 1, 150))
    assert.equal(socket.isPaused, false)
    socket.receive(requestFrame(ApiKey.FETCH, 2, 150))
    assert.equal(socket.isPaused, true)

    requests[0]!.end('a')
    await settle()

    assert.equal(socket.isPaused, false)
  })

  it('too many requests in flight stop the reading', async () => {
    const { socket, requests } = connected()
    for (let id = 0; id < 5; id++) socket.receive(requestFrame(ApiKey.PRODUCE, id))
    assert.equal(socket.isPaused, true)

    requests[0]!.end('a')
    await settle()

    assert.equal(socket.isPaused, false)
  })

  it('while the peer does not read its answers, no request starts and nothing is read', async () => {
    const { socket, requests } = connected()
    socket.isWritable = false
    socket.receive(requestFrame(ApiKey.FETCH, 1))
    socket.receive(requestFrame(ApiKey.FETCH, 2))
    requests[0]!.end('a')
    await settle()
    assert.equal(requests.length, 1)
    assert.equal(socket.isPaused, true)

    socket.isWritable = true
    socket.drain()

    assert.equal(requests.length, 2)
    assert.equal(socket.isPaused, false)
  })

  it('connections share the memory for requests', async () => {
    const memory = new RequestMemory(100)
    const [first, second] = [connected({}, memory), connected({}, memory)]
    first.socket.receive(requestFrame(ApiKey.FETCH, 1, 150))
    second.socket.receive(requestFrame(ApiKey.FETCH, 1, 10))
    assert.equal(second.socket.isPaused, true)

    first.requests[0]!.end('a')
    await settle()

    assert.equal(second.socket.isPaused, false)
    assert.equal(memory.usedBytes, 10)
  })

  it('says when an answer has been sent, and never when the connection was gone before', async () => {
    const [taking, leaving] = [connected(), connected()]
    const sent: string[] = []
    const outcome = (name: string) => ({
      chunks: [Buffer.from(name)],
      isFrameFree: false,
      onSent: () => void sent.push(name),
    })
    for (const { socket } of [taking, leaving]) socket.receive(requestFrame(ApiKey.FETCH, 1))

    leaving.socket.lose()
    leaving.requests[0]!.resolve(outcome('leaving'))
    taking.requests[0]!.resolve(outcome('taking'))
    await settle()
    assert.deepEqual(sent, [], 'written, and not taken yet')
    taking.socket.taken()

    assert.deepEqual(sent, ['taking'])
  })

  it('a large answer counts until the peer has taken it, or is gone', async () => {
    const [taking, leaving] = [connected(), connected()]
    for (const { socket, requests } of [taking, leaving]) {
      socket.isWritable = false
      socket.receive(requestFrame(ApiKey.FETCH, 1))
      requests[0]!.end('x'.repeat(20_000))
    }
    await settle()
    assert.equal(taking.responses.usedBytes, 20_000)
    assert.equal(leaving.responses.usedBytes, 20_000)

    taking.socket.taken()
    leaving.socket.lose()
    leaving.socket.taken()

    assert.equal(taking.responses.usedBytes, 0)
    assert.equal(leaving.responses.usedBytes, 0)
  })

  it('a lost connection gives its memory back, running requests when they end', async () => {
    const { socket, requests, memory, connection } = connected()
    socket.receive(requestFrame(ApiKey.FETCH, 1, 20))
    socket.receive(requestFrame(ApiKey.FETCH, 2, 30))
    socket.receive(requestFrame(ApiKey.FETCH, 3, 40).subarray(0, 24))
    const closed = { count: 0 }
    connection.onClose(() => void closed.count++)

    socket.lose()
    assert.equal(memory.usedBytes, 20)
    requests[0]!.end('late')
    await settle()

    assert.equal(memory.usedBytes, 0)
    assert.equal(requests.length, 1, 'what waited never starts')
    assert.deepEqual(socket.written, [])
    assert.equal(closed.count, 1)
  })
})

describe('a connection that must close', () => {
  it('a frame above the limit, or without a header, closes and says why', () => {
    for (const length of [1001, -1, 0, 7]) {
      const { socket, entries } = connected()
      const head = Buffer.alloc(4)
      head.writeInt32BE(length)

      socket.receive(head)

      assert.equal(socket.isDestroyed, true)
      assert.equal(entries[0]!['event'], 'connection-closed')
      assert.match(String(entries[0]!['reason']), new RegExp(`a frame of ${length} bytes`))
    }
  })

  it('a refused request closes with the client, the API and the version in the log', async () => {
    const { socket, entries, requests } = connected()
    socket.receive(requestFrame(ApiKey.FETCH, 1))

    const request = { clientId: 'sarama', api: 'Fetch', apiVersion: 99 }
    requests[0]!.fail(new RequestRefused('unsupported version', request))
    await settle()

    assert.equal(socket.isDestroyed, true)
    assert.deepEqual(entries, [
      {
        event: 'connection-closed',
        reason: 'unsupported version',
        remote: '10.0.0.1:50000',
        ...request,
      },
    ])
  })

  it('a bug closes this connection only, and is logged', async () => {
    const { socket, entries, requests } = connected()
    socket.receive(requestFrame(ApiKey.FETCH, 1))

    requests[0]!.fail(new TypeError('x is undefined'))
    await settle()

    assert.equal(socket.isDestroyed, true)
    assert.equal(entries[0]!['event'], 'bug')
  })
})

describe('an idle connection', () => {
  it('closes after connections.max.idle.ms without a request', () => {
    const { socket, clock, connection } = connected()
    clock.time = 999
    connection.closeIfIdle(999)
    assert.equal(socket.isDestroyed, false)

    connection.closeIfIdle(1000)

    assert.equal(socket.isDestroyed, true)
  })

  it('a frame that drips does not count as life', () => {
    const { socket, clock, connection, entries } = connected()
    const frame = requestFrame(ApiKey.FETCH, 1, 500)
    for (let at = 0; at < 10; at++) {
      clock.time = at * 100
      socket.receive(frame.subarray(at, at + 1))
      connection.closeIfIdle(clock.time)
    }
    assert.equal(socket.isDestroyed, false)

    connection.closeIfIdle(1000)

    assert.equal(socket.isDestroyed, true)
    assert.match(String(entries[0]!['reason']), /no progress/)
  })

  it('a request that we are working on is not idleness, a peer that does not read is', async () => {
    const { socket, connection, requests } = connected()
    socket.isWritable = false
    socket.receive(requestFrame(ApiKey.FETCH, 1))
    connection.closeIfIdle(5000)
    assert.equal(socket.isDestroyed, false)

    requests[0]!.end('a')
    await settle()
    connection.closeIfIdle(9000)

    assert.equal(socket.isDestroyed, true)
  })
})

describe('draining', () => {
  it('answers what has come, takes nothing more, then ends', async () => {
    const { socket, connection, requests } = connected()
    socket.receive(requestFrame(ApiKey.PRODUCE, 1))
    socket.receive(requestFrame(ApiKey.FETCH, 2))

    connection.drain()
    socket.receive(requestFrame(ApiKey.PRODUCE, 3))
    assert.equal(socket.isEnded, false)
    requests[0]!.end('a')
    await settle()
    requests[1]!.end('b')
    await settle()

    assert.deepEqual(socket.written, ['a', 'b'])
    assert.equal(requests.length, 2)
    assert.equal(socket.isEnded, true)
  })

  it('ends an idle connection at once', () => {
    const { socket, connection } = connected()

    connection.drain()

    assert.equal(socket.isEnded, true)
  })
})
