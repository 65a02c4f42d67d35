// What every net must do, real or simulated: the part of the port's contract that shows between two
// ends of a healthy connection.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Net, NetError, type NetReceiver, type NetSocket } from '../../src/host/net.ts'

const MEGABYTE = 1024 * 1024

/** A net, and the time in which it works. */
export interface NetWorld {
  readonly net: Net
  /** Lets time pass until `work` has settled. */
  run(work: Promise<void>): Promise<unknown>
  /** Lets others go on so many times. */
  turns(count: number): Promise<void>
  /** @throws when the condition does not come true */
  until(condition: () => boolean): Promise<void>
}

/** @param makeWorld gives a fresh one */
export function netContract(makeWorld: () => NetWorld): void {
  const holds = (sentence: string, test: (world: NetWorld) => Promise<void>) => {
    it(sentence, async () => {
      const world = makeWorld()
      await world.run(test(world))
    })
  }

  holds('writes what arrives where the receiver wants it, in order', async ({ net }) => {
    const { client, peer, server } = await pair(net)
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
    const received = receiveInto(peer, { targetBytes: 10_007, totalBytes: sent.length })

    for (let at = 0; at < sent.length; at += 70_000) client.write([sent.subarray(at, at + 70_000)])

    assert.ok((await received).equals(sent))
    await closeAll(client, peer, server)
  })

  holds('a receiver that pauses gets nothing until it resumes', async ({ net, turns, until }) => {
    const { client, peer, server } = await pair(net)
    const target = Buffer.alloc(100)
    let bytes = 0
    peer.onRead({
      target: () => target,
      filled: (count) => {
        bytes += count
        peer.pause()
      },
    })
    client.write([Buffer.from('first')])
    await until(() => bytes > 0)
    const before = bytes

    client.write([Buffer.from('second')])
    await turns(20)
    assert.equal(bytes, before)
    for (; bytes < 11; await turns(1)) peer.resume()

    assert.equal(bytes, 11)
    await closeAll(client, peer, server)
  })

  holds('a receiver that closes its socket gets nothing more', async ({ net }) => {
    const { client, peer, server } = await pair(net)
    const closed = told(peer)
    const target = Buffer.alloc(3)
    let calls = 0
    peer.onRead({
      target: () => target,
      filled: () => {
        calls++
        peer.destroy()
      },
    })

    client.write([Buffer.from('several times the target')])
    await closed

    assert.equal(calls, 1)
    await closeAll(client, peer, server)
  })

  holds('close is told once at both ends, and writing afterwards is harmless', async ({ net }) => {
    const { client, peer, server } = await pair(net)
    let count = 0
    peer.onClose(() => count++)
    const closed = told(peer)
    const target = Buffer.alloc(8)
    peer.onRead({ target: () => target, filled: () => undefined })

    client.destroy()
    await closed
    peer.destroy()
    const written = new Promise<void>((resolve) => peer.write([Buffer.from('late')], resolve))

    await written
    assert.equal(count, 1)
    await closeAll(client, peer, server)
  })

  holds('the server is closed when its last socket is', async ({ net, turns }) => {
    const { client, peer, server } = await pair(net)
    const target = Buffer.alloc(8)
    peer.onRead({ target: () => target, filled: () => undefined })

    let isClosed = false
    const closed = server.close().then(() => {
      isClosed = true
    })
    await turns(20)
    assert.equal(isClosed, false)
    client.destroy()

    await closed
  })

  holds('end sends what is buffered before it closes', async ({ net }) => {
    const { client, peer, server } = await pair(net)
    const target = Buffer.alloc(8)
    peer.onRead({ target: () => target, filled: () => undefined })
    let received = 0
    client.onData((chunk) => {
      received += chunk.length
    })
    const closed = told(client)

    peer.write([Buffer.alloc(3 * MEGABYTE), Buffer.alloc(MEGABYTE)])
    peer.end()
    await closed

    assert.equal(received, 4 * MEGABYTE)
    await closeAll(client, peer, server)
  })

  holds('carries several buffers as one run of bytes, in both directions', async ({ net }) => {
    const { client, peer, server } = await pair(net)
    const atPeer = collect(peer, 6)
    const atClient = collect(client, 4)

    client.write([Buffer.from('ab'), Buffer.from('cd'), Buffer.from('ef')])
    peer.write([Buffer.from('wx'), Buffer.from('yz')])

    assert.equal((await atPeer).toString(), 'abcdef')
    assert.equal((await atClient).toString(), 'wxyz')
    assert.match(peer.remoteAddress, /^127\.0\.0\.1:\d+$/)
    assert.equal(peer.localAddress, '127.0.0.1')
    await closeAll(client, peer, server)
  })

  holds('says false when the peer does not read, and drains when it does', async (world) => {
    const { client, peer, server } = await pair(world.net)
    let drains = 0
    client.onDrain(() => drains++)
    const block = Buffer.alloc(MEGABYTE)
    let written = 0

    while (client.write([block], () => written++)) await world.turns(1)
    assert.ok(client.bufferedBytes > 0)
    peer.onData(() => undefined)

    await world.until(() => drains === 1)
    assert.equal(client.bufferedBytes, 0)
    await world.until(() => written > 0)
    await closeAll(client, peer, server)
  })

  holds('lets go of what it was writing when it is closed', async ({ net, until }) => {
    const { client, peer, server } = await pair(net)
    const block = Buffer.alloc(MEGABYTE)
    let released = 0
    let handedOver = 0

    do handedOver++
    while (client.write([block, block], () => released++))
    client.destroy()

    await until(() => released === handedOver)
    await closeAll(client, peer, server)
  })

  holds('tells a taken port, a foreign address and an empty port apart', async ({ net }) => {
    const server = await net.listen({ host: '127.0.0.1', port: 0 }, () => undefined)
    const address = { host: '127.0.0.1', port: server.port }
    const elsewhere = { host: '192.0.2.1', port: 0 }

    await rejectsWith(
      'address-in-use',
      net.listen(address, () => undefined),
    )
    await rejectsWith(
      'address-not-ours',
      net.listen(elsewhere, () => undefined),
    )
    await server.close()
    await rejectsWith('unreachable', net.connect(address))
  })
}

export async function pair(net: Net) {
  const { promise, resolve } = Promise.withResolvers<NetSocket>()
  const server = await net.listen({ host: '127.0.0.1', port: 0 }, resolve)
  const client = await net.connect({ host: '127.0.0.1', port: server.port })
  return { client, peer: await promise, server }
}

export async function closeAll(
  client: NetSocket,
  peer: NetSocket,
  server: { close(): Promise<void> },
): Promise<void> {
  client.destroy()
  peer.destroy()
  await server.close()
}

export function told(socket: NetSocket): Promise<void> {
  return new Promise((resolve) => socket.onClose(resolve))
}

/** Reads through a small target of which only part is free at a time. */
function receiveInto(
  socket: NetSocket,
  { targetBytes, totalBytes }: { targetBytes: number; totalBytes: number },
): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let total = 0
    let target = Buffer.alloc(targetBytes)
    let used = 0
    const receiver: NetReceiver = {
      target: () => target.subarray(used),
      filled: (bytes) => {
        parts.push(target.subarray(used, used + bytes))
        used += bytes
        total += bytes
        if (used === targetBytes) {
          target = Buffer.alloc(targetBytes)
          used = 0
        }
        if (total === totalBytes) resolve(Buffer.concat(parts))
      },
    }
    socket.onRead(receiver)
  })
}

function collect(socket: NetSocket, bytes: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let all = Buffer.alloc(0)
    socket.onData((chunk) => {
      all = Buffer.concat([all, chunk])
      if (all.length >= bytes) resolve(all)
    })
  })
}

async function rejectsWith(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof NetError && error.code === code)
}
