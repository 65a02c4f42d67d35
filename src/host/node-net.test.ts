import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { type Net, NetError, type NetReceiver, type NetSocket } from './net.ts'
import { makeNodeNet, nodeNet } from './node-net.ts'

const MEGABYTE = 1024 * 1024

describe('the net port on Node, whichever way bytes come in', () => {
  const nets = {
    'direct reads': makeNodeNet({ directReads: true }),
    'data events': makeNodeNet({ directReads: false }),
  }
  for (const [name, net] of Object.entries(nets)) {
    it(`writes what arrives where the receiver wants it, in order (${name})`, async () => {
      const { client, peer, server } = await pair(net)
      const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
      const received = receiveInto(peer, { targetBytes: 10_007, totalBytes: sent.length })

      for (let at = 0; at < sent.length; at += 70_000)
        client.write([sent.subarray(at, at + 70_000)])

      assert.ok((await received).equals(sent))
      await closeAll(client, peer, server)
    })

    it(`a receiver that pauses gets nothing until it resumes (${name})`, async () => {
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
      await until(() => bytes === 5)

      client.write([Buffer.from('second')])
      await turns(20)
      assert.equal(bytes, 5)
      peer.resume()

      await until(() => bytes === 11)
      await closeAll(client, peer, server)
    })

    it(`a receiver that closes its socket gets nothing more (${name})`, async () => {
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

    it(`close is told once at both ends, and writing afterwards is harmless (${name})`, async () => {
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

    it(`the server is closed when its last socket is (${name})`, async () => {
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

    it(`end sends what is buffered before it closes (${name})`, async () => {
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
  }
})

describe('direct reads', () => {
  it('really happen: one of them takes more than the 64 KB of a data event', async () => {
    const { client, peer, server } = await pair(nodeNet)
    let written = false
    client.write([Buffer.alloc(16 * MEGABYTE)], () => {
      written = true
    })
    const target = Buffer.alloc(MEGABYTE)
    let most = 0

    peer.onRead({
      target: () => target,
      filled: (bytes) => {
        most = Math.max(most, bytes)
      },
    })

    await until(() => written)
    assert.ok(most > 65_536, `at most ${most} bytes at once`)
    await closeAll(client, peer, server)
  })
})

describe('a socket of the net port', () => {
  it('carries several buffers as one run of bytes, in both directions', async () => {
    const { client, peer, server } = await pair(nodeNet)
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

  it('says false when the peer does not read, and drains when it does', async () => {
    const { client, peer, server } = await pair(nodeNet)
    let drains = 0
    client.onDrain(() => drains++)
    const block = Buffer.alloc(MEGABYTE)
    let written = 0

    while (client.write([block], () => written++)) await turns(1)
    assert.ok(client.bufferedBytes > 0)
    peer.onData(() => undefined)

    await until(() => drains === 1)
    assert.equal(client.bufferedBytes, 0)
    assert.ok(written > 0)
    await closeAll(client, peer, server)
  })

  it('lets go of what it was writing when it is closed', async () => {
    const { client, peer, server } = await pair(nodeNet)
    const block = Buffer.alloc(MEGABYTE)
    let released = 0
    let handedOver = 0

    do handedOver++
    while (client.write([block, block], () => released++))
    client.destroy()

    await until(() => released === handedOver)
    await closeAll(client, peer, server)
  })

  it('is told of a peer that vanishes with a reset', async () => {
    const raw = createServer()
    raw.listen(0, '127.0.0.1')
    await once(raw, 'listening')
    const address = raw.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const accepted = once(raw, 'connection')
    const client = await nodeNet.connect({ host: '127.0.0.1', port })
    const closed = told(client)
    client.onData(() => undefined)
    const [socket] = await accepted

    socket.resetAndDestroy()

    await closed
    raw.close()
  })
})

describe('listening and connecting', () => {
  it('tell a taken port, a foreign address and a port where nobody listens apart', async () => {
    const server = await nodeNet.listen({ host: '127.0.0.1', port: 0 }, () => undefined)
    const address = { host: '127.0.0.1', port: server.port }
    const elsewhere = { host: '192.0.2.1', port: 0 }

    await rejectsWith(
      'address-in-use',
      nodeNet.listen(address, () => undefined),
    )
    await rejectsWith(
      'address-not-ours',
      nodeNet.listen(elsewhere, () => undefined),
    )
    await server.close()
    await rejectsWith('unreachable', nodeNet.connect(address))
  })

  it('a server that runs out of descriptors loses those connections and accepts again', async () => {
    const script = `
      import { nodeNet } from ${JSON.stringify(import.meta.resolve('./node-net.ts'))}
      const { listen, connect } = nodeNet
      let accepted = 0
      const server = await listen({ host: '127.0.0.1', port: 0 }, (socket) => {
        accepted++
        socket.onRead({ target: () => Buffer.alloc(8), filled: () => undefined })
      })
      const address = { host: '127.0.0.1', port: server.port }
      const flood = await Promise.allSettled(Array.from({ length: 100 }, () => connect(address)))
      const open = flood.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const socket of open) socket.destroy()
      const before = accepted
      const refused = 100 - open.length
      for (;;) {
        const again = await connect(address).catch(() => undefined)
        await new Promise(setImmediate)
        again?.destroy()
        if (accepted > before) break
      }
      process.stdout.write(refused > 0 ? 'accepts again' : 'the limit was not reached')
      process.exit()
    `
    const command = `ulimit -n 60; exec "$0" --input-type=module -e "$1"`
    const child = spawn('sh', ['-c', command, process.execPath, script], { timeout: 20_000 })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })

    await once(child, 'close')

    assert.equal(output, 'accepts again')
  })
})

async function pair(net: Net) {
  const { promise, resolve } = Promise.withResolvers<NetSocket>()
  const server = await net.listen({ host: '127.0.0.1', port: 0 }, resolve)
  const client = await net.connect({ host: '127.0.0.1', port: server.port })
  return { client, peer: await promise, server }
}

async function closeAll(
  client: NetSocket,
  peer: NetSocket,
  server: { close(): Promise<void> },
): Promise<void> {
  client.destroy()
  peer.destroy()
  await server.close()
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

function told(socket: NetSocket): Promise<void> {
  return new Promise((resolve) => socket.onClose(resolve))
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'the condition did not come true in 10 s')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

async function rejectsWith(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof NetError && error.code === code)
}
