import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

describe('rule 8: an event that kills the process', () => {
  it('is counted before its handler runs, and parked after a few deaths; others are handled', async () => {
    const stage = new Stage()
    const handled = new Set<number>()
    let deaths = 0
    for (let n = 1; n <= 60; n++) await stage.place(`k${n}`, n)
    const billing = consumer('billing', {
      ...all,
      maxProcessingTime: '1d',
      on: {
        OrderPlaced: ({ data }) => {
          if (data.n === 30) {
            deaths++
            stage.newest?.transport.kill()
            return new Promise(() => undefined)
          }
          handled.add(data.n)
        },
      },
    })

    for (let lives = 0; lives < 10 && stage.lot.entries.length === 0; lives++) {
      await stage.start(billing)
      await stage.time.advance(120_000)
    }
    await stage.time.advance(10_000)

    assert.equal(deaths, 4)
    assert.deepEqual(stage.lot.parked, ['crashed 30'])
    assert.equal(stage.lot.entries[0]?.failure?.errorCode, 'process-crash')
    assert.equal(handled.size, 59)
    assert.equal(await stage.committed('billing'), 60)
  })

  it('processes that die for other reasons park nothing', async () => {
    const stage = new Stage()
    const handled = new Set<number>()
    for (let n = 1; n <= 40; n++) await stage.place(`k${n % 5}`, n)
    const billing = consumer('billing', {
      ...all,
      maxProcessingTime: '1d',
      on: {
        OrderPlaced: async ({ data }) => {
          const transport = stage.newest?.transport
          await stage.pause(1_000)
          if (transport === stage.newest?.transport) handled.add(data.n)
        },
      },
    })

    for (let lives = 0; lives < 12; lives++) {
      const app = await stage.start(billing)
      await stage.time.advance(50_000 + lives * 777)
      app.transport.kill()
    }
    await stage.start(billing)
    await stage.time.advance(300_000)

    assert.deepEqual(stage.lot.entries, [])
    assert.equal(handled.size, 40)
    assert.equal(await stage.committed('billing'), 40)
  })
})
