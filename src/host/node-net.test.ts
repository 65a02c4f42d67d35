import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { closeAll, netContract, pair, told } from '../../test/contracts/net.ts'
import { makeNodeNet, nodeNet } from './node-net.ts'

const MEGABYTE = 1024 * 1024

for (const [name, net] of Object.entries({
  'direct reads': makeNodeNet({ directReads: true }),
  'data events': makeNodeNet({ directReads: false }),
})) {
  describe(`the net port on Node, by ${name}`, () => {
    netContract(() => ({ net, turns, until, run: (work) => work }))
  })
}

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

describe('a socket of the net port on Node', () => {
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

describe('listening on Node', () => {
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
