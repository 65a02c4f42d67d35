import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProducerIds } from './producer-ids.ts'

describe('producer ids', () => {
  it('are never given twice, also to those who ask while a block is being stored', async () => {
    let blocks = 0
    const ids = new ProducerIds(async () => ({ firstProducerId: 10 * blocks++, count: 10 }))

    const taken = await Promise.all(Array.from({ length: 35 }, () => ids.take()))

    assert.equal(new Set(taken).size, 35)
    assert.equal(blocks, 4)
  })

  it('a block that could not be stored fails those who wait, and is asked for again', async () => {
    let isFailing = true
    const ids = new ProducerIds(async () => {
      if (isFailing) throw new Error('disk')
      return { firstProducerId: 1000, count: 1 }
    })

    await assert.rejects(ids.take(), /disk/)
    isFailing = false

    assert.equal(await ids.take(), 1000)
  })
})
