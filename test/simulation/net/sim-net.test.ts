import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { netContract, pair, told } from '../../contracts/net.ts'
import { SimWorld } from '../sim-world.ts'
import { type NetFaults, SimNet } from './sim-net.ts'

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed)

function simulated({ seed = 1, ...faults }: NetFaults & { seed?: number } = {}) {
  const world = new SimWorld({ seed })
  const net = new SimNet(world)
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await world.pass(0.1)
  }
  const until = async (condition: () => boolean) => {
    const deadlineMs = world.nowMs + 10_000
    for (; !condition(); await world.pass(0.1)) {
      assert.ok(world.nowMs < deadlineMs, 'the condition did not come true in 10 virtual seconds')
    }
  }
  const run = (work: Promise<void>) => world.run(work)
  return { world, simNet: net, net: net.via(faults), turns, until, run }
}

describe('the simulated net', () => {
  netContract(() => simulated())
})

describe('the simulated net, in small pieces and slowly', () => {
  netContract(() => simulated({ maxPieceBytes: 9_000, maxDelayMs: 0.5 }))
})

describe('faults of the simulated net', () => {
  it('a reset ends both ends, and a prefix of what was sent has arrived', async () => {
    let cutShort = 0
    for (const seed of SEEDS) {
      const { net, run, simNet } = simulated({ seed, resetChance: 1, maxPieceBytes: 100 })
      const sent = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 251))
      let received = Buffer.alloc(0)

      await run(
        pair(net).then(async ({ client, peer }) => {
          const closed = Promise.all([told(client), told(peer)])
          client.onData(() => undefined)
          peer.onData((chunk) => {
            received = Buffer.concat([received, chunk])
          })
          client.write([sent])
          await closed
        }),
      )

      assert.ok(received.equals(sent.subarray(0, received.length)))
      assert.equal(simNet.counts['resets'], 1)
      if (received.length < sent.length) cutShort++
    }
    assert.equal(cutShort, SEEDS.length)
  })

  it('a connection that falls silent carries nothing, and tells nobody', async () => {
    for (const seed of SEEDS) {
      const { net, run, turns, simNet } = simulated({ seed, silenceChance: 1, maxPieceBytes: 100 })
      let received = 0
      let closes = 0

      await run(
        pair(net).then(async ({ client, peer }) => {
          for (const end of [client, peer]) end.onClose(() => closes++)
          client.onData(() => undefined)
          peer.onData((chunk) => {
            received += chunk.length
          })
          client.write([Buffer.alloc(5_000)])
          await turns(1_000)
          client.destroy()
          await turns(1_000)
        }),
      )

      assert.ok(received < 5_000)
      assert.equal(closes, 1, 'only the end that closes it knows')
      assert.equal(simNet.counts['silences'], 1)
    }
  })

  it('does the same in the same order when the seed is the same', async () => {
    const traces = []
    for (let round = 0; round < 2; round++) {
      const { net, run, world } = simulated({ seed: 5, maxPieceBytes: 50 })
      await run(
        pair(net).then(async ({ client, peer }) => {
          const closed = told(peer)
          client.onData(() => undefined)
          peer.onData(() => peer.write([Buffer.alloc(30)]))
          client.write([Buffer.alloc(1_000)])
          client.end()
          await closed
        }),
      )
      traces.push(world.trace)
    }
    assert.equal(traces[0], traces[1])
  })
})
